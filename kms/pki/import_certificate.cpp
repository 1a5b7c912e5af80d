#include "kms/pki/import_certificate.h"

#include "kms/pki/own_certificate.h"

namespace kms::pki {
namespace {

using base::Result;

constexpr std::chrono::seconds kLife = std::chrono::hours(24 * 30);
constexpr OwnUse kUse = {kImportCertificate, Profile::Encryption, "the certificate for imports is missing",
                         "the certificate for imports and its key are no pair", "for users of other servers"};

}  // namespace

Result<std::optional<ImportIdentity>> readImportIdentity(StoreReader& reader, OpenKeys& keys) {
  auto row = readOwn(reader, keys, kUse);
  if (!row) return std::move(row).error();
  if (!*row) return std::optional<ImportIdentity>();
  auto pair = readPair(reader, keys, kUse, **row);
  if (!pair) return std::move(pair).error();
  return std::optional(*std::move(pair));
}

Result<void> makeImportIdentity(Txn& txn, OpenKeys& keys, const Signers& signers, const PrivateKey& key,
                                const std::string& organisation, base::Time now, base::Rng& rng) {
  Subject subject;
  subject.organisation = organisation;
  subject.commonName = "keydisk user import";
  return replaceOwn(txn, keys, kUse, {signers, key, subject, {}, kLife}, now, rng);
}

}  // namespace kms::pki
