#include "hal/base/secret_pool.h"

#include <bit>

namespace base {
namespace {

constexpr std::size_t kSmallest = 64;
constexpr std::size_t kSlab = 256 * 1024;

std::size_t blockSize(std::size_t size) { return std::bit_ceil(size < kSmallest ? kSmallest : size); }
std::size_t classOf(std::size_t block) {
  return static_cast<std::size_t>(std::countr_zero(block / kSmallest));
}

}  // namespace

SecretPool& SecretPool::instance() {
  static SecretPool* const pool = new SecretPool;  // outlives every static that still holds a block
  return *pool;
}

void* SecretPool::allocate(std::size_t size) noexcept try {
  if (size > kLargest) return nullptr;
  const std::size_t block = blockSize(size);
  const std::lock_guard lock(mutex_);
  auto& free = free_[classOf(block)];
  if (free.empty()) {
    if ((slabs_.size() + 1) * kSlab > kMost) return nullptr;
    auto slab = SecretBuffer::create(kSlab);
    if (!slab) return nullptr;
    slabs_.push_back(*std::move(slab));
    free.reserve(cut_[classOf(block)] += kSlab / block);
    for (std::size_t at = 0; at < kSlab; at += block) free.push_back(slabs_.back().bytes().data() + at);
  }
  void* out = free.back();
  free.pop_back();
  return out;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void SecretPool::release(void* block, std::size_t size) noexcept {
  const std::size_t whole = blockSize(size);
  wipe({static_cast<std::byte*>(block), whole});
  const std::lock_guard lock(mutex_);
  free_[classOf(whole)].push_back(block);  // room was reserved when the slab was cut
}

}  // namespace base
