// A row of Table::Revocations: one certificate that counts as revoked now. The rows are what CRLs are made of
// after a start, so that no certificate's row has to be read for them. The row's key rises with each
// revocation and each release; a hold that becomes final gets a new row, and one that is released none.
//
// plain := version{1}=1 serial{16} at{8} reason{1} expires{8} authority{8} certificate{8}
#pragma once

#include <functional>

#include "kms/keys/open_keys.h"
#include "kms/pki/crl.h"

namespace kms::pki {

struct RevocationRow {
  Revocation revocation;
  std::int64_t authority = 0;    // number of the one that signed the certificate
  std::int64_t certificate = 0;  // its sequence number
};

base::Bytes encodeRevocation(const RevocationRow& row);
// Pure and bounded. Errors: Corrupt / DatabaseCorrupt.
base::Result<RevocationRow> decodeRevocation(base::BytesView plain);

// Errors of all that follow: Corrupt / DatabaseCorrupt; those of the store.
base::Result<RevocationRow> openRevocation(OpenKeys& keys, const SealedRow& sealed);
// The next number of the counter that revocations and releases share.
base::Result<std::int64_t> takeRevocationNumber(Txn& txn);
// The last one that was given; 0: none was.
base::Result<std::int64_t> lastRevocationNumber(StoreReader& reader);
base::Result<void> insertRevocation(Txn& txn, OpenKeys& keys, const RevocationRow& row);
// Every row, by rising key, in one view. `each` is called on another thread, one call after the other, and
// not after the return.
base::Result<void> loadRevocations(StoreReader& reader, OpenKeys& keys,
                                   const std::function<void(const RevocationRow&)>& each);

// What became of a certificate, as it is told after the commit.
struct RevocationChange {
  RevocationRow row;          // of a release: the number it took, and the reason RemoveFromCrl
  std::int64_t replaced = 0;  // the key of the row that is gone now: the hold before; 0: none
  bool released = false;
};

// Hears of each change after the disk has it and before whoever asked for it is answered, by rising key, on
// the thread that committed: it must be quick and must not write.
class RevocationListener {
 public:
  virtual ~RevocationListener() = default;
  virtual void changed(const RevocationChange& change) noexcept = 0;
};

}  // namespace kms::pki
