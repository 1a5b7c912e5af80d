#include "hal/base/secret_shelf.h"

#include <array>
#include <bit>

#include "hal/base/secret_pool.h"

namespace base {
namespace {

constexpr std::size_t kSmallest = 64;
constexpr std::size_t kSizes = 5;  // 64 bytes, doubled up to kLargest
static_assert(kSmallest << (kSizes - 1) == SecretShelf::kLargest);

std::size_t sizeIndex(std::size_t size) {
  return static_cast<std::size_t>(
      std::countr_zero(std::bit_ceil(size < kSmallest ? kSmallest : size) / kSmallest));
}

struct Stack {
  std::array<void*, SecretShelf::kDeep> blocks{};
  std::size_t count = 0;
};

// What a thread's end finds is given back. What is released even later, by statics, goes to the pool.
thread_local constinit bool t_ended = false;
struct Shelf {
  std::array<Stack, kSizes> stacks{};
  ~Shelf() {
    t_ended = true;
    for (std::size_t i = 0; i < kSizes; ++i) {
      for (Stack& stack = stacks[i]; stack.count > 0;)
        SecretPool::instance().release(stack.blocks[--stack.count], kSmallest << i);
    }
  }
};
thread_local constinit Shelf t_shelf;

}  // namespace

void* SecretShelf::allocate(std::size_t size) noexcept {
  if (size > kLargest || t_ended) return SecretPool::instance().allocate(size);
  Stack& stack = t_shelf.stacks[sizeIndex(size)];
  if (stack.count == 0) return SecretPool::instance().allocate(size);
  return stack.blocks[--stack.count];
}

void SecretShelf::release(void* block, std::size_t size) noexcept {
  if (size > kLargest || t_ended) return SecretPool::instance().release(block, size);
  Stack& stack = t_shelf.stacks[sizeIndex(size)];
  if (stack.count == kDeep) return SecretPool::instance().release(block, size);
  wipe({static_cast<std::byte*>(block), size});  // no more of it was anybody's to write to
  stack.blocks[stack.count++] = block;
}

}  // namespace base
