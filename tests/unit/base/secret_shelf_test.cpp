#include "hal/base/secret_shelf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <thread>
#include <vector>

#include "hal/base/secret_pool.h"

namespace base {
namespace {

TEST(SecretShelf, GivesABlockBackToItsThreadWiped) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{64}, std::size_t{100}, SecretShelf::kLargest}) {
    auto* const first = static_cast<std::byte*>(SecretShelf::allocate(size));
    ASSERT_NE(first, nullptr);
    std::fill_n(first, size, std::byte{0x5A});
    SecretShelf::release(first, size);
    auto* const again = static_cast<std::byte*>(SecretShelf::allocate(size));
    EXPECT_EQ(again, first);
    EXPECT_EQ(std::count(again, again + size, std::byte{0}), static_cast<std::ptrdiff_t>(size));
    SecretShelf::release(again, size);
  }
}

TEST(SecretShelf, KeepsFewAndNoLargeOnes) {
  SecretPool& pool = SecretPool::instance();
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < 8 * SecretPool::kSlab / SecretShelf::kLargest; ++i)
    blocks.push_back(SecretShelf::allocate(SecretShelf::kLargest));
  ASSERT_EQ(std::ranges::count(blocks, nullptr), 0);
  const std::size_t held = pool.slabs();
  for (void* block : blocks) SecretShelf::release(block, SecretShelf::kLargest);
  EXPECT_LT(pool.slabs(), held);
  void* const large = SecretShelf::allocate(SecretShelf::kLargest + 1);
  ASSERT_NE(large, nullptr);
  SecretShelf::release(large, SecretShelf::kLargest + 1);
}

TEST(SecretShelf, AThreadThatEndsKeepsNothing) {
  void* taken = nullptr;
  std::thread([&] {
    taken = SecretShelf::allocate(512);
    SecretShelf::release(taken, 512);
  }).join();
  // The pool has it again: among as many blocks as a slab holds, it comes.
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < 2 * SecretPool::kSlab / 512; ++i)
    blocks.push_back(SecretPool::instance().allocate(512));
  EXPECT_EQ(std::ranges::count(blocks, taken), 1);
  for (void* block : blocks)
    if (block != nullptr) SecretPool::instance().release(block, 512);
}

}  // namespace
}  // namespace base
