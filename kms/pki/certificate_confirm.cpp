// The client's word on what it was sent.
#include "kms/pki/certificate_core.h"
#include "kms/pki/digest.h"

namespace kms::pki {
namespace {

using base::Result;

// False: it counts no more, and what had to be written for that is written.
Result<Made<bool>> decide(Txn& txn, OpenKeys& keys, CertificateRow& row, bool accepted, base::Time now) {
  Made<bool> out{true, {}};
  if (auto settled = settleRow(txn, keys, row, now, out.changes); !settled) return std::move(settled).error();
  if (row.state == CertificateState::Revoked) {
    out.value = !accepted;
    return out;
  }
  if (row.state != CertificateState::Unconfirmed) {
    if (accepted) return out;
    return base::Error{base::Code::Conflict, "the certificate was confirmed already; revoke it instead"};
  }
  // A token that was revoked or voided meanwhile takes the unfinished enrolment with it.
  auto token = claimedToken(txn, keys, row);
  if (!token) return std::move(token).error();
  bool good = accepted;
  if (good && row.token != 0 && !row.implicit) {
    auto user = readUser(txn, keys, row.user);
    if (!user) return std::move(user).error();
    good = *token && (*token)->sequence >= user->revokedBefore;
  }
  if (good) {
    auto confirmed = confirmRow(txn, keys, row, now, "by its client");
    if (!confirmed) return std::move(confirmed).error();
    return out;
  }
  auto name = userNameOf(txn, keys, row);
  if (!name) return std::move(name).error();
  auto change =
      endRow(txn, keys, row, RevocationReason::CessationOfOperation, now, "user " + *name,
             accepted ? "its token was revoked before it was confirmed" : "not taken by its client");
  if (!change) return std::move(change).error();
  out.changes.push_back(*change);
  out.value = !accepted;
  return out;
}

}  // namespace

void CertificateService::confirm(const Serial& serial, base::BytesView certificateHash, bool accepted,
                                 Reply<void> reply) {
  CertificateCore& core = *core_;
  submitMade<bool>(
      core,
      [&core, serial, hash = base::Bytes(certificateHash.begin(), certificateHash.end()), accepted](
          Txn& txn, OpenKeys& keys) -> Result<Made<bool>> {
        auto now = core.tokens.clock.advance(txn);
        if (!now) return std::move(now).error();
        auto row = findCertificate(txn, keys, serial);
        if (!row) return std::move(row).error();
        if (!*row || (*row)->user == 0) return noSuchCertificate();
        if (!isHashOf(hash, (*row)->der))
          return base::Error{base::Code::Invalid, "the hash is not that of the certificate"};
        return decide(txn, keys, **row, accepted, *now);
      },
      [reply = std::move(reply)](Result<bool> done) {
        if (!done) return reply(std::move(done).error());
        if (!*done) return reply(certificateRefused());
        reply({});
      });
}

}  // namespace kms::pki
