// Sealing epochs: each unsealing commits 32 random bytes before it seals a row with the key made of them, and
// no epoch is ever gone on with. So a nonce (a counter from 0 within the epoch) is never used twice with a
// key, whatever was restored or copied. The salts are no secret; the record-seal key is.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>

#include "hal/base/result.h"
#include "hal/base/rng.h"
#include "hal/base/secret_buffer.h"
#include "hal/base/uuid.h"
#include "kms/store/store.h"

namespace kms {

class Epochs {
 public:
  using Salt = std::array<std::byte, 32>;
  static constexpr std::int64_t kMost = std::int64_t{1} << 20U;  // unsealings of one database

  // Derives the record-seal key. Errors: Unavailable (no locked memory).
  static base::Result<Epochs> create(base::BytesView root, std::uint32_t rootGeneration,
                                     const base::Uuid& server);

  // Reads salts: those of `ids`, or all up to `last`. Ids that are not there are left out; rows of theirs do
  // not open. Errors: Corrupt / DatabaseCorrupt (a salt of another size, more than kMost); as the store's.
  base::Result<void> load(StoreReader& reader, const std::set<std::int64_t>& ids);
  base::Result<void> loadUpTo(StoreReader& reader, std::int64_t last);
  // Adds a new epoch to the store and gives its id; seal with it only when that is committed.
  base::Result<std::int64_t> begin(Txn& txn, base::Rng& rng);

  // Rows that this former root key sealed open too.
  void addFormer(std::uint32_t rootGeneration, base::SecretBuffer sealKey) {
    former_.insert_or_assign(rootGeneration, std::move(sealKey));
  }
  bool opens(std::uint32_t rootGeneration) const {
    return rootGeneration == rootGeneration_ || former_.contains(rootGeneration);
  }

  bool has(std::int64_t id) const { return salts_.contains(id); }
  // Of the current root key, or of a former one. Errors: Corrupt / DatabaseCorrupt (no such epoch or root
  // key); Unavailable (no locked memory).
  base::Result<base::SecretBuffer> rowKey(std::int64_t id) const { return rowKey(id, rootGeneration_); }
  base::Result<base::SecretBuffer> rowKey(std::int64_t id, std::uint32_t rootGeneration) const;
  std::uint32_t rootGeneration() const noexcept { return rootGeneration_; }

 private:
  Epochs(base::SecretBuffer sealKey, std::uint32_t rootGeneration, const base::Uuid& server) noexcept
      : sealKey_(std::move(sealKey)), rootGeneration_(rootGeneration), server_(server) {}
  base::Result<void> add(StoreReader& reader, std::int64_t id);

  base::SecretBuffer sealKey_;
  std::uint32_t rootGeneration_;
  base::Uuid server_;
  std::map<std::int64_t, Salt> salts_;
  std::map<std::uint32_t, base::SecretBuffer> former_;  // record-seal keys
};

}  // namespace kms
