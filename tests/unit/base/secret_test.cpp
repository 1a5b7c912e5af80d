#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "hal/base/master_key.h"
#include "hal/base/rng.h"
#include "hal/base/secret_buffer.h"
#include "hal/base/secret_pool.h"

namespace base {
namespace {

TEST(SecretBuffer, AForkedChildSeesZeros) {
  auto secret = SecretBuffer::copyOf(asBytes("topsecret"));
  ASSERT_TRUE(secret);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool zero = std::ranges::all_of(secret->bytes(), [](std::byte b) { return b == std::byte{0}; });
    ::_exit(zero ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(secret->text(), "topsecret");
}

TEST(SecretBuffer, MovesWithoutACopyAndShrinksWithAWipe) {
  auto secret = SecretBuffer::copyOf(asBytes("0123456789"));
  ASSERT_TRUE(secret);
  const std::byte* at = secret->bytes().data();
  SecretBuffer moved = *std::move(secret);
  EXPECT_EQ(moved.bytes().data(), at);
  EXPECT_TRUE(secret->empty());  // NOLINT(bugprone-use-after-move)
  moved.shrink(4);
  EXPECT_EQ(moved.text(), "0123");
  EXPECT_EQ(asText({at, 10}), std::string_view("0123\0\0\0\0\0\0", 10));
  moved.clear();
  EXPECT_TRUE(moved.empty());
  unsigned char resident = 0;
  const auto page = reinterpret_cast<std::uintptr_t>(at);
  EXPECT_NE(::mincore(reinterpret_cast<void*>(page), 1, &resident), 0);  // unmapped
}

TEST(MasterKey, HasEightBytesAndDiffers) {
  const auto a = MasterKey::generate(systemRng());
  const auto b = MasterKey::generate(systemRng());
  ASSERT_TRUE(a && b);
  EXPECT_FALSE(equalConstantTime(a->bytes(), b->bytes()));
  const auto copy = MasterKey::fromBytes(a->bytes());
  ASSERT_TRUE(copy);
  EXPECT_TRUE(equalConstantTime(a->bytes(), copy->bytes()));
}

TEST(SecretPool, RefusesWhatIsTooLargeAndReusesBlocks) {
  SecretPool& pool = SecretPool::instance();
  EXPECT_EQ(pool.allocate(SecretPool::kLargest + 1), nullptr);
  void* first = pool.allocate(1000);
  ASSERT_NE(first, nullptr);
  pool.release(first, 1000);
  void* second = pool.allocate(1024);  // of the same class
  EXPECT_EQ(second, first);
  pool.release(second, 1024);
  EXPECT_THROW(SecretText(SecretPool::kLargest + 1), std::bad_alloc);
}

// All blocks of one size that the pool, or the limit on locked memory, has to give.
std::vector<void*> exhaust(SecretPool& pool, std::size_t size) {
  std::vector<void*> blocks;
  while (void* block = pool.allocate(size)) blocks.push_back(block);
  return blocks;
}

TEST(SecretPool, ServesAnotherSizeWhenOneThatTookAllIsGivenBack) {
  SecretPool pool;
  for (const std::size_t size : {std::size_t{65536}, std::size_t{100}, SecretPool::kLargest}) {
    const auto blocks = exhaust(pool, size);
    ASSERT_FALSE(blocks.empty()) << size;
    EXPECT_EQ(pool.allocate(1024), nullptr);  // wholly cut for the one size
    EXPECT_LE(pool.slabs() * SecretPool::kSlab, SecretPool::kMost);
    // One block holds its slab; any other one that is empty serves.
    for (std::size_t i = 1; i < blocks.size(); ++i) pool.release(blocks[i], size);
    void* other = pool.allocate(1024);
    EXPECT_NE(other, nullptr) << size;
    pool.release(other, 1024);
    pool.release(blocks[0], size);
  }
}

TEST(SecretPool, GivesEmptySlabsBackAndKeepsAFew) {
  SecretPool pool;
  const auto blocks = exhaust(pool, 65536);
  ASSERT_GT(pool.slabs(), SecretPool::kSpareMost);
  for (void* block : blocks) pool.release(block, 65536);
  EXPECT_EQ(pool.slabs(), SecretPool::kSpareMost);
  // Those kept serve every size in turn.
  for (std::size_t size = 1; size <= SecretPool::kLargest; size *= 2) {
    void* block = pool.allocate(size);
    ASSERT_NE(block, nullptr) << size;
    pool.release(block, size);
  }
  EXPECT_EQ(pool.slabs(), SecretPool::kSpareMost);
}

TEST(SecretPool, NoTwoBlocksInUseOverlap) {
  SecretPool pool;
  Bytes script(4096);
  systemRng().fill(script);
  struct Held {
    std::byte* at;
    std::size_t size;
    std::byte mark;
  };
  std::vector<Held> held;
  for (std::size_t i = 0; i + 1 < script.size(); i += 2) {
    const auto choice = std::to_integer<std::size_t>(script[i]);
    if (choice % 2 == 0 || held.empty()) {
      const std::size_t size = std::size_t{64} << (choice / 2 % 13);
      auto* const at = static_cast<std::byte*>(pool.allocate(size));
      if (at == nullptr) continue;  // as far as the limit on locked memory goes
      EXPECT_EQ(std::count(at, at + size, std::byte{0}), static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at) % 64, 0U);
      held.push_back({at, size, script[i + 1] | std::byte{1}});
      std::fill(at, at + size, held.back().mark);
    } else {
      const auto which = held.begin() + static_cast<std::ptrdiff_t>(choice % held.size());
      EXPECT_EQ(std::count(which->at, which->at + which->size, which->mark),
                static_cast<std::ptrdiff_t>(which->size));
      pool.release(which->at, which->size);
      held.erase(which);
    }
  }
  for (const Held& block : held) pool.release(block.at, block.size);
  EXPECT_LE(pool.slabs(), SecretPool::kSpareMost);
}

}  // namespace
}  // namespace base
