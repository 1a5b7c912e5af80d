// HttpDesk: asks a running kmsd over its Unix socket, on a connection of its own.
#pragma once

#include <boost/json.hpp>
#include <filesystem>

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
  explicit HttpDesk(std::filesystem::path socket) : socket_(std::move(socket)) {}

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
  void disconnect() { client_.reset(); }

 private:
  // Errors: those, and what a problem document says.
  base::Result<boost::json::object> ask(const std::string& method, const std::string& path,
                                        const boost::json::object& body, int expected = 200);
  std::filesystem::path socket_;
  std::unique_ptr<kmsd::http::Client> client_;
};

}  // namespace tests
