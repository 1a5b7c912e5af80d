// Revoking everything that many users have: for those who leave.
#include "kms/pki/certificate_core.h"
#include "kms/tokens/fields.h"
#include "kms/tokens/token_jobs.h"

namespace kms::pki {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kChangesMost = 512;  // certificates from which a transaction takes no further user

// One request, through as many transactions as it needs.
struct Sweep {
  Actor by;
  std::vector<std::string> users;
  RevocationReason reason{};
  Reply<Outcomes<RevokedUser>> reply;
  Outcomes<RevokedUser> outcomes{};
};

Result<void> endAll(Txn& txn, OpenKeys& keys, const Sweep& sweep, const UserRow& user, base::Time now,
                    unsigned& count, std::vector<RevocationChange>& changes) {
  for (std::int64_t sequence = user.newest; sequence != 0;) {
    auto row = readCertificate(txn, keys, sequence);
    if (!row) return std::move(row).error();
    if (!*row || (*row)->user != user.user.id)
      return corruptRow("a user's certificate is missing or another's");
    sequence = (*row)->previous;
    if (now >= (*row)->notAfter) continue;
    if (auto settled = settleRow(txn, keys, **row, now, changes); !settled) return settled;
    if ((*row)->state == CertificateState::Revoked) continue;
    auto change =
        endRow(txn, keys, **row, sweep.reason, now, sweep.by.name, std::string(reasonName(sweep.reason)));
    if (!change) return std::move(change).error();
    changes.push_back(*change);
    ++count;
  }
  return {};
}

// The enrol token that waits to be used, also one that a certificate had claimed until now.
Result<void> endToken(CertificateCore& core, Txn& txn, OpenKeys& keys, const Sweep& sweep,
                      const UserRow& user, unsigned& count) {
  if (user.oneTime == 0) return {};
  auto token = readToken(txn, keys, user.oneTime);
  if (!token) return std::move(token).error();
  if (!*token || (*token)->kind != TokenKind::Enrol || (*token)->state != TokenState::Active) return {};
  Presented named;
  named.form = Presented::Form::Accessor;
  named.accessor = keys.accessor(user.oneTime);
  auto revoked = revokeToken(core.tokens, txn, keys, sweep.by, named);
  if (!revoked) return std::move(revoked).error();
  ++count;
  return {};
}

Result<UserRow> named(CertificateCore& core, Txn& txn, OpenKeys& keys, const std::string& name) {
  if (auto good = checkUserName(name, core.tokens.policy); !good) return std::move(good).error();
  auto user = findUser(txn, keys, name);
  if (!user) return std::move(user).error();
  if (!*user) return noSuchUser(name);
  return **std::move(user);
}

Result<RevokedUser> revokeFound(CertificateCore& core, Txn& txn, OpenKeys& keys, const Sweep& sweep,
                                const UserRow& user, base::Time now, std::vector<RevocationChange>& changes) {
  RevokedUser out;
  if (auto ended = endAll(txn, keys, sweep, user, now, out.certificates, changes); !ended)
    return std::move(ended).error();
  if (auto ended = endToken(core, txn, keys, sweep, user, out.tokens); !ended)
    return std::move(ended).error();
  return out;
}

// What this user can be refused for is found before the first change.
Result<RevokedUser> revokeOne(CertificateCore& core, Txn& txn, OpenKeys& keys, const Sweep& sweep,
                              const std::string& name, base::Time now,
                              std::vector<RevocationChange>& changes) {
  auto user = named(core, txn, keys, name);
  if (!user) return std::move(user).error();
  return revokeFound(core, txn, keys, sweep, *user, now, changes);
}

// The one user of the sweep, and whatever tokens he has.
Result<Made<RevokedUser>> endOne(CertificateCore& core, Txn& txn, OpenKeys& keys, const Sweep& sweep,
                                 const EndCheck& check) {
  auto now = core.tokens.clock.advance(txn);
  if (!now) return std::move(now).error();
  auto user = named(core, txn, keys, sweep.users.front());
  if (!user) return std::move(user).error();
  if (auto good = check(txn, keys, *user, *now); !good) return std::move(good).error();
  Made<RevokedUser> made;
  auto revoked = revokeFound(core, txn, keys, sweep, *user, *now, made.changes);
  if (!revoked) return std::move(revoked).error();
  made.value = *revoked;
  auto ended = revokeAllOf(core.tokens, txn, keys, sweep.by, sweep.users.front());
  if (!ended) return std::move(ended).error();
  return made;
}

Result<Made<Outcomes<RevokedUser>>> someUsers(CertificateCore& core, Txn& txn, OpenKeys& keys,
                                              const Sweep& sweep) {
  auto now = core.tokens.clock.advance(txn);
  if (!now) return std::move(now).error();
  Made<Outcomes<RevokedUser>> made;
  const std::size_t from = sweep.outcomes.size();
  for (std::size_t i = from; i < sweep.users.size() && made.changes.size() < kChangesMost; ++i) {
    auto one = revokeOne(core, txn, keys, sweep, sweep.users[i], *now, made.changes);
    const bool itsOwn = !one && (one.error().code == Code::Invalid || one.error().code == Code::NotFound);
    if (!one && !itsOwn) return std::move(one).error();
    made.value.push_back(std::move(one));
  }
  return made;
}

// The next transaction is written from the reply of the one before, which waits for nothing.
void goOn(CertificateCore& core, std::shared_ptr<Sweep> sweep) {
  const Sweep& asked = *sweep;
  submitMade<Outcomes<RevokedUser>>(
      core, [&core, &asked](Txn& txn, OpenKeys& keys) { return someUsers(core, txn, keys, asked); },
      [&core, sweep](Result<Outcomes<RevokedUser>> done) {
        if (!done) return sweep->reply(std::move(done).error());
        for (auto& one : *done) sweep->outcomes.push_back(std::move(one));
        if (sweep->outcomes.size() < sweep->users.size()) return goOn(core, sweep);
        sweep->reply(std::move(sweep->outcomes));
      });
}

}  // namespace

