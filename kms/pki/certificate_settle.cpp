// What becomes of a certificate after it was issued: confirmed, revoked, held, released. Each function writes
// the rows that must agree (the certificate's, its revocation's, its token's, its user's) and what goes on
// record.
#include "kms/audit/audit.h"
#include "kms/pki/certificate_core.h"

namespace kms::pki {
namespace {

base::Result<void> setPending(Txn& txn, OpenKeys& keys, UserRow& user, const TokenRow& token,
                              base::Time until) {
  if (user.oneTime != token.sequence || user.pendingUntil == until) return {};
  user.pendingUntil = until;
  return writeUser(txn, keys, user);
}

base::Result<void> useToken(Txn& txn, OpenKeys& keys, const CertificateRow& row, UserRow& user,
                            base::Time now) {
  auto token = claimedToken(txn, keys, row);
  if (!token) return std::move(token).error();
  if (!*token) return {};
  (*token)->state = TokenState::Used;
  (*token)->oneTime.clear();
  if (auto written = writeToken(txn, keys, **token); !written) return written;
  if (auto set = setPending(txn, keys, user, **token, base::Time{}); !set) return set;
  return record(txn, now,
                {Event::TokenUsed, "user " + user.user.name, keys.accessor(row.token),
                 std::string(tokenKindName((*token)->kind)), user.user.name});
}

base::Result<void> freeToken(Txn& txn, OpenKeys& keys, const CertificateRow& row) {
  auto token = claimedToken(txn, keys, row);
  if (!token) return std::move(token).error();
  if (!*token) return {};
  auto user = readUser(txn, keys, row.user);
  if (!user) return std::move(user).error();
  (*token)->claim.reset();
  if (auto written = writeToken(txn, keys, **token); !written) return written;
  return setPending(txn, keys, *user, **token, (*token)->expires);
}

RevocationChange changeOf(const CertificateRow& row, std::int64_t number) {
  RevocationChange change;
  change.row = {{number, row.serial, row.revokedAt, row.reason, row.notAfter}, row.authority, row.sequence};
  change.replaced = row.revocation;
  return change;
}

base::Result<void> recordEnd(Txn& txn, OpenKeys& keys, const CertificateRow& row, Event event, base::Time now,
                             const std::string& actor, const std::string& detail) {
  auto user = userNameOf(txn, keys, row);
  if (!user) return std::move(user).error();
  return record(txn, now, {event, actor, serialText(row.serial), detail, *user});
}

}  // namespace

base::Result<void> confirmRow(Txn& txn, OpenKeys& keys, CertificateRow& row, base::Time now,
                              const std::string& how) {
  row.state = CertificateState::Active;
  if (auto written = writeCertificate(txn, keys, row); !written) return written;
  auto user = readUser(txn, keys, row.user);
  if (!user) return std::move(user).error();
  if (auto used = useToken(txn, keys, row, *user, now); !used) return used;
  return record(
      txn, now,
      {Event::CertificateConfirmed, "user " + user->user.name, serialText(row.serial), how, user->user.name});
}

base::Result<RevocationChange> endRow(Txn& txn, OpenKeys& keys, CertificateRow& row, RevocationReason reason,
                                      base::Time now, const std::string& actor, const std::string& detail) {
  if (row.state == CertificateState::Unconfirmed)
    if (auto freed = freeToken(txn, keys, row); !freed) return std::move(freed).error();
  auto number = takeRevocationNumber(txn);
  if (!number) return std::move(number).error();
  const bool held = reason == RevocationReason::Hold;
  row.state = held ? CertificateState::Held : CertificateState::Revoked;
  row.reason = reason;
  row.revokedAt = now;
  const RevocationChange change = changeOf(row, *number);
  if (change.replaced != 0)
    if (auto gone = txn.erase(Table::Revocations, change.replaced); !gone) return std::move(gone).error();
  row.revocation = *number;
  if (auto in = insertRevocation(txn, keys, change.row); !in) return std::move(in).error();
  if (auto written = writeCertificate(txn, keys, row); !written) return std::move(written).error();
  auto recorded = recordEnd(txn, keys, row, held ? Event::CertificateHeld : Event::CertificateRevoked, now,
                            actor, detail);
  if (!recorded) return std::move(recorded).error();
  return change;
}

base::Result<RevocationChange> releaseRow(Txn& txn, OpenKeys& keys, CertificateRow& row, base::Time now,
                                          const std::string& actor) {
  auto number = takeRevocationNumber(txn);
  if (!number) return std::move(number).error();
  row.reason = RevocationReason::RemoveFromCrl;
  row.revokedAt = now;
  RevocationChange change = changeOf(row, *number);
  change.released = true;
  if (auto gone = txn.erase(Table::Revocations, row.revocation); !gone) return std::move(gone).error();
  row.state = CertificateState::Active;
  row.reason = RevocationReason::Unspecified;
  row.revokedAt = base::Time{};
  row.revocation = 0;
  if (auto written = writeCertificate(txn, keys, row); !written) return std::move(written).error();
  auto recorded = recordEnd(txn, keys, row, Event::CertificateReleased, now, actor, "");
  if (!recorded) return std::move(recorded).error();
  return change;
}

base::Result<void> settleRow(Txn& txn, OpenKeys& keys, CertificateRow& row, base::Time now,
                             std::vector<RevocationChange>& changes) {
  if (row.state != CertificateState::Unconfirmed || now < row.confirmBy) return {};
  if (row.implicit) return confirmRow(txn, keys, row, now, "its time for a rejection has passed");
  auto change =
      endRow(txn, keys, row, RevocationReason::CessationOfOperation, now, "kmsd", "not confirmed in time");
  if (!change) return std::move(change).error();
  changes.push_back(*change);
  return {};
}

base::Result<void> useRow(Txn& txn, OpenKeys& keys, CertificateRow& row, base::Time now) {
  if (row.state != CertificateState::Unconfirmed || !row.implicit) return {};
  return confirmRow(txn, keys, row, now, "by its first use");
}

}  // namespace kms::pki
