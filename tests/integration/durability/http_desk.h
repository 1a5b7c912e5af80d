// HttpDesk: asks a running kmsd, on a connection of its own.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <functional>

#include "daemon/http/client.h"
#include "tests/support/ledger.h"

namespace tests {

struct Answer {
  int status = 0;
  boost::json::object body;
  std::string text(const char* name) const;  // a member that is a string; else empty
};

class HttpDesk final : public Desk {
 public:
  // Over the Unix socket.
  explicit HttpDesk(const std::filesystem::path& socket);
  // Over TLS to this port here, with an access token.
  HttpDesk(std::uint16_t port, const std::filesystem::path& authority, std::string bearer);
  // The same, with a client certificate.
  HttpDesk(std::uint16_t port, kmsd::http::TlsTrust trust);

  base::Result<void> addUser(const std::string& name) override;
  base::Result<bool> hasUser(const std::string& name) override;
  base::Result<Token> issue(const std::string& user) override;
  base::Result<std::string> renew(const std::string& token) override;
  base::Result<void> revoke(const std::string& token) override;
  base::Result<void> revokeUser(const std::string& user) override;
  base::Result<Seen> verify(const std::string& token) override;

  // Any status is an answer. Errors: Unavailable / ServerUnreachable; Timeout. The next call connects anew.
  base::Result<Answer> call(const std::string& method, const std::string& path,
                            const boost::json::object& body = {},
                            const std::map<std::string, std::string>& query = {});
  // The body of an answer with the status 200 to what is not JSON. Errors: those, and NotFound.
  base::Result<std::string> fetch(const std::string& method, const std::string& path,
                                  const std::string& contentType = {}, base::BytesView body = {});
  void disconnect() { client_.reset(); }

 private:
  base::Result<kmsd::http::Response> send(kmsd::http::Request request);
  // Errors: those, and what a problem document says.
  base::Result<boost::json::object> ask(const std::string& method, const std::string& path,
                                        const boost::json::object& body, int expected = 200);
  std::function<base::Result<std::unique_ptr<kmsd::http::Client>>()> connect_;
  std::string bearer_;
  std::unique_ptr<kmsd::http::Client> client_;
};

}  // namespace tests
