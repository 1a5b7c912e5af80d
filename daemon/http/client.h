// The client's side, for kmsctl: one connection to a Unix socket, requests in turn.
#pragma once

#include <filesystem>
#include <memory>

#include "daemon/http/message.h"
#include "hal/base/clock.h"
#include "hal/base/result.h"

namespace kmsd::http {

class Client {
 public:
  // Errors: Unavailable / ServerUnreachable; Denied.
  static base::Result<std::unique_ptr<Client>> connectUnix(const std::filesystem::path& path,
                                                           base::Deadline by);
  virtual ~Client() = default;
  // Any status is an answer. Errors: Unavailable / ServerUnreachable; Timeout.
  virtual base::Result<Response> call(const Request& request, base::Deadline by) = 0;
};

}  // namespace kmsd::http
