#include "hal/base/secret_pool.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <iterator>
#include <utility>

namespace base {
namespace {

constexpr std::size_t kSmallest = 64;

std::size_t blockSize(std::size_t size) { return std::bit_ceil(size < kSmallest ? kSmallest : size); }
std::size_t classOf(std::size_t block) {
  return static_cast<std::size_t>(std::countr_zero(block / kSmallest));
}

}  // namespace

SecretPool& SecretPool::instance() {
  static SecretPool* const pool = new SecretPool;  // outlives every static that still holds a block
  return *pool;
}

// REQUIRES: used == 0. Throws std::bad_alloc, and leaves the slab as it was.
void SecretPool::Slab::cut(std::size_t size) {
  if (size == block) return;
  free.reserve(kSlab / size);  // so that release() never has to ask for room
  free.clear();
  block = size;
  fresh = 0;
}

// REQUIRES: !full().
void* SecretPool::Slab::take() noexcept {
  ++used;
  if (free.empty()) return memory.bytes().data() + std::exchange(fresh, fresh + block);
  std::byte* const out = free.back();
  free.pop_back();
  return out;
}

bool SecretPool::addSpare() {
  if ((byAddress_.size() + 1) * kSlab > kMost) return false;
  auto memory = SecretBuffer::create(kSlab);
  if (!memory) return false;
  const std::byte* const at = memory->bytes().data();
  Slabs made(1);
  made.front().memory = *std::move(memory);
  byAddress_.emplace(at, made.begin());
  spare_.splice(spare_.begin(), made);
  return true;
}

SecretPool::Slab* SecretPool::slabFor(std::size_t block) {
  Slabs& partly = partly_[classOf(block)];
  if (!partly.empty()) return &partly.front();
  if (spare_.empty() && !addSpare()) return nullptr;
  // One that is cut already, if there is one.
  auto spare = std::find_if(spare_.begin(), spare_.end(), [&](const Slab& s) { return s.block == block; });
  if (spare == spare_.end()) spare = std::prev(spare_.end());
  spare->cut(block);
  partly.splice(partly.begin(), spare_, spare);
  return &partly.front();
}

void* SecretPool::allocate(std::size_t size) noexcept try {
  if (size > kLargest) return nullptr;
  const std::size_t block = blockSize(size);
  const std::lock_guard lock(mutex_);
  Slab* const slab = slabFor(block);
  if (slab == nullptr) return nullptr;
  void* const out = slab->take();
  Slabs& partly = partly_[classOf(block)];
  if (slab->full()) full_.splice(full_.begin(), partly, partly.begin());
  return out;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void SecretPool::release(void* block, std::size_t size) noexcept {
  auto* const at = static_cast<std::byte*>(block);
  wipe({at, blockSize(size)});
  SecretBuffer surplus;  // given back to the system when the mutex is free again
  const std::lock_guard lock(mutex_);
  const auto slab = std::prev(byAddress_.upper_bound(at))->second;
  assert(slab->block == blockSize(size) && slab->used != 0);
  Slabs& partly = partly_[classOf(slab->block)];
  Slabs& from = slab->full() ? full_ : partly;
  slab->free.push_back(at);
  if (--slab->used != 0) {
    if (&from == &full_) partly.splice(partly.end(), from, slab);  // the front ones are filled up first
    return;
  }
  spare_.splice(spare_.begin(), from, slab);
  if (spare_.size() <= kSpareMost) return;
  surplus = std::move(spare_.back().memory);
  byAddress_.erase(surplus.bytes().data());
  spare_.pop_back();
}

std::size_t SecretPool::slabs() const {
  const std::lock_guard lock(mutex_);
  return byAddress_.size();
}

}  // namespace base
