// A row of Table::Archive: a user's private encryption key, kept for ever; of user 0 the key of the
// certificate that https shows, until there is a newer one. The row's key is the sequence number of the first
// certificate that was issued for it.
//
// plain := version{1}=1 user{8} certificate{8} key        key: u32 length, PKCS#8; integers little-endian
#pragma once

#include "hal/base/secret_buffer.h"
#include "kms/keys/open_keys.h"

namespace kms::pki {

struct ArchiveRow {
  std::int64_t user = 0;
  std::int64_t certificate = 0;  // sequence number
  base::SecretBuffer key;        // PKCS#8
};

// May throw std::bad_alloc where no memory can be locked (see kms/tokens/guarded.h).
SecretBytes encodeArchived(const ArchiveRow& row);
// Bounded. Errors: Corrupt / DatabaseCorrupt; Unavailable (no locked memory).
base::Result<ArchiveRow> decodeArchived(base::BytesView plain);

// Errors: Corrupt / DatabaseCorrupt where the row was altered, moved or lost, or is another user's; those of
// the store.
base::Result<ArchiveRow> readArchived(StoreReader& reader, OpenKeys& keys, std::int64_t number,
                                      std::int64_t user);
// Errors: Corrupt / DatabaseCorrupt where there is one for this certificate.
base::Result<void> insertArchived(Txn& txn, OpenKeys& keys, const ArchiveRow& row);

}  // namespace kms::pki
