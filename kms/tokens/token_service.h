// TokenService: issues, verifies, renews and revokes tokens. Safe to use from several threads.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "hal/base/rng.h"
#include "hal/base/secret_pool.h"
#include "kms/tokens/user_service.h"

namespace kms {

class Throttle;

enum class TokenKind : std::uint8_t { Enrol = 1, Recover = 2, Access = 3 };
std::string_view tokenKindName(TokenKind kind) noexcept;
std::optional<TokenKind> parseTokenKind(std::string_view name) noexcept;  // "enrol", "recover", "access"

struct IssueRequest {
  std::string user;
  TokenKind kind = TokenKind::Access;
  std::optional<std::chrono::seconds> ttl;
  std::vector<std::string> scopes;
  std::optional<std::uint32_t> uses;  // access tokens only: verifications until it is used up
};

struct IssuedToken {
  base::SecretText token;
  std::string accessor;
  std::string user;
  TokenKind kind{};
  std::vector<std::string> scopes;
  base::Time issuedAt{};
  base::Time expiresAt{};
};

// A token by its text (one-time tokens also need the user they are for) or by its accessor.
struct TokenRef {
  base::SecretText token;
  std::string accessor;
  std::string user;
};

struct TokenView {
  bool active = false;  // when false, nothing else is told
  std::string user;
  TokenKind kind{};
  std::vector<std::string> scopes;
  std::string accessor;
  base::Time issuedAt{};
  base::Time expiresAt{};
  std::optional<std::uint32_t> usesLeft;
  Role role = Role::None;  // what its bearer may do: user's role AND scopes AND issuer's rights
  std::int64_t userId = 0;
  std::chrono::seconds delay{0};  // the answer must be held back this long (wrong one-time tokens)
};

class TokenService {
 public:
  TokenService(Vault& vault, Store& store, const base::Clock& clock, base::Rng& rng, const Policy& policy);
  ~TokenService();

  // Errors: Invalid (ttl, scope, uses); NotFound (user); Denied / Forbidden; Unavailable / Sealed, ClockBack.
  // A new one-time token voids the user's pending one.
  void issue(const Actor& by, IssueRequest request, Reply<IssuedToken> reply);
  // Unknown, wrong, expired, revoked and used tokens are alike: not active. Errors: Invalid (no token's
  // form).
  void verify(const Actor& by, TokenRef token, Reply<TokenView> reply);
  // Uses a one-time token up: the first caller gets active = true, every later one false.
  void redeem(const std::string& user, TokenKind kind, base::SecretText token, Reply<TokenView> reply);
  // Counts from now again, by the token's own TTL, never past its longest life. Access tokens only.
  void renew(const Actor& by, TokenRef token, Reply<TokenView> reply);
  // Revoking again is no error. Errors: NotFound (no such token); Denied / Forbidden (another's).
  void revoke(const Actor& by, TokenRef token, Reply<TokenView> reply);
  // Every token the user has, and any issued before now that is still on its way.
  void revokeUser(const Actor& by, const std::string& user, Reply<void> reply);
  base::Result<Page<TokenView>> list(const std::string& user, const std::string& after, std::size_t limit);
  // Who the bearer of an access token is. Errors: Denied / Unauthenticated.
  base::Result<Actor> authenticate(std::string_view bearer);
  // Files new tokens under their users and drops rows long expired: one bounded batch; true while more is
  // left.
  base::Result<bool> tidy();

 private:
  Vault& vault_;
  Store& store_;
  const base::Clock& clock_;
  base::Rng& rng_;
  const Policy& policy_;
  std::unique_ptr<Throttle> throttle_;
};

}  // namespace kms
