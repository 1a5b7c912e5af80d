// RowCache: the opened rows of users and tokens last read, so that a token in use costs neither the database
// nor the cipher. It holds what was committed and nothing else: the store tells it of each change before
// anybody is answered (RowWatcher), and what an older view gave is not taken. Bounded; empty while the
// server is sealed. Safe to use from several threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/result.h"
#include "kms/store/store.h"

namespace kms {

class RowCache final : public RowWatcher {
 public:
  static constexpr std::size_t kBytes = std::size_t{16} << 20U;  // in all
  static constexpr std::size_t kTokenMost = 96;                  // bytes of a row; a larger one is not kept
  static constexpr std::size_t kUserMost = 224;

  RowCache() = default;
  RowCache(const RowCache&) = delete;
  RowCache& operator=(const RowCache&) = delete;
  ~RowCache() override;

  // From now on it keeps rows. REQUIRES: a write to the store that watch() came before has been done.
  // Without memory it stays empty, which costs speed only.
  void open() noexcept;
  // Forgets all, and gives the memory back, wiped.
  void close() noexcept;

  struct Kept {
    Kept() = default;
    Kept(const Kept&) = default;
    Kept& operator=(const Kept&) = default;
    ~Kept();  // wipes
    base::BytesView plain() const noexcept { return base::BytesView(bytes).first(size); }

    std::array<std::byte, kUserMost> bytes;
    std::size_t size = 0;
    std::uint32_t revision = 0;
  };
  std::optional<Kept> find(Table table, std::int64_t key) noexcept;
  // `asOf`: of the view that the row comes from, noted before it was read (StoreReader::asOf).
  void insert(Table table, std::int64_t key, std::uint32_t revision, base::BytesView plain,
              std::uint64_t asOf) noexcept;

  // Which row a look-up led to last time: a hint, to be checked against the row itself.
  std::optional<std::int64_t> hint(Index index, base::BytesView value) noexcept;
  void leaveHint(Index index, base::BytesView value, std::int64_t key) noexcept;

  void changing(Table table, std::int64_t key, std::uint64_t at) noexcept override;
  void settled(std::uint64_t at) noexcept override;

 private:
  static constexpr std::size_t kShards = 16;  // opening and closing lock all of them
  static constexpr std::size_t kWays = 16;
  static constexpr std::size_t kTokenSets = 7507;  // primes, so that no pattern of keys falls into few sets
  static constexpr std::size_t kUserSets = 797;
  static constexpr std::size_t kHintWays = 4;
  static constexpr std::size_t kHintSets = 4096;

  struct Slot {
    std::int64_t key;
    std::uint32_t revision;
    std::uint16_t size;
    bool used;
    bool wanted;  // since the hand went by
  };
  template <std::size_t Most>
  struct Set {
    static constexpr std::size_t kMost = Most;
    std::array<Slot, kWays> slots;
    std::array<std::array<std::byte, Most>, kWays> plain;
  };
  struct Hint {
    std::uint64_t hash;
    std::int64_t key;  // 0: none
  };
  struct Memory {
    std::array<Set<kTokenMost>, kTokenSets> tokens;
    std::array<Set<kUserMost>, kUserSets> users;
    std::array<std::array<Hint, kHintWays>, kHintSets> hints;
  };
  static_assert(sizeof(Memory) <= kBytes);

  struct alignas(64) Shard {
    std::mutex mutex;
    std::uint64_t lastChange = 0;
    std::vector<std::pair<Table, std::int64_t>> unsettled;  // changed in the transaction under way
    bool unsure = false;                                    // there was no memory to note one of them
    std::size_t hand = 0;
  };

  // A set belongs to one shard.
  static std::size_t setOf(Table table, std::int64_t key) noexcept {
    return static_cast<std::uint64_t>(key) % (table == Table::Users ? kUserSets : kTokenSets);
  }
  static std::size_t shardOf(Table table, std::int64_t key) noexcept { return setOf(table, key) % kShards; }
  // Calls `use(set)` with the set that this row may be in, where there is one. REQUIRES: the shard is locked.
  template <class Use>
  void inSet(Table table, std::int64_t key, Use use) noexcept;

  std::array<Shard, kShards> shards_;
  std::mutex hintMutex_;
  Memory* memory_ = nullptr;    // changed under all the mutexes
  std::uint64_t toSettle_ = 0;  // a bit a shard; only the writer's
};

}  // namespace kms
