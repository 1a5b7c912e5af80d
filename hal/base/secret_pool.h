// SecretPool: locked, wiped memory for secrets in flight (token texts, request bodies). Blocks of a few sizes
// are cut from locked slabs and wiped when they come back. A slab that is wholly free serves any size anew,
// so that no use, however odd, binds locked memory for good. Safe to use from several threads.
//
// SecretText stands for std::string where the text is secret: a short std::string lives inside its object and
// never meets an allocator, a vector always does.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <new>
#include <string_view>
#include <vector>

#include "hal/base/secret_buffer.h"
#include "hal/base/secret_shelf.h"

namespace base {

class SecretPool {
 public:
  static constexpr std::size_t kLargest = 256 * 1024;           // bytes in one block
  static constexpr std::size_t kMost = std::size_t{64} << 20U;  // bytes in all slabs
  static constexpr std::size_t kSlab = 256 * 1024;              // bytes in one slab
  static constexpr std::size_t kSpareMost = 4;                  // slabs kept while nothing in them is used

  static SecretPool& instance();

  SecretPool() = default;
  SecretPool(const SecretPool&) = delete;
  SecretPool& operator=(const SecretPool&) = delete;

  // Null where `size` is above kLargest or no more memory can be locked. Blocks begin on multiples of 64
  // bytes.
  void* allocate(std::size_t size) noexcept;
  // Wipes the block. `size` is the one it was asked for with.
  void release(void* block, std::size_t size) noexcept;

  std::size_t slabs() const;  // locked now

 private:
  static constexpr std::size_t kClasses = 13;  // block sizes: 64 bytes, doubled up to kLargest

  // Its blocks all have one size. Those behind `fresh` have never been used at that size; of the others,
  // `free` names the ones that are not in use.
  struct Slab {
    SecretBuffer memory;
    std::size_t block = 0;  // bytes
    std::size_t fresh = 0;  // offset in bytes
    std::size_t used = 0;   // blocks
    std::vector<std::byte*> free;

    bool full() const noexcept { return free.empty() && fresh + block > kSlab; }
    void cut(std::size_t size);
    void* take() noexcept;
  };
  using Slabs = std::list<Slab>;  // a slab changes lists without a copy, and without a word to the allocator

  // A slab with a free block of this size, at the front of its list; null where there is none.
  Slab* slabFor(std::size_t block);
  bool addSpare();

  mutable std::mutex mutex_;
  Slabs partly_[kClasses];  // with blocks in use and free blocks
  Slabs full_;
  Slabs spare_;  // with no block in use; the last one used is in front
  std::map<const std::byte*, Slabs::iterator, std::less<>> byAddress_;
};

template <class T>
struct SecretAllocator {
  using value_type = T;
  SecretAllocator() = default;
  template <class U>
  SecretAllocator(const SecretAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t count) {
    if (void* block = SecretShelf::allocate(count * sizeof(T))) return static_cast<T*>(block);
    throw std::bad_alloc();
  }
  void deallocate(T* block, std::size_t count) noexcept { SecretShelf::release(block, count * sizeof(T)); }
  bool operator==(const SecretAllocator&) const = default;
};

using SecretText = std::vector<char, SecretAllocator<char>>;

inline SecretText secretText(std::string_view from) { return SecretText(from.begin(), from.end()); }
inline std::string_view view(const SecretText& text) noexcept { return {text.data(), text.size()}; }

}  // namespace base
