#include <algorithm>

#include "kms/audit/audit.h"
#include "kms/tokens/submit.h"
#include "kms/tokens/token_jobs.h"

namespace kms {
namespace {

base::Error noSuchToken(const char* what) { return {base::Code::NotFound, what}; }

base::Result<TokenView> renewToken(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                   const Presented& presented) {
  auto now = core.clock.advanceToGrant(txn);
  if (!now) return std::move(now).error();
  auto found = resolve(txn, keys, presented);
  if (!found) return std::move(found).error();
  if (*found && !isHolderOrIssuer(by, **found))
    return forbidden("renewing another's token needs the role issuer");
  if (*found && (*found)->row.kind != TokenKind::Access)
    return base::Error{base::Code::Invalid, "a one-time token cannot be renewed; issue a new one"};
  if (!*found || !isActive(**found, *now))
    return noSuchToken("there is no active token to renew; issue a new one");
  TokenRow& row = (*found)->row;
  row.expires = std::max(row.expires, std::min(*now + row.ttl, row.lifeEnd));
  if (auto written = writeToken(txn, keys, row); !written) return std::move(written).error();
  TokenView view = viewOf(keys, **found, *now);
  auto recorded =
      record(txn, *now, {Event::TokenRenewed, by.name, view.accessor, "", view.user, view.expiresAt});
  if (!recorded) return std::move(recorded).error();
  return view;
}

// The row of the user's one-time token changes its state; the user's row must say so too.
base::Result<void> clearPending(Txn& txn, OpenKeys& keys, UserRow& user) {
  if (user.pendingUntil == base::Time{}) return {};
  user.pendingUntil = base::Time{};
  return writeUser(txn, keys, user);
}

}  // namespace

base::Result<TokenView> revokeToken(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                    const Presented& presented) {
  auto now = core.clock.advance(txn);
  if (!now) return std::move(now).error();
  auto found = resolve(txn, keys, presented);
  if (!found) return std::move(found).error();
  if (!*found) return noSuchToken("there is no such token");
  if (!isHolderOrIssuer(by, **found)) return forbidden("revoking another's token needs the role issuer");
  TokenRow& row = (*found)->row;
  UserRow& user = (*found)->user;
  if (row.state != TokenState::Active) return viewOf(keys, **found, *now);
  row.state = TokenState::Revoked;
  row.oneTime.clear();
  if (auto written = writeToken(txn, keys, row); !written) return std::move(written).error();
  if (row.sequence == user.oneTime)
    if (auto cleared = clearPending(txn, keys, user); !cleared) return std::move(cleared).error();
  TokenView view = viewOf(keys, **found, *now);
  auto recorded = record(txn, *now, {Event::TokenRevoked, by.name, view.accessor, "", view.user});
  if (!recorded) return std::move(recorded).error();
  return view;
}

namespace {

base::Result<void> revokePending(Txn& txn, OpenKeys& keys, const UserRow& user) {
  if (user.oneTime == 0) return {};
  auto row = readToken(txn, keys, user.oneTime);
  if (!row) return std::move(row).error();
  if (!*row || (*row)->state != TokenState::Active) return {};
  (*row)->state = TokenState::Revoked;
  (*row)->oneTime.clear();
  return writeToken(txn, keys, **row);
}

}  // namespace

base::Result<void> revokeAllOf(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                               const std::string& name) {
  auto now = core.clock.advance(txn);
  if (!now) return std::move(now).error();
  auto user = findUser(txn, keys, name);
  if (!user) return std::move(user).error();
  const bool self = *user && by.user == (*user)->user.id;
  if (by.role < Role::Issuer && !self) return forbidden("revoking another's tokens needs the role issuer");
  if (!*user) return noSuchUser(name);
  auto mark = core.sequence.mark(txn);
  if (!mark) return std::move(mark).error();
  if (auto revoked = revokePending(txn, keys, **user); !revoked) return std::move(revoked).error();
  (*user)->revokedBefore = *mark;
  (*user)->pendingUntil = base::Time{};
  if (auto written = writeUser(txn, keys, **user); !written) return std::move(written).error();
  return record(txn, *now, {Event::UserTokensRevoked, by.name, name, "all tokens issued so far"});
}

namespace {

using Change = base::Result<TokenView> (*)(TokenCore&, Txn&, OpenKeys&, const Actor&, const Presented&);

void change(TokenCore& core, const Actor& by, Presented presented, Change how, Reply<TokenView> reply) {
  submit<TokenView>(
      core.store,
      [&core, by, presented = std::move(presented), how](Txn& txn) {
        return withKeys(core, [&](OpenKeys& keys) { return how(core, txn, keys, by, presented); });
      },
      std::move(reply));
}

}  // namespace

void TokenService::renew(const Actor& by, TokenRef token, Reply<TokenView> reply) {
  auto presented = guarded([&] { return present(std::move(token), core_->policy); });
  if (!presented) return reply(std::move(presented).error());
  if (presented->form == Presented::Form::OneTime)
    return reply(base::Error{base::Code::Invalid, "a one-time token cannot be renewed; issue a new one"});
  change(*core_, by, *std::move(presented), renewToken, std::move(reply));
}

void TokenService::revoke(const Actor& by, TokenRef token, Reply<TokenView> reply) {
  auto presented = guarded([&] { return present(std::move(token), core_->policy); });
  if (!presented) return reply(std::move(presented).error());
  // Before the token is looked for: to anybody else the answer would be a way to guess past the throttle.
  if (presented->form == Presented::Form::OneTime && by.role < Role::Issuer &&
      by.name != "user " + presented->user)
    return reply(forbidden("revoking another's token needs the role issuer"));
  change(*core_, by, *std::move(presented), revokeToken, std::move(reply));
}

void TokenService::revokeUser(const Actor& by, const std::string& user, Reply<void> reply) {
  submit<void>(
      core_->store,
      [core = core_.get(), by, user](Txn& txn) {
        return withKeys(*core, [&](OpenKeys& keys) { return revokeAllOf(*core, txn, keys, by, user); });
      },
      std::move(reply));
}

}  // namespace kms
