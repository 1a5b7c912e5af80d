// Remote: the server that the command line names, and how its refusals become exit codes.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/cli.h"
#include "daemon/ctl/document.h"
#include "daemon/http/client.h"

namespace kmsd::ctl {

struct Answer {
  int status = 0;
  Document document;

  bool good() const noexcept { return status >= 200 && status < 300; }
  std::string code() const { return document.text("code"); }  // of a problem document
};

using Query = std::map<std::string, std::string>;

class Remote {
 public:
  // Reads --server, --token-file and --timeout, and connects. Errors: Invalid; Unavailable /
  // ServerUnreachable; those of the token file.
  static base::Result<Remote> open(const Parsed& parsed);

  // Errors: Unavailable / ServerUnreachable; Timeout; Corrupt (the answer is not kmsd's).
  base::Result<Answer> call(std::string_view method, std::string path, const Body* body = nullptr,
                            Query query = {});

  // Every item of a list, page by page. Errors and refusals end it; `seen` so far stays seen.
  Exit each(const std::string& path, Query query, const std::function<void(const Document&)>& seen);

 private:
  Remote() = default;
  std::unique_ptr<http::Client> client_;
  base::SecretText authorization_;
  std::chrono::milliseconds timeout_{};
};

// Says on stderr what the server said, and gives the exit code that goes with it.
Exit refused(const Answer& answer);
// Calls, and hands a good answer to `then`; says what went wrong otherwise.
Exit callThen(const Parsed& parsed, std::string_view method, std::string path, const Body* body,
              const std::function<Exit(const Answer&)>& then);

// The path of "unix:PATH". Errors: Invalid.
base::Result<std::string> socketPath(std::string_view server);

}  // namespace kmsd::ctl
