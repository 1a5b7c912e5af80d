// The real programs, killed at their n-th write: of the database, or of the medium. A medium opens the server
// then, and the command run once more ends what was begun.
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "tests/support/run.h"
#include "tests/support/scratch.h"
#include "tests/support/setting.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

class SlotKillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (run({"strace", "-V"}).exit != 0) GTEST_SKIP() << "needs strace, to kill at a write";
    std::cout << "seed " << seed_ << "\n";
    const Ran made = kmsd({"setup", "--data-dir", path("D"), "--medium", image("key.img"), "--backup-medium",
                           image("spare.img"), "--no-ca"});
    ASSERT_EQ(made.exit, 0) << made.err;
    fs::create_directory(scratch_ / "begin");
    for (const char* name : {"D", "key.img", "spare.img"})
      fs::copy(path(name), scratch_ / "begin" / name, fs::copy_options::recursive);
    begin();
    if (killed(1, {"medium", "list", "--slots", "--data-dir", path("D")}, "openat")) return;
    GTEST_SKIP() << "strace may not trace here";
  }
  std::vector<std::string> words(std::vector<std::string> more) const {
    more.insert(more.begin(), std::string(KEYDISK_BINARY_DIR) + "/kmsd");
    more.insert(more.end(), {"--config", "/dev/null"});
    return more;
  }
  Ran kmsd(const std::vector<std::string>& more) const { return run(words(more)); }
  // Runs the command, killed at the n-th call of a thread; false where it came to its end before.
  bool killed(std::uint64_t n, const std::vector<std::string>& more, const std::string& call = "pwrite64") {
    std::vector<std::string> all = {"strace",
                                    "-f",
                                    "-qqq",
                                    "-o",
                                    "/dev/null",
                                    "-e",
                                    "trace=" + call,
                                    "-e",
                                    "inject=" + call + ":signal=KILL:when=" + std::to_string(n)};
    for (std::string& word : words(more)) all.push_back(std::move(word));
    const Ran ran = run(all);
    return ran.exit != 0;
  }
  void begin() {
    for (const char* name : {"D", "key.img", "spare.img", "third.img"}) fs::remove_all(path(name));
    for (const char* name : {"D", "key.img", "spare.img"})
      fs::copy(scratch_ / "begin" / name, path(name), fs::copy_options::recursive);
    fs::permissions(path("D"), fs::perms(0700));
    fs::permissions(path("D/security"), fs::perms(0700));
  }
  int opens(const std::string& name) const {
    return kmsd({"medium", "check", image(name), "--data-dir", path("D")}).exit;
  }
  std::string image(const std::string& name) const { return "image:" + path(name); }
  std::string path(const std::string& name) const { return (scratch_ / name).string(); }
  // Several of the first writes, by chance; all of them where the run asks for it.
  template <class Round>
  void kills(std::uint64_t writes, Round round) {
    const auto most = setting("KEYDISK_SLOT_KILLS", 2, 1);
    std::uint64_t killed = 0;
    for (std::uint64_t i = 0; i < most && !HasFailure(); ++i) {
      const std::uint64_t n = 1 + (most >= writes ? i : dice_()) % writes;
      SCOPED_TRACE("killed at write " + std::to_string(n));
      begin();
      killed += round(n) ? 1 : 0;
    }
    std::cout << most << " rounds, " << killed << " kills\n";
  }

  const std::uint64_t seed_ = setting("KEYDISK_SEED", std::random_device()(), std::random_device()());
  std::mt19937_64 dice_{seed_};
  Scratch scratch_;
};

TEST_F(SlotKillTest, Rotate) {
  const std::vector<std::string> rotate = {"rotate",         "--data-dir", path("D"),         "--medium",
                                           image("key.img"), "--medium",   image("spare.img")};
  kills(40, [&](std::uint64_t n) {
    const bool was = killed(n, rotate);
    EXPECT_EQ(opens(n % 2 == 0 ? "key.img" : "spare.img"), 0);
    const Ran again = kmsd(rotate);
    EXPECT_EQ(again.exit, 0) << again.err;
    EXPECT_EQ(opens(n % 2 == 0 ? "spare.img" : "key.img"), 0);
    return was;
  });
}

TEST_F(SlotKillTest, RekeyInPlace) {
  kills(20, [&](std::uint64_t n) {
    const bool was = killed(n, {"rekey", image("key.img"), "--medium", image("spare.img"), "--data-dir",
                                path("D"), "--no-rotate"});
    EXPECT_EQ(opens("key.img"), 0) << "one of its two keys";
    EXPECT_EQ(opens("spare.img"), 0);
    return was;
  });
}

TEST_F(SlotKillTest, Add) {
  kills(20, [&](std::uint64_t n) {
    const bool was = killed(
        n, {"medium", "add", image("third.img"), "--medium", image("key.img"), "--data-dir", path("D")});
    EXPECT_EQ(opens(n % 2 == 0 ? "key.img" : "spare.img"), 0);
    if (!was) {
      EXPECT_EQ(opens("third.img"), 0);
    }
    return was;
  });
}

}  // namespace
}  // namespace tests
