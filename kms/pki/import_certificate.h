// The certificate that other servers seal users to, and its key: a certificate of user 0 whose key is in the
// archive.
#pragma once

#include "kms/pki/authority.h"
#include "kms/pki/certificate_row.h"

namespace kms::pki {

inline constexpr std::string_view kImportCertificate = "import_certificate";  // its number, in the store

using ImportIdentity = Issuer;  // certificate and key; it opens what is sealed to it, and signs nothing

// Nothing where none was made yet. Errors: Corrupt / DatabaseCorrupt; Unavailable (no locked memory).
base::Result<std::optional<ImportIdentity>> readImportIdentity(StoreReader& reader, OpenKeys& keys);
// Makes one in place of that before, whose key is dropped, so that what was sealed to it opens no more.
base::Result<void> makeImportIdentity(Txn& txn, OpenKeys& keys, const Signers& signers, const PrivateKey& key,
                                      const std::string& organisation, base::Time now, base::Rng& rng);

}  // namespace kms::pki
