// RowCipher: seals and opens rows with the keys of the epochs, keeping the ciphers of the epochs last used.
// Not thread-safe: each shard of the open keys has one.
#pragma once

#include <cstdint>
#include <list>

#include "kms/keys/crypto.h"
#include "kms/keys/epochs.h"
#include "kms/keys/open_keys.h"

namespace kms {

class RowCipher {
 public:
  static constexpr std::size_t kKept = 64;  // ciphers of epochs
  static constexpr std::size_t kMostPlain =
      base::SecretPool::kLargest;  // bytes; the largest block that locked memory gives

  explicit RowCipher(const Epochs& epochs) noexcept : epochs_(epochs) {}

  // REQUIRES: no other row has this epoch and counter. Errors: Invalid (above kMostPlain); as Epochs::rowKey.
  base::Result<SealedRow> seal(std::int64_t epoch, std::uint64_t counter, Table table, std::int64_t key,
                               std::uint32_t revision, base::BytesView plain);
  // Errors: Corrupt / DatabaseCorrupt; Unavailable (no locked memory).
  base::Result<SecretBytes> open(Table table, const SealedRow& row);

 private:
  struct Kept {
    std::int64_t epoch;
    std::uint32_t rootGeneration;
    Gcm cipher;
  };
  base::Result<Gcm*> cipherOf(std::int64_t epoch, std::uint32_t rootGeneration);

  const Epochs& epochs_;
  std::list<Kept> kept_;  // the last used first
};

}  // namespace kms
