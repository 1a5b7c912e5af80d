// That secrets are locked, undumpable and wiped, as the kernel sees it.
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

bool has(const std::string& flags, const std::string& flag) {
  return flags.find(" " + flag + " ") != std::string::npos;
}

TEST(SecretBuffer, IsLockedAndLeftOutOfDumpsAndChildren) {
  auto secret = SecretBuffer::create(100);
  ASSERT_TRUE(secret) << secret.error().what;
  const std::string flags = flagsOf(secret->bytes().data());
  EXPECT_TRUE(has(flags, "dd")) << flags;  // left out of core dumps
  EXPECT_TRUE(has(flags, "lo")) << flags;  // locked
  EXPECT_TRUE(has(flags, "wf")) << flags;  // wiped on fork
}

TEST(SecretBuffer, IsRefusedWhereNothingCanBeLocked) {
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

TEST(SecretPool, BlocksAreLockedAndWipedWhenTheyComeBack) {
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

}  // namespace
}  // namespace base
