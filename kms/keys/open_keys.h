// OpenKeys: what exists only while the server is unsealed. Seals and opens rows, and makes the MACs and
// accessors that the services need. All of it is in SecretBuffers or in OpenSSL's secure heap. Safe to use
// from several threads.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hal/base/bytes.h"
#include "hal/base/result.h"
#include "hal/base/rng.h"
#include "hal/base/secret_pool.h"
#include "kms/store/store.h"

namespace kms {

using SecretBytes = std::vector<std::byte, base::SecretAllocator<std::byte>>;
using Mac = std::array<std::byte, 32>;           // HMAC-SHA256
using SerialNumber = std::array<std::byte, 16>;  // of a certificate, as it stands in it

class RowCache;  // kms/keys/row_cache.h

class OpenKeys {
 public:
  static constexpr std::size_t kAccessorLength = 26;  // base32 characters

  virtual ~OpenKeys() = default;

  // Seals under the current epoch with the next nonce. `revision` is stored and bound, as are table and key.
  virtual base::Result<SealedRow> seal(Table table, std::int64_t key, std::uint32_t revision,
                                       base::BytesView plain) = 0;
  // Errors: Corrupt / DatabaseCorrupt where the row was altered, moved or is of no known epoch.
  virtual base::Result<SecretBytes> open(Table table, const SealedRow& row) = 0;

  virtual Mac tokenMac(base::BytesView token) = 0;  // under the newest generation of the token keys
  // Under the generation of the token with this sequence number.
  virtual Mac tokenMacOf(std::int64_t sequence, base::BytesView token) = 0;
  // Separated by `index`, so that a name and a uid never share a MAC.
  virtual Mac indexMac(Index index, base::BytesView value) = 0;

  // For checkpoints of the audit log, under the audit key.
  virtual Mac auditMac(base::BytesView message) = 0;
  // Of a backup, under the backup key.
  virtual Mac backupMac(base::BytesView message) = 0;

  // As auditMac, under the audit keys of former root keys, whose checkpoints are still in the log.
  virtual std::vector<Mac> formerAuditMacs(base::BytesView message) = 0;
  // Of the root key that seals rows now. Rows of a former one open until they are sealed anew.
  virtual std::uint32_t rootGeneration() const noexcept = 0;

  // The public name of the token with this sequence number, and back; nothing for one that was not made here.
  virtual std::string accessor(std::int64_t sequence) = 0;
  virtual std::optional<std::int64_t> sequenceOf(std::string_view accessor) = 0;

  // A serial number that nobody can foretell for the certificate with this sequence number: positive, and its
  // first byte is not zero (RFC 5280, section 4.1.2.2).
  virtual SerialNumber serial(std::int64_t sequence, base::Rng& rng) = 0;
  // The sequence numbers, rarely more than one, that may stand behind a serial number; none for most of those
  // that were not made here. Only the row tells: it has the whole serial.
  virtual std::vector<std::int64_t> sequencesOf(const SerialNumber& serial) = 0;

  // Rows that were opened before; null where there is no such memory.
  virtual RowCache* cache() noexcept { return nullptr; }
};

}  // namespace kms
