#include "kms/pki/import_certificate.h"

#include "kms/audit/audit.h"
#include "kms/pki/archive_row.h"
#include "kms/pki/certificate_sequence.h"

namespace kms::pki {
namespace {

using base::Result;

constexpr std::chrono::seconds kLife = std::chrono::hours(24 * 30);
constexpr std::chrono::seconds kBackdate = std::chrono::minutes(5);  // for servers whose clocks are behind

Result<std::optional<CertificateRow>> readOwn(StoreReader& reader, OpenKeys& keys) {
  auto number = reader.number(kImportCertificate);
  if (!number) return std::move(number).error();
  if (number->value_or(0) == 0) return std::optional<CertificateRow>();
  auto row = readCertificate(reader, keys, **number);
  if (!row) return row;
  if (!*row || (*row)->profile != Profile::Encryption || (*row)->user != 0 || (*row)->archived == 0)
    return corruptRow("the certificate for imports is missing");
  return row;
}

Result<void> dropOwn(Txn& txn, OpenKeys& keys) {
  auto old = readOwn(txn, keys);
  if (!old) return std::move(old).error();
  if (!*old) return {};
  if (auto gone = txn.erase(Table::Archive, (*old)->archived); !gone) return gone;
  (*old)->archived = 0;
  return writeCertificate(txn, keys, **old);
}

}  // namespace

Result<std::optional<ImportIdentity>> readImportIdentity(StoreReader& reader, OpenKeys& keys) {
  auto row = readOwn(reader, keys);
  if (!row) return std::move(row).error();
  if (!*row) return std::optional<ImportIdentity>();
  auto archived = readArchived(reader, keys, (*row)->archived, 0);
  if (!archived) return std::move(archived).error();
  auto certificate = parseCertificate((*row)->der);
  auto key = PrivateKey::parse(archived->key.bytes());
  if (!key && key.error().code == base::Code::Unavailable) return std::move(key).error();
  if (!certificate || !key || key->publicKey().hash() != certificate->key)
    return corruptRow("the certificate for imports and its key are no pair");
  return std::optional(ImportIdentity{*std::move(certificate), *std::move(key)});
}

Result<void> makeImportIdentity(Txn& txn, OpenKeys& keys, const Signers& signers, const PrivateKey& key,
                                const std::string& organisation, base::Time now, base::Rng& rng) {
  if (auto dropped = dropOwn(txn, keys); !dropped) return dropped;
  auto sequence = CertificateSequence::reserve(txn, 1);
  if (!sequence) return std::move(sequence).error();
  CertificateRow row;
  row.sequence = *sequence;
  row.profile = Profile::Encryption;
  row.serial = keys.serial(*sequence, rng);
  row.authority = signers.number;
  row.archived = *sequence;
  row.issued = now;
  row.notBefore = now - kBackdate;
  row.notAfter = std::min(now + kLife, signers.authority.certificate.notAfter);
  row.key = key.publicKey().hash();
  Subject subject;
  subject.organisation = organisation;
  subject.commonName = "keydisk user import";
  const CertificateOrder order{row.profile, subject,       &key.publicKey(),
                               row.serial,  row.notBefore, row.notAfter};
  auto der = signCertificate(signers.authority, order, {});
  if (!der) return std::move(der).error();
  row.der = *std::move(der);
  ArchiveRow archived{0, row.sequence, {}};
  auto encoded = key.encode();
  if (!encoded) return std::move(encoded).error();
  archived.key = *std::move(encoded);
  if (auto in = insertArchived(txn, keys, archived); !in) return in;
  if (auto inserted = insertCertificate(txn, keys, row); !inserted) return inserted;
  if (auto set = txn.setNumber(kImportCertificate, row.sequence); !set) return set;
  return record(txn, now,
                {Event::CertificateIssued, "kmsd", serialText(row.serial),
                 std::string(pki::row(row.profile).name) + " for users of other servers", "", row.notAfter});
}

}  // namespace kms::pki
