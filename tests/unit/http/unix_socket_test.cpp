#include "daemon/http/unix_socket.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/scratch.h"

namespace tests {
namespace {

using kmsd::http::setModeOfOwn;
using kmsd::http::UnixListener;

mode_t modeOf(const std::filesystem::path& path) {
  struct stat there {};
  EXPECT_EQ(::stat(path.c_str(), &there), 0);
  return there.st_mode & 07777U;
}

TEST(SetModeOfOwn, FollowsNoLink) {
  const Scratch scratch;
  const auto victim = scratch / "victim";
  std::ofstream(victim) << "x";
  ASSERT_EQ(::chmod(victim.c_str(), 0600), 0);
  std::filesystem::create_symlink(victim, scratch / "link");
  EXPECT_FALSE(setModeOfOwn((scratch / "link").string(), S_IFSOCK, 0666));
  EXPECT_FALSE(setModeOfOwn((scratch / "link").string(), S_IFREG, 0666));
  EXPECT_FALSE(setModeOfOwn(victim.string(), S_IFSOCK, 0666));
  EXPECT_FALSE(setModeOfOwn((scratch / "absent").string(), S_IFSOCK, 0666));
  EXPECT_EQ(modeOf(victim), 0600U);

  const auto directory = scratch / "directory";
  std::filesystem::create_directory(directory);
  ASSERT_EQ(::chmod(directory.c_str(), 0700), 0);
  std::filesystem::create_directory_symlink(directory, scratch / "way");
  EXPECT_FALSE(setModeOfOwn((scratch / "way").string(), S_IFDIR, 0755));
  EXPECT_EQ(modeOf(directory), 0700U);
  EXPECT_TRUE(setModeOfOwn(directory.string(), S_IFDIR, 0755));
  EXPECT_EQ(modeOf(directory), 0755U);
}

TEST(SetModeOfOwn, TouchesNothingOfAnotherUser) {
  const Scratch scratch;
  const auto path = scratch / "kms.sock";
  const auto listener = UnixListener::open(path);
  ASSERT_TRUE(listener) << listener.error().what;
  EXPECT_EQ(modeOf(path), 0666U);
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  const auto set = setModeOfOwn(path.string(), S_IFSOCK, 0600);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, base::Code::Conflict);
  EXPECT_EQ(modeOf(path), 0666U);
}

}  // namespace
}  // namespace tests
