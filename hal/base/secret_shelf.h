// SecretShelf: a few small blocks of the SecretPool that a thread keeps at hand, wiped, so that a request
// meets the pool's mutex seldom. A thread holds at most kDeep blocks of each small size, and gives them back
// at its end.
#pragma once

#include <cstddef>

namespace base {

class SecretShelf {
 public:
  static constexpr std::size_t kLargest = 1024;  // bytes; larger blocks go to the pool at once
  static constexpr std::size_t kDeep = 8;        // blocks of one size

  // As SecretPool::allocate and release, for this thread.
  static void* allocate(std::size_t size) noexcept;
  static void release(void* block, std::size_t size) noexcept;
};

}  // namespace base
