// Certificates that the server has for uses of its own, one for each: a certificate of user 0 whose key is in
// the archive.
#pragma once

#include <optional>
#include <string_view>

#include "kms/pki/authority.h"
#include "kms/pki/certificate_row.h"

namespace kms::pki {

struct OwnUse {
  std::string_view number;  // the name under which the store has the certificate's number
  Profile profile{};
  const char* missing = "";  // what is said of a row that is not there
  const char* noPair = "";   // and of a key that is another one's
  std::string_view purpose;  // "for this server's own https", for the audit log
};

// Nothing where none was made yet. Errors: Corrupt / DatabaseCorrupt; the store's.
base::Result<std::optional<CertificateRow>> readOwn(StoreReader& reader, OpenKeys& keys, const OwnUse& use);
// With its key. Errors: the same; Unavailable (no locked memory).
base::Result<Issuer> readPair(StoreReader& reader, OpenKeys& keys, const OwnUse& use,
                              const CertificateRow& row);

struct OwnOrder {
  const Signers& signers;
  const PrivateKey& key;
  const Subject& subject;
  Addresses addresses = {};
  std::chrono::seconds life{};
};
// Makes one in the place of that before, whose key is dropped.
base::Result<void> replaceOwn(Txn& txn, OpenKeys& keys, const OwnUse& use, const OwnOrder& order,
                              base::Time now, base::Rng& rng);

}  // namespace kms::pki