bool isFinal(RevocationReason reason) noexcept {
  switch (reason) {
    case RevocationReason::Unspecified:
    case RevocationReason::KeyCompromise:
    case RevocationReason::AffiliationChanged:
    case RevocationReason::Superseded:
    case RevocationReason::CessationOfOperation:
    case RevocationReason::PrivilegeWithdrawn:
      return true;
    case RevocationReason::AuthorityCompromise:
    case RevocationReason::Hold:
    case RevocationReason::RemoveFromCrl:
      break;
  }
  return false;
}

void CertificateService::revokeUsers(const Actor& by, std::vector<std::string> users, RevocationReason reason,
                                     Reply<Outcomes<RevokedUser>> reply) {
  const std::size_t most = core_->tokens.policy.bulkBatch;
  if (by.role < Role::Issuer) return reply(forbidden("revoking what others have needs the role issuer"));
  if (!isFinal(reason))
    return reply(
        Error{Code::Invalid, "in bulk, certificates are revoked for ever, for a reason of users' own"});
  if (users.empty() || users.size() > most)
    return reply(Error{Code::Invalid, "a bulk request takes 1 to " + std::to_string(most) +
                                          " items; this one has " + std::to_string(users.size())});
  goOn(*core_, std::make_shared<Sweep>(Sweep{by, std::move(users), reason, std::move(reply)}));
}

void CertificateService::endUser(const Actor& by, const std::string& user, RevocationReason reason,
                                 EndCheck check, Reply<RevokedUser> reply) {
  if (by.role < Role::Admin) return reply(forbidden("ending a user needs the role admin"));
  if (!isFinal(reason))
    return reply(Error{Code::Invalid, "a user is ended for ever, for a reason of users' own"});
  submitMade<RevokedUser>(
      *core_,
      [core = core_.get(), sweep = Sweep{by, {user}, reason, {}}, check = std::move(check)](
          Txn& txn, OpenKeys& keys) { return endOne(*core, txn, keys, sweep, check); },
      std::move(reply));
}

}  // namespace kms::pki
