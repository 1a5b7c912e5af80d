// LocalDesk: asks the services of this process.
#pragma once

#include "hal/base/rfc3339.h"
#include "tests/support/ledger.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {

class LocalDesk final : public Desk {
 public:
  LocalDesk(kms::TokenService& tokens, kms::UserService& users) : tokens_(tokens), users_(users) {}

  base::Result<void> addUser(const std::string& name) override {
    auto user = await<kms::User>([&](auto reply) { users_.add(admin_, name, {}, reply); });
    if (!user) return std::move(user).error();
    return {};
  }
  base::Result<bool> hasUser(const std::string& name) override {
    auto user = users_.show(name);
    if (!user && user.error().code != base::Code::NotFound) return std::move(user).error();
    return bool(user);
  }
  base::Result<Token> issue(const std::string& user) override {
    auto issued =
        await<kms::IssuedToken>([&](auto reply) { tokens_.issue(admin_, kms::IssueRequest{user}, reply); });
    if (!issued) return std::move(issued).error();
    return Token{std::string(base::view(issued->token)), issued->accessor,
                 base::formatTime(issued->expiresAt)};
  }
  base::Result<std::string> renew(const std::string& token) override {
    auto view = await<kms::TokenView>([&](auto reply) { tokens_.renew(admin_, byText(token), reply); });
    if (!view) return std::move(view).error();
    return base::formatTime(view->expiresAt);
  }
  base::Result<void> revoke(const std::string& token) override {
    auto view = await<kms::TokenView>([&](auto reply) { tokens_.revoke(admin_, byText(token), reply); });
    if (!view) return std::move(view).error();
    return {};
  }
  base::Result<void> revokeUser(const std::string& user) override {
    return await<void>([&](auto reply) { tokens_.revokeUser(admin_, user, reply); });
  }
  base::Result<Seen> verify(const std::string& token) override {
    auto view = await<kms::TokenView>([&](auto reply) { tokens_.verify(admin_, byText(token), reply); });
    if (!view) return std::move(view).error();
    return Seen{view->active, view->active ? base::formatTime(view->expiresAt) : std::string()};
  }

 private:
  kms::TokenService& tokens_;
  kms::UserService& users_;
  const kms::Actor admin_{"uid 0", kms::Role::Admin, std::nullopt};
};

}  // namespace tests
