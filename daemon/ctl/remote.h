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
#include "daemon/ctl/holder_key.h"
#include "daemon/http/client.h"

namespace kmsd::ctl {

struct Answer {
  int status = 0;
  Document document;

  bool good() const noexcept { return status >= 200 && status < 300; }
  std::string code() const { return document.text("code"); }  // of a problem document
};

using Query = std::map<std::string, std::string>;

// Where the server is, whom to trust for it, and what to show it.
struct Access {
  std::string server;
  http::TlsTrust trust;  // the certificate and its key count on a Unix socket, too: as a proof
  std::chrono::milliseconds timeout{};

  bool local() const noexcept { return server.starts_with("unix:"); }
};
// --server, --ca, --certificate, --key and --timeout. Errors: Invalid.
base::Result<Access> accessOf(const Parsed& parsed);

class Remote {
 public:
  // Reads --server, --ca, --certificate, --key, --token-file and --timeout, and connects. Errors: Invalid;
  // Unavailable / ServerUnreachable; Denied (not trusted); those of the files.
  static base::Result<Remote> open(const Parsed& parsed);
  // The same with no access token. Errors: as open().
  static base::Result<Remote> connect(const Access& access);

  // Errors: Unavailable / ServerUnreachable; Timeout; Corrupt (the answer is not kmsd's).
  base::Result<Answer> call(std::string_view method, std::string path, const Body* body = nullptr,
                            Query query = {});
  // The same for other bodies than JSON.
  base::Result<http::Response> send(http::Request request);

  // An answer larger than memory, as http::Client::fetch.
  base::Result<http::Response> fetch(http::Request request, const http::Client::Sink& sink);

  // For what may take hours: waits for the answer as long as the server is there.
  void waitLong() noexcept { timeout_ = std::chrono::hours(24); }
  // As http::Client::endOn.
  void endOn(int fd) noexcept { client_->endOn(fd); }

  // Every item of a list, page by page. Errors and refusals end it and are told as callThen() does; `seen` so
  // far stays seen.
  Exit each(const Parsed& parsed, const std::string& path, Query query,
            const std::function<void(const Document&)>& seen);

 private:
  Remote() = default;
  base::Result<void> authorize(http::Request& request) const;
  std::unique_ptr<http::Client> client_;
  std::shared_ptr<const HolderKey> holder_;  // on a Unix socket: signs each request
  base::SecretText authorization_;
  std::chrono::milliseconds timeout_{};
};

// What the server said, as an error with its reason. REQUIRES: !answer.good().
base::Error errorOf(const Answer& answer);
// Says on stderr what the server said, and gives the exit code that goes with it.
Exit refused(const Answer& answer);
// The same; under --json the problem document goes to stdout, as the one document that is printed.
Exit refused(const Parsed& parsed, const Answer& answer);
// Calls, and hands a good answer to `then`; says what went wrong otherwise.
Exit callThen(const Parsed& parsed, std::string_view method, std::string path, const Body* body,
              const std::function<Exit(const Answer&)>& then);

// Where "unix:PATH" or "https://HOST:PORT" is. Errors: Invalid.
struct ServerAddress {
  std::string path;  // of a Unix socket; empty: over TLS
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 0;
};
base::Result<ServerAddress> parseServer(std::string_view server);

}  // namespace kmsd::ctl
