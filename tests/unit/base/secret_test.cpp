#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "hal/base/master_key.h"
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

}  // namespace
}  // namespace base
