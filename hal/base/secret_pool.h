// SecretPool: locked, wiped memory for secrets in flight (token texts, request bodies). Blocks of a few sizes
// are cut from locked slabs and wiped when they come back. Safe to use from several threads.
//
// SecretText stands for std::string where the text is secret: a short std::string lives inside its object and
// never meets an allocator, a vector always does.
#pragma once

#include <cstddef>
#include <mutex>
#include <new>
#include <string_view>
#include <vector>

#include "hal/base/secret_buffer.h"

namespace base {

class SecretPool {
 public:
  static constexpr std::size_t kLargest = 256 * 1024;           // bytes in one block
  static constexpr std::size_t kMost = std::size_t{64} << 20U;  // bytes in all slabs

  static SecretPool& instance();

  // Null where `size` is above kLargest or no more memory can be locked.
  void* allocate(std::size_t size) noexcept;
  void release(void* block, std::size_t size) noexcept;

 private:
  static constexpr std::size_t kClasses = 13;  // 64 bytes, doubled up to kLargest
  std::mutex mutex_;
  std::vector<SecretBuffer> slabs_;
  std::vector<void*> free_[kClasses];
  std::size_t cut_[kClasses] = {};  // blocks ever cut of each size
};

template <class T>
struct SecretAllocator {
  using value_type = T;
  SecretAllocator() = default;
  template <class U>
  SecretAllocator(const SecretAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t count) {
    if (void* block = SecretPool::instance().allocate(count * sizeof(T))) return static_cast<T*>(block);
    throw std::bad_alloc();
  }
  void deallocate(T* block, std::size_t count) noexcept {
    SecretPool::instance().release(block, count * sizeof(T));
  }
  bool operator==(const SecretAllocator&) const = default;
};

using SecretText = std::vector<char, SecretAllocator<char>>;

inline SecretText secretText(std::string_view from) { return SecretText(from.begin(), from.end()); }
inline std::string_view view(const SecretText& text) noexcept { return {text.data(), text.size()}; }

}  // namespace base
