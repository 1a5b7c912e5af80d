// The client's side, for kmsctl: one connection over a Unix socket or TLS, requests in turn.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "daemon/http/message.h"
#include "hal/base/clock.h"
#include "hal/base/result.h"

namespace kmsd::http {

// Whom a client trusts over TLS, and what it shows of itself.
struct TlsTrust {
  std::filesystem::path authority;  // PEM: the authorities that may vouch for the server; empty: the system's
  std::filesystem::path certificate;  // PEM: the client's own certificate, then its chain; empty: shows none
  std::filesystem::path key;          // PEM, its private key, without a passphrase
  bool anybody =
      false;  // talks to any server: only for what shows by itself whose it is, and holds no secret
};

class Client {
 public:
  // Errors: Unavailable / ServerUnreachable; Denied.
  static base::Result<std::unique_ptr<Client>> connectUnix(const std::filesystem::path& path,
                                                           base::Deadline by);
  // TLS 1.2 or 1.3 to `host`, a name or an address without brackets, which the server's certificate must
  // name. Errors: Unavailable / ServerUnreachable; Denied / ServerUnreachable (its certificate is not
  // trusted, or another host's); Denied / Unauthenticated (it refused the client's certificate); Timeout /
  // ServerUnreachable; as base::readSmallFile and Invalid for the files.
  static base::Result<std::unique_ptr<Client>> connectTls(const std::string& host, std::uint16_t port,
                                                          const TlsTrust& trust, base::Deadline by);
  virtual ~Client() = default;
  // From now on what waits ends with Unavailable / Interrupted once the descriptor is readable.
  virtual void endOn(int fd) noexcept = 0;
  // Any status is an answer. Errors: Unavailable / ServerUnreachable; Timeout / ServerUnreachable; Denied /
  // Unauthenticated (the server refused the client's certificate).
  virtual base::Result<Response> call(const Request& request, base::Deadline by) = 0;
  // Told of the length of the whole body and of the next piece of it; first of no bytes, when the answer
  // begins.
  using Sink = std::function<base::Result<void>(std::uint64_t total, base::BytesView piece)>;
  // The same for an answer larger than memory: a good one's body goes to the sink, and the connection is of
  // no more use where the sink gives an error. `by`: for the answer's beginning; from then on each piece has
  // `patience`. Errors: also the sink's.
  virtual base::Result<Response> fetch(const Request& request, base::Deadline by,
                                       std::chrono::milliseconds patience, const Sink& sink) = 0;
};

}  // namespace kmsd::http
