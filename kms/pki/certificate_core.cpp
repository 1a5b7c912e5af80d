#include "kms/pki/certificate_core.h"

#include "kms/audit/audit.h"
#include "kms/pki/imported_row.h"

namespace kms::pki {
namespace {

constexpr std::chrono::seconds kDraftMost{60};  // between the signature and the filing

bool sameNames(const Subject& a, const Subject& b) {
  return a.commonName == b.commonName && a.organisation == b.organisation && a.mail == b.mail &&
         a.dns == b.dns;
}

}  // namespace

base::Error tokenRefused() {
  return {base::Code::Denied,
          "the user's name or the one-time token is wrong, or the token was used or ended",
          base::Reason::TokenRefused};
}

base::Error certificateRefused() {
  return {base::Code::Denied, "this certificate does not count here, or no longer",
          base::Reason::CertificateRefused};
}

base::Error authorityEnded() {
  return {base::Code::Unavailable,
          "the certificate of this server's authority has ended, so that it can issue none; an administrator "
          "must renew the authority",
          base::Reason::AuthorityEnded};
}

base::Error noSuchCertificate() { return {base::Code::NotFound, "there is no certificate with this serial"}; }

void CertificateCore::tell(const std::vector<RevocationChange>& changes) const noexcept {
  for (const RevocationChange& change : changes) counts.ended.add(change.row.revocation.reason);
  for (const RevocationChange& change : changes)
    for (const auto& weak : listeners)
      if (const auto listener = weak.lock()) listener->changed(change);
}

Subject subjectOf(const CertificateCore& core, const User& user) {
  Subject subject;
  subject.commonName = user.commonName.empty() ? user.name : user.commonName;
  subject.organisation = core.organisation;
  subject.mail = user.mail;
  subject.dns = user.dns;
  return subject;
}

base::Result<Draft> draft(CertificateCore& core, Profile profile, Subject subject, const PublicKey& key) {
  if (auto good = checkSubject(subject); !good) return std::move(good).error();
  auto sequence = core.sequence.take(core.store);
  if (!sequence) return std::move(sequence).error();
  auto now = core.tokens.clock.now(core.store);
  if (!now) return std::move(now).error();
  Draft out;
  out.sequence = *sequence;
  out.profile = profile;
  out.issued = *now;
  out.key = key.hash();
  {
    auto keys = core.vault.hold();
    if (!keys) return std::move(keys).error();
    out.serial = (*keys)->serial(*sequence, core.rng);
  }
  auto signers = core.authority.current();
  if (!signers) return std::move(signers).error();
  out.authority = (*signers)->number;
  if ((*signers)->authority.certificate.notAfter <= *now) return authorityEnded();
  out.notBefore = std::max(*now - core.pki.backdate, (*signers)->authority.certificate.notBefore);
  out.notAfter =
      std::min(*now + std::min(core.pki.life, row(profile).life), (*signers)->authority.certificate.notAfter);
  CertificateOrder order{profile, std::move(subject), &key, out.serial, out.notBefore, out.notAfter};
  auto der = signCertificate((*signers)->authority, order, numbered(core.addresses, out.authority));
  if (!der) return std::move(der).error();
  out.der = *std::move(der);
  out.subject = std::move(order.subject);
  return out;
}

base::Result<CertificateRow> file(CertificateCore& core, Txn& txn, OpenKeys& keys, const Draft& draft,
                                  UserRow& user, const Filing& how, base::Time now) {
  if (!sameNames(draft.subject, subjectOf(core, user.user)))
    return base::Error{base::Code::Conflict, "the user was changed at this moment; try again"};
  if (now > draft.issued + kDraftMost || now + kDraftMost < draft.issued)
    return base::Error{base::Code::Unavailable, "the certificate could not be filed in time; try again"};
  CertificateRow row;
  row.sequence = draft.sequence;
  row.profile = draft.profile;
  row.serial = draft.serial;
  row.user = user.user.id;
  row.authority = draft.authority;
  row.previous = user.newest;
  row.token = how.token;
  row.archived = how.archived;
  row.line = how.line != 0 ? how.line : draft.sequence;
  row.grant = how.grant;
  row.issued = draft.issued;
  row.notBefore = draft.notBefore;
  row.notAfter = draft.notAfter;
  row.key = draft.key;
  row.der = draft.der;
  if (how.confirm) {
    row.state = CertificateState::Unconfirmed;
    row.implicit = *how.confirm == Confirm::Implicit;
    row.confirmBy = now + core.pki.confirmWindow;
  }
  if (auto inserted = insertCertificate(txn, keys, row); !inserted) return std::move(inserted).error();
  user.newest = row.sequence;
  if (auto written = writeUser(txn, keys, user); !written) return std::move(written).error();
  auto recorded =
      record(txn, now,
             {Event::CertificateIssued, how.actor, serialText(row.serial),
              std::string(kms::pki::row(row.profile).name) + how.detail, user.user.name, row.notAfter});
  if (!recorded) return std::move(recorded).error();
  core.filed.push_back(row.profile);
  return row;
}

base::Result<void> requireSound(StoreReader& reader, OpenKeys& keys, const UserRow& user,
                                const KeyHash& key) {
  constexpr int kLookedAt = 64;  // newest certificates of the user
  std::int64_t sequence = user.newest;
  for (int i = 0; i < kLookedAt && sequence != 0; ++i) {
    auto row = readCertificate(reader, keys, sequence);
    if (!row) return std::move(row).error();
    if (!*row) return corruptRow("a user's certificate is missing");
    if ((*row)->state == CertificateState::Revoked && (*row)->key == key &&
        (*row)->reason == RevocationReason::KeyCompromise)
      return base::Error{base::Code::Invalid,
                         "this key was reported as compromised, so it gets no certificate; make a new key"};
    sequence = (*row)->previous;
  }
  return {};
}

bool counts(const CertificateRow& row, base::Time now) noexcept {
  const bool taken =
      row.state == CertificateState::Unconfirmed ? row.implicit : row.state == CertificateState::Active;
  return taken && now >= row.notBefore && now < row.notAfter;
}

base::Result<CertificateRow> requireCounting(StoreReader& reader, OpenKeys& keys, const Serial& serial,
                                             base::Time now) {
  auto row = findCertificate(reader, keys, serial);
  if (!row) return std::move(row).error();
  if (!*row || !counts(**row, now)) return certificateRefused();
  return **std::move(row);
}

base::Result<std::optional<TokenRow>> claimedToken(StoreReader& reader, OpenKeys& keys,
                                                   const CertificateRow& row) {
  if (row.token == 0) return std::optional<TokenRow>();
  auto token = readToken(reader, keys, row.token);
  if (!token) return std::move(token).error();
  const bool own = *token && (*token)->state == TokenState::Active && (*token)->claim &&
                   (*token)->claim->certificate == row.sequence;
  if (!own) return std::optional<TokenRow>();
  return std::optional<TokenRow>(**std::move(token));
}

base::Result<IssuedCertificate> issuedOf(const CertificateCore& core, const CertificateRow& row,
                                         const std::string& user) {
  IssuedCertificate out;
  out.certificate = row.der;
  out.serial = row.serial;
  out.user = user;
  out.profile = row.profile;
  out.notBefore = row.notBefore;
  out.notAfter = row.notAfter;
  if (row.state == CertificateState::Unconfirmed && !row.implicit) out.confirmBy = row.confirmBy;
  if (isImported(row)) {
    auto foreign = parseCertificate(row.der);
    if (!foreign) return corruptRow("an imported certificate is none");
    out.serial = foreign->ourSerial().value_or(row.serial);
    out.notAfter = foreign->notAfter;
    return out;
  }
  auto signers = core.authority.number(row.authority);
  if (!signers) return std::move(signers).error();
  out.chain = (*signers)->chain;
  out.links = newWithOld(**signers, core.clock.now());
  return out;
}

CertificateView viewOf(const CertificateRow& row, const std::string& user, base::Time now) {
  CertificateView view;
  view.serial = row.serial;
  view.user = user;
  view.profile = row.profile;
  view.state = stateOf(row, now);
  view.notBefore = row.notBefore;
  view.notAfter = row.notAfter;
  if (isImported(row))
    if (const auto foreign = parseCertificate(row.der)) view.notAfter = foreign->notAfter;
  if (row.state == CertificateState::Revoked || row.state == CertificateState::Held) {
    view.reason = row.reason;
    view.revokedAt = row.revokedAt;
  } else if (view.state == CertificateState::Revoked) {
    view.reason = RevocationReason::CessationOfOperation;
    view.revokedAt = row.confirmBy;
  }
  view.certificate = row.der;
  view.archived = row.archived != 0;
  view.authority = row.authority;
  view.grant = row.grant;
  return view;
}

base::Result<std::string> userNameOf(StoreReader& reader, OpenKeys& keys, const CertificateRow& row) {
  if (row.user == 0) return std::string();
  auto user = readUser(reader, keys, row.user);
  if (!user) return std::move(user).error();
  return user->user.name;
}

}  // namespace kms::pki
