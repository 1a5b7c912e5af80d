#include "kms/tokens/token_jobs.h"

#include "kms/audit/audit.h"
#include "kms/tokens/approval_jobs.h"
#include "kms/tokens/fields.h"
#include "kms/tokens/submit.h"
#include "kms/tokens/token_text.h"

namespace kms {
namespace {

base::Error invalid(std::string what) { return {base::Code::Invalid, std::move(what)}; }

base::Result<void> checkUses(const IssueRequest& request, const Policy& policy) {
  if (!request.uses) return {};
  if (request.kind != TokenKind::Access) return invalid("only an access token can have a use limit");
  if (*request.uses < 1 || *request.uses > policy.usesMost)
    return invalid("the use limit must be from 1 to " + std::to_string(policy.usesMost));
  if (hasOwnScope(request.scopes)) return invalid("a token with a use limit cannot have a kms: scope");
  return {};
}

}  // namespace

base::Result<void> checkIssue(const Actor& by, IssueRequest& request, const Policy& policy) {
  const bool access = request.kind == TokenKind::Access;
  if (auto good = checkUserName(request.user, policy); !good) return std::move(good).error();
  if (!request.ttl) request.ttl = access ? policy.accessTtl : policy.oneTimeTtl;
  if (auto good = checkTtl(*request.ttl, access ? policy.accessTtlMost : policy.oneTimeTtlMost); !good)
    return std::move(good).error();
  if (auto good = checkScopes(request.scopes, policy); !good) return std::move(good).error();
  if (auto good = checkUses(request, policy); !good) return std::move(good).error();
  if (by.role < Role::Issuer) return forbidden("issuing a token needs the role issuer");
  if (request.kind == TokenKind::Recover && by.role < Role::Admin)
    return forbidden("issuing a recover token needs the role admin");
  if (scopeRole(request.scopes) > by.role)
    return forbidden("you cannot grant a scope above your own role, " + std::string(roleName(by.role)));
  return {};
}

namespace {

base::Result<void> voidPending(Txn& txn, OpenKeys& keys, const Actor& by, const UserRow& user,
                               base::Time now) {
  if (user.oneTime == 0) return {};
  auto old = readToken(txn, keys, user.oneTime);
  if (!old) return std::move(old).error();
  if (!*old || (*old)->state != TokenState::Active) return {};
  (*old)->state = TokenState::Voided;
  (*old)->oneTime.clear();
  if (auto written = writeToken(txn, keys, **old); !written) return std::move(written).error();
  return record(txn, now,
                {Event::TokenVoided, by.name, keys.accessor(user.oneTime), "by a new one", user.user.name});
}

TokenRow newRow(const Actor& by, const IssueRequest& request, const UserRow& user, std::int64_t sequence,
                base::Time now, const Policy& policy) {
  TokenRow row;
  row.sequence = sequence;
  row.kind = request.kind;
  row.issuer = by.role;
  row.user = user.user.id;
  row.issued = now;
  row.ttl = *request.ttl;
  row.expires = now + row.ttl;
  row.lifeEnd =
      request.kind == TokenKind::Access ? now + std::max(policy.accessLifeMost, row.ttl) : row.expires;
  row.uses = request.uses.value_or(0);
  row.scopes = request.scopes;
  return row;
}

// The text that its holder gets; its MAC, and where it is a one-time token itself, go into the row.
base::Result<base::SecretText> mint(OpenKeys& keys, TokenRow& row, const std::string& accessor,
                                    base::Rng& rng) {
  if (row.kind == TokenKind::Access) {
    auto text = makeAccessToken(accessor, rng);
    if (text) row.mac = keys.tokenMacOf(row.sequence, base::asBytes(base::view(*text)));
    return text;
  }
  auto plain = makeOneTimeToken(rng);
  if (!plain) return std::move(plain).error();
  row.mac = keys.tokenMacOf(row.sequence, base::asBytes(base::view(*plain)));
  row.oneTime = *std::move(plain);
  return showOneTimeToken(base::view(row.oneTime));
}

// Where a recover token needs others to agree, and they have not: why not.
base::Result<std::optional<base::Error>> missingApproval(TokenCore& core, Txn& txn, OpenKeys& keys,
                                                         const Actor& by, const IssueRequest& request,
                                                         std::int64_t user, base::Time now) {
  if (request.kind != TokenKind::Recover) return std::optional<base::Error>();
  ApprovalSubject subject{ApprovalKind::RecoverToken, user,
                          "ttl " + std::to_string(request.ttl->count()) + " s"};
  for (const std::string& scope : request.scopes) subject.detail += ", scope " + scope;
  return useApproval(core, txn, keys, by, subject, now);
}

}  // namespace

base::Result<IssuedToken> issueToken(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                     const IssueRequest& request) {
  auto now = core.clock.advanceToGrant(txn);
  if (!now) return std::move(now).error();
  auto user = findUser(txn, keys, request.user);
  if (!user) return std::move(user).error();
  if (!*user) return noSuchUser(request.user);
  const bool oneTime = request.kind != TokenKind::Access;
  if (oneTime && (*user)->user.role > by.role)
    return forbidden("issuing a one-time token for a user whose role is above your own needs that role");
  auto missing = missingApproval(core, txn, keys, by, request, (*user)->user.id, *now);
  if (!missing) return std::move(missing).error();
  if (*missing) return **std::move(missing);
  auto sequence = core.sequence.take(txn);
  if (!sequence) return std::move(sequence).error();
  TokenRow row = newRow(by, request, **user, *sequence, *now, core.policy);
  std::string accessor = keys.accessor(row.sequence);
  auto text = mint(keys, row, accessor, core.rng);
  if (!text) return std::move(text).error();
  if (auto written = insertToken(txn, keys, row); !written) return std::move(written).error();
  if (oneTime) {
    if (auto voided = voidPending(txn, keys, by, **user, *now); !voided) return std::move(voided).error();
    (*user)->oneTime = row.sequence;
    (*user)->pendingUntil = row.expires;
    if (auto written = writeUser(txn, keys, **user); !written) return std::move(written).error();
  }
  auto recorded = record(txn, *now,
                         {Event::TokenIssued, by.name, accessor, std::string(tokenKindName(row.kind)),
                          request.user, row.expires});
  if (!recorded) return std::move(recorded).error();
  return IssuedToken{*std::move(text), std::move(accessor), request.user, row.kind,
                     row.scopes,       row.issued,          row.expires};
}

void TokenService::issue(const Actor& by, IssueRequest request, Reply<IssuedToken> reply) {
  if (auto good = checkIssue(by, request, core_->policy); !good) return reply(std::move(good).error());
  // A refusal for want of approvals is an outcome of its own: the request for them is committed.
  submit<Outcomes<IssuedToken>>(
      core_->store,
      [core = core_.get(), by, request = std::move(request)](Txn& txn) {
        return withKeys(*core, [&](OpenKeys& keys) -> base::Result<Outcomes<IssuedToken>> {
          auto issued = issueToken(*core, txn, keys, by, request);
          if (!issued && issued.error().reason != base::Reason::ApprovalNeeded)
            return std::move(issued).error();
          Outcomes<IssuedToken> one;
          one.push_back(std::move(issued));
          return one;
        });
      },
      [reply = std::move(reply)](base::Result<Outcomes<IssuedToken>> done) {
        if (!done) return reply(std::move(done).error());
        reply(std::move(done->front()));
      });
}

}  // namespace kms
