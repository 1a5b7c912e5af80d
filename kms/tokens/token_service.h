// TokenService: issues, verifies, renews and revokes tokens. Safe to use from several threads.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hal/base/rng.h"
#include "hal/base/secret_pool.h"
#include "kms/tokens/approval_service.h"
#include "kms/tokens/user_service.h"

namespace kms {

class TokenCore;  // kms/tokens/token_core.h

enum class TokenKind : std::uint8_t { Enrol = 1, Recover = 2, Access = 3 };
std::string_view tokenKindName(TokenKind kind) noexcept;
std::optional<TokenKind> parseTokenKind(std::string_view name) noexcept;  // "enrol", "recover", "access"

struct IssueRequest {
  std::string user{};
  TokenKind kind = TokenKind::Access;
  std::optional<std::chrono::seconds> ttl{};
  std::vector<std::string> scopes{};
  std::optional<std::uint32_t> uses{};  // access tokens only: verifications until it is used up
};

// The same for several users at once.
struct BulkIssueRequest {
  std::vector<std::string> users{};
  TokenKind kind = TokenKind::Access;
  std::optional<std::chrono::seconds> ttl{};
  std::vector<std::string> scopes{};
  std::optional<std::uint32_t> uses{};
};

// What became of each item of a bulk request, in their order.
template <class T>
using Outcomes = std::vector<base::Result<T>>;

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
  base::SecretText token{};
  std::string accessor{};
  std::string user{};
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
  Role role = Role::None;  // what its bearer may do here (see actor.h); None for one-time tokens
  std::int64_t userId = 0;
  std::chrono::seconds delay{0};  // the answer must be held back this long (wrong one-time tokens)
};

// Every method that changes something replies after the disk has it, on this thread or on the writer's, and
// puts an audit entry into the same transaction. The caller must hold no Vault::Hold. Errors of all:
// Unavailable / Sealed; Corrupt / DatabaseCorrupt (a row was altered); those of the store.
class TokenService {
 public:
  // REQUIRES: outlives its replies.
  TokenService(Vault& vault, Store& store, const base::Clock& clock, base::Rng& rng, const Policy& policy);
  ~TokenService();

  // Issuers and above. Nobody grants a scope kms:ROLE above the own role, nor an enrol token for a user above
  // it; recover tokens need admin, and the approvals that the policy asks for. A new one-time token voids the
  // user's pending one. Errors: Invalid (ttl, scope, uses); NotFound (user); Denied / Forbidden; Denied /
  // ApprovalNeeded (a request for just this is there now, or was before); Unavailable / ClockBack.
  void issue(const Actor& by, IssueRequest request, Reply<IssuedToken> reply);
  // Unknown, wrong, expired, revoked and used tokens are alike: not active. A token with a use limit loses
  // one use. By accessor: for verifiers and the holder; takes no use. Errors: Invalid (no token's form);
  // Denied / Forbidden.
  void verify(const Actor& by, TokenRef token, Reply<TokenView> reply);
  // Uses a one-time token up: the first caller gets active = true, every later one false. Errors: Invalid.
  void redeem(const std::string& user, TokenKind kind, base::SecretText token, Reply<TokenView> reply);
  // Counts from now again, by the token's own TTL, never past its longest life. Access tokens only, by the
  // holder or an issuer. Errors: Invalid (one-time); NotFound (unknown, expired, revoked, used: alike);
  // Denied / Forbidden; Unavailable / ClockBack.
  void renew(const Actor& by, TokenRef token, Reply<TokenView> reply);
  // By the holder or an issuer. Revoking again is no error. The view is complete, though not active.
  // Errors: Invalid; NotFound (no such token); Denied / Forbidden (another's).
  void revoke(const Actor& by, TokenRef token, Reply<TokenView> reply);
  // Every token the user has, and any issued before now that is still on its way; new ones can be issued at
  // once. Errors: NotFound; Denied / Forbidden.
  void revokeUser(const Actor& by, const std::string& user, Reply<void> reply);
  // The same for 1 to policy.bulkBatch items in one transaction, which holds nobody else up for longer than
  // some milliseconds. An item that is wrong, unknown or forbidden fails alone (Invalid, NotFound, Denied);
  // whatever else goes wrong fails them all, and then nothing was done. Errors: those, and Invalid (no item,
  // or too many; what all have in common); Denied / ApprovalNeeded (recover tokens, where approvals are asked
  // for: one by one only).
  void issueMany(const Actor& by, BulkIssueRequest request, Reply<Outcomes<IssuedToken>> reply);
  // One-time tokens by their accessors only.
  void revokeMany(const Actor& by, std::vector<TokenRef> tokens, Reply<Outcomes<TokenView>> reply);
  void revokeUsers(const Actor& by, std::vector<std::string> users, Reply<Outcomes<void>> reply);
  // All tokens, or those of `user`, in the order of issue; the views are complete also where not active.
  // `after`: what `next` said, or empty. `limit`: 1 to policy.pageMost, or 0 for policy.page. A page may be
  // short, even empty, and yet have a `next`. Errors: NotFound (user); Invalid.
  base::Result<Page<TokenView>> list(const std::string& user, const std::string& after, std::size_t limit);
  // Who the bearer of an access token is (see actor.h). A token with a use limit is no bearer here.
  // Errors: Denied / Unauthenticated.
  base::Result<Actor> authenticate(std::string_view bearer);
  // Files new tokens under their users, then drops what has expired, requests for approvals too: one bounded
  // batch in one transaction; true while more is left of this round.
  base::Result<bool> tidy();

  // What several administrators must agree to.
  ApprovalService& approvals() noexcept { return approvals_; }

  // For kms/pki alone, which takes one-time tokens too: they share the clock and the throttle.
  TokenCore& core() noexcept { return *core_; }

 private:
  std::unique_ptr<TokenCore> core_;
  ApprovalService approvals_;
};

}  // namespace kms
