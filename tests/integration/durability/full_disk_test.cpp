// The disk under the data directory is really full: a small file system of its own, filled under load.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>

#include "hal/base/fd.h"
#include "tests/integration/durability/http_desk.h"
#include "tests/support/server.h"

namespace tests {
namespace {

// "no space is left for FILE", or "No space left on device", where the files of the audit log find it first.
bool saysFull(const std::string& text) {
  return text.find("no space is left") != text.npos || text.find("No space left") != text.npos;
}

// In a mount namespace of this thread and its children, so that nothing of it outlives the test program.
class FullDisk : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "mounting needs root: " << std::strerror(errno);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
    std::filesystem::create_directory(server_.data());
    if (GetParam() == "tmpfs") {
      ASSERT_EQ(::mount("none", server_.data().c_str(), "tmpfs", 0, "size=12m,mode=0700"), 0)
          << std::strerror(errno);
    } else {
      const std::string image = scratch_ / "disk";
      ASSERT_EQ(run({"truncate", "-s", "24M", image}).exit, 0);
      const Ran made = run({"mkfs.ext4", "-q", "-m", "0", image});
      ASSERT_EQ(made.exit, 0) << made.err;
      const Ran mounted = run({"mount", "-o", "loop", image, server_.data().string()});
      if (mounted.exit != 0) GTEST_SKIP() << "no loop device: " << mounted.err;
    }
    mounted_ = true;
    server_.setUp();
    server_.insert("key.img");
    start();
  }
  void TearDown() override {
    if (server_.pid() != 0) server_.stop();
    if (!mounted_) return;
    EXPECT_EQ(::umount(server_.data().c_str()), 0) << std::strerror(errno);
  }

  void start() {
    server_.start();
    server_.expectState("unsealed", "");
  }

  // Takes all space that is left.
  void fill() {
    const base::Fd fd(::open(filler().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    ASSERT_TRUE(fd);
    for (std::size_t size = 64 * 1024; size > 0; size /= 2) {
      const std::string zeros(size, '\0');
      while (::write(fd.get(), zeros.data(), size) == static_cast<ssize_t>(size)) {
      }
    }
    ::fsync(fd.get());
  }
  void free() { std::filesystem::remove(filler()); }
  std::filesystem::path filler() const { return server_.data() / "filler"; }

  // Requests until one is refused because the disk is full; what was acknowledged is in the ledger.
  std::string loadUntilFull() {
    for (int i = 0; i < 20'000; ++i) {
      auto done = ledger_.step(desk_);
      if (!done) return done.error().what;
    }
    return "";
  }

  Scratch scratch_;
  Server server_;
  bool mounted_ = false;
  HttpDesk desk_{server_.socket()};
  Ledger ledger_{"u", 1};
};

TEST_P(FullDisk, RefusesAndLosesNothingAndGoesOnWhenThereIsSpace) {
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(ledger_.step(desk_));
  const std::string user = "before";
  ASSERT_TRUE(desk_.addUser(user));
  auto kept = desk_.issue(user);
  ASSERT_TRUE(kept);

  fill();
  const std::string refused = loadUntilFull();
  std::cout << GetParam() << ", the first refusal: " << refused << "\n";
  EXPECT_NE(refused.find("answered 503"), std::string::npos) << refused;
  EXPECT_TRUE(saysFull(refused)) << refused;

  // It serves what needs no space, and refuses the rest; it does not die and does not seal.
  for (int i = 0; i < 20; ++i) {
    auto seen = desk_.verify(kept->text);
    ASSERT_TRUE(seen) << seen.error().what;
    EXPECT_TRUE(seen->active);
    auto revoked = desk_.revoke(kept->text);
    ASSERT_FALSE(revoked) << "a revocation was acknowledged that no disk holds";
    EXPECT_TRUE(saysFull(revoked.error().what)) << revoked.error().what;
  }
  server_.expectState("unsealed", "");
  ledger_.check(desk_);

  // Space is there again: it goes on by itself.
  free();
  auto later = desk_.issue(user);
  EXPECT_TRUE(waitUntil([&] { return later || bool(later = desk_.issue(user)); })) << later.error().what;
  EXPECT_TRUE(desk_.revoke(kept->text));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(ledger_.step(desk_));
  ledger_.check(desk_);
  EXPECT_EQ(server_.stop(), 0);
  start();
  desk_.disconnect();
  ledger_.check(desk_);
  EXPECT_FALSE(desk_.verify(kept->text)->active);
}

// A disk that is full at the start and at the end of the server.
TEST_P(FullDisk, StopsAndStartsOnAFullDisk) {
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(ledger_.step(desk_));
  fill();
  static_cast<void>(loadUntilFull());
  EXPECT_EQ(server_.stop(), 0) << server_.log();
  server_.start();
  desk_.disconnect();
  // Whether it can open (which writes a little) depends on what is left; it says which.
  const bool opened = waitUntil([&] {
    const auto status = server_.status();
    const auto* detail = status.if_contains("detail");
    const auto* state = status.if_contains("state");
    return (state != nullptr && state->as_string() == "unsealed") ||
           (detail != nullptr && detail->is_string() && saysFull(std::string(detail->as_string())));
  });
  EXPECT_TRUE(opened) << boost::json::serialize(server_.status());
  std::cout << GetParam() << ", started on a full disk: " << boost::json::serialize(server_.status()) << "\n";
  free();
  server_.ctl({"unseal"});
  server_.expectState("unsealed", "");
  ledger_.check(desk_);
  auto done = ledger_.step(desk_);
  EXPECT_TRUE(done) << done.error().what;
}

INSTANTIATE_TEST_SUITE_P(FileSystems, FullDisk, ::testing::Values("tmpfs", "ext4"),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace tests
