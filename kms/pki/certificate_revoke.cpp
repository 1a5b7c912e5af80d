#include "kms/pki/certificate_core.h"

namespace kms::pki {
namespace {

using base::Result;

Result<void> checkRights(const Actor& by, const CertificateRow& row, RevocationReason reason) {
  if (row.user == 0) {
    if (by.role >= Role::Admin) return {};
    return forbidden("revoking a certificate of the server needs the role admin");
  }
  if (by.role >= Role::Issuer) return {};
  if (!by.user || *by.user != row.user)
    return forbidden("revoking another's certificate needs the role issuer");
  if (reason == RevocationReason::RemoveFromCrl)
    return forbidden("releasing a certificate that is held needs the role issuer");
  return {};
}

base::Error conflict(const char* what) { return {base::Code::Conflict, what}; }

Result<Made<CertificateView>> revokeNow(Txn& txn, OpenKeys& keys, const Actor& by, CertificateRow& row,
                                        RevocationReason reason, base::Time now) {
  Made<CertificateView> out;
  if (auto settled = settleRow(txn, keys, row, now, out.changes); !settled) return std::move(settled).error();
  auto name = userNameOf(txn, keys, row);
  if (!name) return std::move(name).error();
  const bool release = reason == RevocationReason::RemoveFromCrl;
  const bool hold = reason == RevocationReason::Hold;
  const bool again = row.state == CertificateState::Revoked || (hold && row.state == CertificateState::Held);
  if (release) {
    if (row.state != CertificateState::Held)
      return conflict("the certificate is not held, so it cannot be released");
    auto change = releaseRow(txn, keys, row, now, by.name);
    if (!change) return std::move(change).error();
    out.changes.push_back(*change);
  } else if (!again) {
    if (hold && row.state == CertificateState::Unconfirmed) {
      if (!row.implicit) return conflict("the certificate is not confirmed yet; revoke it instead");
      if (auto used = useRow(txn, keys, row, now); !used) return std::move(used).error();
    }
    auto change = endRow(txn, keys, row, reason, now, by.name, std::string(reasonName(reason)));
    if (!change) return std::move(change).error();
    out.changes.push_back(*change);
  }
  out.value = viewOf(row, *name, now);
  return out;
}

}  // namespace

void CertificateService::revoke(const Actor& by, const Serial& serial, RevocationReason reason,
                                Reply<CertificateView> reply) {
  if (reason == RevocationReason::AuthorityCompromise)
    return reply(base::Error{base::Code::Invalid, "this reason is of certificate authorities only"});
  if (!isFinal(reason) && reason != RevocationReason::Hold && reason != RevocationReason::RemoveFromCrl)
    return reply(base::Error{base::Code::Invalid, "this is no reason of RFC 5280, section 5.3.1"});
  CertificateCore& core = *core_;
  submitMade<CertificateView>(
      core,
      [&core, by, serial, reason](Txn& txn, OpenKeys& keys) -> Result<Made<CertificateView>> {
        auto now = core.tokens.clock.advance(txn);
        if (!now) return std::move(now).error();
        auto row = findCertificate(txn, keys, serial);
        if (!row) return std::move(row).error();
        if (!*row) return noSuchCertificate();
        if (auto allowed = checkRights(by, **row, reason); !allowed) return std::move(allowed).error();
        return revokeNow(txn, keys, by, **row, reason, *now);
      },
      std::move(reply));
}

}  // namespace kms::pki
