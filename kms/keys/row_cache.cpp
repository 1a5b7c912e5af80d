#include "kms/keys/row_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <functional>
#include <new>
#include <string_view>

namespace kms {
namespace {

template <class Slots>
auto* slotOf(Slots& slots, std::int64_t key) noexcept {
  const auto at =
      std::find_if(slots.begin(), slots.end(), [key](const auto& s) { return s.used && s.key == key; });
  return at == slots.end() ? nullptr : &*at;
}

template <class Slots>
std::size_t victim(const Slots& slots, std::size_t& hand, auto forget) noexcept {
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (!slots[i].used) return i;
  for (;; ++hand) {
    const std::size_t at = hand % slots.size();
    if (!slots[at].wanted) {
      ++hand;
      return at;
    }
    forget(at);
  }
}

std::uint64_t hashOf(Index index, base::BytesView value) noexcept {
  const std::uint64_t hash = std::hash<std::string_view>{}(base::asText(value));
  return hash ^ (static_cast<std::uint64_t>(index) * 0x9E3779B97F4A7C15U);
}

}  // namespace

RowCache::Kept::~Kept() { base::wipe(std::span(bytes).first(size)); }

RowCache::~RowCache() { close(); }

void RowCache::open() noexcept {
  void* const memory =
      ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  // Only what is used counts, and is left out of core dumps.
  ::madvise(memory, sizeof(Memory), MADV_NOHUGEPAGE);
  ::madvise(memory, sizeof(Memory), MADV_DONTDUMP);
  close();
  for (Shard& shard : shards_) shard.mutex.lock();
  hintMutex_.lock();
  memory_ = static_cast<Memory*>(memory);  // zeros: nothing is used
  hintMutex_.unlock();
  for (Shard& shard : shards_) shard.mutex.unlock();
}

void RowCache::close() noexcept {
  for (Shard& shard : shards_) shard.mutex.lock();
  hintMutex_.lock();
  Memory* const memory = std::exchange(memory_, nullptr);
  hintMutex_.unlock();
  for (Shard& shard : shards_) shard.mutex.unlock();
  if (memory == nullptr) return;
  // Only pages that were used: wiping the others would make them ours first.
  const auto wipeUsed = [](auto& sets) {
    for (auto& set : sets)
      for (std::size_t i = 0; i < kWays; ++i)
        if (set.slots[i].used) base::wipe(set.plain[i]);
  };
  wipeUsed(memory->tokens);
  wipeUsed(memory->users);
  ::munmap(memory, sizeof(Memory));
}

template <class Use>
void RowCache::inSet(Table table, std::int64_t key, Use use) noexcept {
  if (memory_ == nullptr) return;
  if (table == Table::Tokens) use(memory_->tokens[setOf(table, key)]);
  if (table == Table::Users) use(memory_->users[setOf(table, key)]);
}

std::optional<RowCache::Kept> RowCache::find(Table table, std::int64_t key) noexcept {
  std::optional<Kept> kept;
  Shard& shard = shards_[shardOf(table, key)];
  const std::lock_guard lock(shard.mutex);
  inSet(table, key, [&](auto& set) {
    Slot* const slot = slotOf(set.slots, key);
    if (slot == nullptr) return;
    slot->wanted = true;
    const auto& plain = set.plain[static_cast<std::size_t>(slot - set.slots.data())];
    kept.emplace();
    std::copy_n(plain.begin(), slot->size, kept->bytes.begin());
    kept->size = slot->size;
    kept->revision = slot->revision;
  });
  return kept;
}

void RowCache::insert(Table table, std::int64_t key, std::uint32_t revision, base::BytesView plain,
                      std::uint64_t asOf) noexcept {
  Shard& shard = shards_[shardOf(table, key)];
  const std::lock_guard lock(shard.mutex);
  if (asOf == 0 || shard.lastChange > asOf || shard.unsure) return;
  const std::pair row{table, key};
  if (std::find(shard.unsettled.begin(), shard.unsettled.end(), row) != shard.unsettled.end()) return;
  inSet(table, key, [&](auto& set) {
    if (plain.size() > set.kMost || slotOf(set.slots, key) != nullptr) return;
    const std::size_t at = victim(set.slots, shard.hand, [&](std::size_t i) { set.slots[i].wanted = false; });
    set.slots[at] = Slot{key, revision, static_cast<std::uint16_t>(plain.size()), true, false};
    base::wipe(set.plain[at]);
    std::copy(plain.begin(), plain.end(), set.plain[at].begin());
  });
}

std::optional<std::int64_t> RowCache::hint(Index index, base::BytesView value) noexcept {
  const std::uint64_t hash = hashOf(index, value);
  const std::lock_guard lock(hintMutex_);
  if (memory_ == nullptr) return std::nullopt;
  for (const Hint& hint : memory_->hints[hash % kHintSets])
    if (hint.key != 0 && hint.hash == hash) return hint.key;
  return std::nullopt;
}

void RowCache::leaveHint(Index index, base::BytesView value, std::int64_t key) noexcept {
  const std::uint64_t hash = hashOf(index, value);
  const std::lock_guard lock(hintMutex_);
  if (memory_ == nullptr) return;
  auto& set = memory_->hints[hash % kHintSets];
  auto at = std::find_if(set.begin(), set.end(), [&](const Hint& h) { return h.key == 0 || h.hash == hash; });
  if (at == set.end()) at = set.begin() + static_cast<std::ptrdiff_t>((hash >> 32U) % kHintWays);
  *at = Hint{hash, key};
}

void RowCache::changing(Table table, std::int64_t key, std::uint64_t at) noexcept {
  Shard& shard = shards_[shardOf(table, key)];
  toSettle_ |= std::uint64_t{1} << shardOf(table, key);
  const std::lock_guard lock(shard.mutex);
  shard.lastChange = at;
  try {
    shard.unsettled.emplace_back(table, key);
  } catch (const std::bad_alloc&) {
    shard.unsure = true;
  }
  inSet(table, key, [&](auto& set) {
    Slot* const slot = slotOf(set.slots, key);
    if (slot == nullptr) return;
    slot->used = false;
    base::wipe(set.plain[static_cast<std::size_t>(slot - set.slots.data())]);
  });
}

void RowCache::settled(std::uint64_t at) noexcept {
  for (std::size_t i = 0; i < kShards; ++i) {
    if ((toSettle_ >> i & 1U) == 0) continue;
    Shard& shard = shards_[i];
    const std::lock_guard lock(shard.mutex);
    shard.lastChange = at;
    shard.unsettled.clear();
    shard.unsure = false;
  }
  toSettle_ = 0;
}

}  // namespace kms
