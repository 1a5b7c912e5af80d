#include "kms/pki/certificate_row.h"

#include <algorithm>

#include "kms/pki/row_fields.h"

namespace kms::pki {
namespace {

constexpr std::uint8_t kVersion = 1;

bool wellFormed(const CertificateRow& row, std::uint8_t implicit) {
  return row.state >= CertificateState::Active && row.state <= CertificateState::Held &&
         row.profile >= Profile::Authority && row.profile <= Profile::Cmp && implicit <= 1 &&
         row.grant <= Role::Admin && row.reason <= RevocationReason::PrivilegeWithdrawn &&
         static_cast<std::uint8_t>(row.reason) != 7 && !row.der.empty();
}

template <class Array>
void takeInto(base::ByteReader& in, Array& out) {
  const auto bytes = in.raw(out.size());
  std::copy(bytes.begin(), bytes.end(), out.begin());
}

base::Result<SealedRow> sealNext(OpenKeys& keys, CertificateRow& row) {
  return keys.seal(Table::Certificates, row.sequence, ++row.revision, encodeCertificate(row));
}

}  // namespace

base::Bytes encodeCertificate(const CertificateRow& row) {
  base::ByteWriter out;
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(row.state));
  out.u8(static_cast<std::uint8_t>(row.profile));
  out.u8(static_cast<std::uint8_t>(row.reason));
  out.u8(row.implicit ? 1 : 0);
  out.u8(static_cast<std::uint8_t>(row.grant));
  out.raw(row.serial);
  for (const std::int64_t number :
       {row.user, row.authority, row.previous, row.token, row.archived, row.revocation, row.line})
    putNumber(out, number);
  for (const base::Time time : {row.issued, row.notBefore, row.notAfter, row.confirmBy, row.revokedAt})
    putTime(out, time);
  out.raw(row.key);
  out.field(row.der);
  return std::move(out).take();
}

base::Result<CertificateRow> decodeCertificate(base::BytesView plain) {
  base::ByteReader in(plain);
  CertificateRow row;
  const auto version = in.u8();
  row.state = static_cast<CertificateState>(in.u8());
  row.profile = static_cast<Profile>(in.u8());
  row.reason = static_cast<RevocationReason>(in.u8());
  const auto implicit = in.u8();
  row.implicit = implicit == 1;
  row.grant = static_cast<Role>(in.u8());
  takeInto(in, row.serial);
  for (std::int64_t* number :
       {&row.user, &row.authority, &row.previous, &row.token, &row.archived, &row.revocation, &row.line})
    *number = takeNumber(in);
  for (base::Time* time : {&row.issued, &row.notBefore, &row.notAfter, &row.confirmBy, &row.revokedAt})
    *time = takeTime(in);
  takeInto(in, row.key);
  const base::BytesView der = in.field(kMostDer);
  row.der.assign(der.begin(), der.end());
  if (!in.atEnd() || version != kVersion || !wellFormed(row, implicit))
    return corruptRow("a certificate's row has not the form that this version writes");
  return row;
}

base::Result<CertificateRow> openCertificate(OpenKeys& keys, const SealedRow& sealed) {
  auto plain = keys.open(Table::Certificates, sealed);
  if (!plain) return std::move(plain).error();
  auto row = decodeCertificate(*plain);
  if (!row) return row;
  row->sequence = sealed.key;
  row->revision = sealed.revision;
  return row;
}

base::Result<std::optional<CertificateRow>> readCertificate(StoreReader& reader, OpenKeys& keys,
                                                            std::int64_t sequence) {
  auto sealed = reader.get(Table::Certificates, sequence);
  if (!sealed) return std::move(sealed).error();
  if (!*sealed) return std::optional<CertificateRow>();
  if ((*sealed)->key != sequence) return corruptRow("a certificate's row is another's");
  auto row = openCertificate(keys, **sealed);
  if (!row) return std::move(row).error();
  return std::optional<CertificateRow>(*std::move(row));
}

base::Result<std::optional<CertificateRow>> findCertificate(StoreReader& reader, OpenKeys& keys,
                                                            const Serial& serial) {
  for (const std::int64_t sequence : keys.sequencesOf(serial)) {
    auto row = readCertificate(reader, keys, sequence);
    if (!row || (*row && (*row)->serial == serial)) return row;
  }
  return std::optional<CertificateRow>();
}

base::Result<void> writeCertificate(Txn& txn, OpenKeys& keys, CertificateRow& row) {
  auto sealed = sealNext(keys, row);
  if (!sealed) return std::move(sealed).error();
  return txn.put(Table::Certificates, *sealed);
}

base::Result<void> insertCertificate(Txn& txn, OpenKeys& keys, CertificateRow& row) {
  auto sealed = sealNext(keys, row);
  if (!sealed) return std::move(sealed).error();
  auto done = txn.insert(Table::Certificates, *sealed);
  // The counter is not sealed: whoever can write the file could wind it back.
  if (!done && done.error().code == base::Code::Conflict)
    return corruptRow("the counter of certificates was set back");
  return done;
}

CertificateState stateOf(const CertificateRow& row, base::Time now) noexcept {
  if (row.state != CertificateState::Unconfirmed || now < row.confirmBy) return row.state;
  return row.implicit ? CertificateState::Active : CertificateState::Revoked;
}

}  // namespace kms::pki
