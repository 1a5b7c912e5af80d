#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "hal/base/master_key.h"
#include "hal/base/secret_buffer.h"
#include "hal/base/secret_pool.h"

namespace base {
namespace {

// The VmFlags of the mapping that holds `at`.
std::string flagsOf(const void* at) {
  std::ifstream maps("/proc/self/smaps");
  const auto address = reinterpret_cast<std::uintptr_t>(at);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0;
    unsigned long to = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) inside = from <= address && address < to;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return {};
}

// The sanitizers turn mlock into nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLocks = false;
#else
constexpr bool kLocks = true;
#endif

bool has(const std::string& flags, const std::string& flag) {
  return flags.find(" " + flag + " ") != std::string::npos;
}

TEST(SecretBuffer, IsLockedAndLeftOutOfDumpsAndChildren) {
  if (!kLocks) GTEST_SKIP() << "the sanitizer locks no memory";
  auto secret = SecretBuffer::create(100);
  ASSERT_TRUE(secret) << secret.error().what;
  const std::string flags = flagsOf(secret->bytes().data());
  EXPECT_TRUE(has(flags, "dd")) << flags;  // left out of core dumps
  EXPECT_TRUE(has(flags, "lo")) << flags;  // locked
  EXPECT_TRUE(has(flags, "wf")) << flags;  // wiped on fork
}

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

TEST(SecretBuffer, IsRefusedWhereNothingCanBeLocked) {
  if (!kLocks) GTEST_SKIP() << "the sanitizer locks no memory";
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{0, 0};
    // A privileged process may lock whatever the limit, so the child gives its rights up.
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (::geteuid() == 0 && ::setuid(65534) != 0)) ::_exit(2);
    const auto secret = SecretBuffer::create(8);
    ::_exit(!secret && secret.error().code == Code::Unavailable ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
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

TEST(SecretPool, BlocksAreLockedAndWipedWhenTheyComeBack) {
  if (!kLocks) GTEST_SKIP() << "the sanitizer locks no memory";
  const std::byte* at = nullptr;
  {
    const SecretText text = secretText("a token in flight");
    at = asBytes(view(text)).data();
    EXPECT_EQ(view(text), "a token in flight");
    EXPECT_TRUE(has(flagsOf(at), "lo"));
    EXPECT_TRUE(has(flagsOf(at), "dd"));
  }
  // The slab stays mapped, so that what the block held may be looked at.
  EXPECT_EQ(asText({at, 17}), std::string(17, '\0'));
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
