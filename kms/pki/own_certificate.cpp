#include "kms/pki/own_certificate.h"

#include <algorithm>
#include <string>

#include "kms/audit/audit.h"
#include "kms/pki/archive_row.h"
#include "kms/pki/certificate_sequence.h"

namespace kms::pki {
namespace {

using base::Result;

constexpr std::chrono::seconds kBackdate = std::chrono::minutes(5);  // for others whose clocks are behind

// Its key is of no use any more.
Result<void> dropOwn(Txn& txn, OpenKeys& keys, const OwnUse& use) {
  auto old = readOwn(txn, keys, use);
  if (!old) return std::move(old).error();
  if (!*old) return {};
  if (auto gone = txn.erase(Table::Archive, (*old)->archived); !gone) return gone;
  (*old)->archived = 0;
  return writeCertificate(txn, keys, **old);
}

}  // namespace

Result<std::optional<CertificateRow>> readOwn(StoreReader& reader, OpenKeys& keys, const OwnUse& use) {
  auto number = reader.number(use.number);
  if (!number) return std::move(number).error();
  if (number->value_or(0) == 0) return std::optional<CertificateRow>();
  auto row = readCertificate(reader, keys, **number);
  if (!row) return row;
  if (!*row || (*row)->profile != use.profile || (*row)->user != 0 || (*row)->archived == 0)
    return corruptRow(use.missing);
  return row;
}

Result<Issuer> readPair(StoreReader& reader, OpenKeys& keys, const OwnUse& use, const CertificateRow& row) {
  auto archived = readArchived(reader, keys, row.archived, 0);
  if (!archived) return std::move(archived).error();
  auto certificate = parseCertificate(row.der);
  auto key = PrivateKey::parse(archived->key.bytes());
  if (!key && key.error().code == base::Code::Unavailable) return std::move(key).error();
  if (!certificate || !key || key->publicKey().hash() != certificate->key) return corruptRow(use.noPair);
  return Issuer{*std::move(certificate), *std::move(key)};
}

Result<void> replaceOwn(Txn& txn, OpenKeys& keys, const OwnUse& use, const OwnOrder& order, base::Time now,
                        base::Rng& rng) {
  if (auto dropped = dropOwn(txn, keys, use); !dropped) return dropped;
  auto sequence = CertificateSequence::reserve(txn, 1);
  if (!sequence) return std::move(sequence).error();
  const Issuer& authority = order.signers.authority;
  const PublicKey& subjectKey = order.key.publicKey();
  CertificateRow row;
  row.sequence = *sequence;
  row.profile = use.profile;
  row.serial = keys.serial(*sequence, rng);
  row.authority = order.signers.number;
  row.archived = *sequence;
  row.issued = now;
  row.notBefore = now - kBackdate;
  row.notAfter = std::min(now + order.life, authority.certificate.notAfter);
  row.key = subjectKey.hash();
  const CertificateOrder wanted{row.profile, order.subject, &subjectKey,
                                row.serial,  row.notBefore, row.notAfter};
  auto der = signCertificate(authority, wanted, numbered(order.addresses, row.authority));
  if (!der) return std::move(der).error();
  row.der = *std::move(der);
  ArchiveRow archived{0, row.sequence, {}};
  auto encoded = order.key.encode();
  if (!encoded) return std::move(encoded).error();
  archived.key = *std::move(encoded);
  if (auto in = insertArchived(txn, keys, archived); !in) return in;
  if (auto inserted = insertCertificate(txn, keys, row); !inserted) return inserted;
  if (auto set = txn.setNumber(use.number, row.sequence); !set) return set;
  return record(txn, now,
                {Event::CertificateIssued, "kmsd", serialText(row.serial),
                 std::string(pki::row(row.profile).name) + " " + std::string(use.purpose), "", row.notAfter});
}

}  // namespace kms::pki
