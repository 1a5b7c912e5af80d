// Commands that come at the wrong moment of a move: keys that the other host waits for, or that prove a
// backup which nobody has opened yet, stay as they are.
#include <sys/stat.h>

#include "tests/integration/backup/hosts.h"
#include "tests/support/injection.h"
#include "tests/support/kill_at.h"

namespace tests {
namespace {

class TooEarly : public Hosts {
 protected:
  Ran finalBackup() {
    return old_.kmsd({"backup", backup(), "--data-dir", old_.data(), "--final", "--medium", disk(old_)});
  }
  // Every command that changes keys is refused with `why`, and no medium loses its key.
  void expectKeysStay(Server& host, const std::string& why) {
    const std::string key = slurp(host.safe() / "key.img");
    const std::string spare = slurp(host.safe() / "spare.img");
    const std::string third = "image:" + (host.safe() / "third.img").string();
    const std::vector<std::vector<std::string>> commands = {
        {"rotate", "--medium", disk(host), "--medium", disk(host, "spare.img")},
        {"rekey", disk(host), "--medium", disk(host, "spare.img")},
        {"medium", "retire", mediumOf(host, "spare.img"), "--medium", disk(host)},
        {"medium", "add", third, "--medium", disk(host)},
        {"medium", "add", third, third + ".2", "--shares", "2/2", "--medium", disk(host)}};
    for (std::vector<std::string> command : commands) {
      command.insert(command.end(), {"--data-dir", host.data().string()});
      const Ran ran = host.kmsd(command);
      EXPECT_EQ(ran.exit, 6) << command[0] << " " << command[1] << ran.out << ran.err;
      EXPECT_TRUE(says(ran.err, why)) << command[0];
    }
    EXPECT_EQ(slurp(host.safe() / "key.img"), key);
    EXPECT_EQ(slurp(host.safe() / "spare.img"), spare);
    EXPECT_FALSE(std::filesystem::exists(host.safe() / "third.img"));
  }
  static std::string mediumOf(const Server& host, const std::string& name) {
    const std::string text = host.kmsd({"medium", "check", "image:" + (host.safe() / name).string()}).out;
    return text.substr(text.find("medium ") + 7, 36);
  }
};

TEST_F(TooEarly, AMovedServerKeepsTheKeysThatTheOtherHostWaitsFor) {
  ASSERT_ENDS(finalBackup(), 0);
  expectKeysStay(old_, "--unmove");
  prepare(new_);
  ASSERT_ENDS(new_.kmsd({"restore", backup(), "--data-dir", new_.data()}), 0);
  carry("key.img");
  open(new_);
}

// Under another root key the backup's MAC would not fit, and the server call its own backup forged.
TEST_F(TooEarly, ARestoredServerKeepsItsKeysUntilItWasOpen) {
  ASSERT_ENDS(finalBackup(), 0);
  prepare(new_);
  ASSERT_ENDS(new_.kmsd({"restore", backup(), "--data-dir", new_.data()}), 0);
  carry("key.img");
  carry("spare.img");
  expectKeysStay(new_, "was not open since");
  // Nor does it sign what it may not have made.
  const auto another = new_.safe() / "another.kdb";
  EXPECT_EQ(new_.kmsd({"backup", another, "--data-dir", new_.data(), "--medium", disk(new_)}).exit, 6);
  EXPECT_FALSE(std::filesystem::exists(another));
  open(new_);
  ASSERT_EQ(new_.stop(), 0);
  ASSERT_ENDS(new_.kmsd({"rotate", "--data-dir", new_.data(), "--medium", disk(new_), "--medium",
                         disk(new_, "spare.img")}),
              0);
  ASSERT_ENDS(new_.kmsd({"backup", another, "--data-dir", new_.data(), "--medium", disk(new_)}), 0);
  new_.start();
  new_.expectState("unsealed", "");
}

TEST_F(TooEarly, AFinalBackupThatGetsNoNameSaysThatTheMarkIsThere) {
  if (!canTrace()) GTEST_SKIP() << "needs the right to trace";
  const Ran failed = run(straced(
      {"-f", "-o", "/dev/null", "-e", "trace=linkat,renameat2", "-e", "inject=linkat,renameat2:error=EIO"},
      {old_.program("kmsd"), "backup", backup().string(), "--data-dir", old_.data().string(), "--final",
       "--medium", disk(old_)}));
  ASSERT_NE(failed.exit, 0);
  EXPECT_TRUE(says(failed.err, "marked as moved all the same"));
  EXPECT_FALSE(std::filesystem::exists(backup()));
  ASSERT_ENDS(finalBackup(), 0);  // as it says
}

// What a share of the network or a stick gives at the second reading may be another file.
TEST_F(TooEarly, ABackupIsTakenAsItWasJudged) {
  if (!canTrace()) GTEST_SKIP() << "needs the right to trace";
  ASSERT_ENDS(finalBackup(), 0);
  prepare(new_);
  const auto takeTheMacOff = [this] {
    EXPECT_EQ(run({"python3", "-c",
                   "import hashlib,struct,sys\n"
                   "f=open(sys.argv[1],'r+b')\n"
                   "b=bytearray(f.read())\n"
                   "n=struct.unpack_from('<I',b,12)[0]\n"
                   "b[11]=0\n"
                   "b[n-64:n-32]=bytes(32)\n"
                   "b[n-32:n]=hashlib.sha256(b[:n-32]).digest()\n"
                   "f.seek(0)\n"
                   "f.write(b)\n",
                   backup().string()})
                  .exit,
              0);
  };
  // Before the first thing that it makes, which is behind every check of the header. A sanitizer may make
  // something earlier: then the altered one is judged, and refused.
  const std::string whole = slurp(backup());
  KilledRun ran;
  for (std::uint64_t n = 1; n <= 4 && ran.exit != 9; ++n) {
    std::ofstream(backup(), std::ios::binary) << whole;
    ran = runDisturbedAt(
        {new_.program("kmsd"), "restore", backup().string(), "--data-dir", new_.data().string()}, new_.data(),
        n, takeTheMacOff);
    EXPECT_TRUE(ran.exit == 6 || ran.exit == 9) << ran.exit;
  }
  EXPECT_TRUE(ran.killed);
  EXPECT_EQ(ran.exit, 9);
  EXPECT_FALSE(std::filesystem::exists(new_.data()));
  const Ran unsignedNow = new_.kmsd({"restore", backup(), "--data-dir", new_.data()});
  EXPECT_EQ(unsignedNow.exit, 6);
  EXPECT_TRUE(says(unsignedNow.err, "--accept-unsigned"));
}

// On a file system that cannot exchange two directories, the name of what is put aside is nobody's.
TEST_F(TooEarly, ARestoreThatCannotChangePlacesLeavesWhatWasThere) {
  if (!canTrace()) GTEST_SKIP() << "needs the right to trace";
  ASSERT_ENDS(finalBackup(), 0);
  const auto names = [this] {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(old_.data()))
      all.push_back(entry.path().filename());
    return all;
  };
  const auto before = names();
  const auto there = slurp(old_.data() / "security/kms.db");
  const Ran failed = run(straced(
      {"-f", "-o", "/dev/null", "-e", "trace=renameat2", "-e", "inject=renameat2:error=EINVAL:when=3"},
      {old_.program("kmsd"), "restore", backup().string(), "--data-dir", old_.data().string(), "--replace"}));
  EXPECT_EQ(failed.exit, 8) << failed.out << failed.err;
  EXPECT_EQ(names(), before);
  EXPECT_EQ(slurp(old_.data() / "security/kms.db"), there);
}

TEST_F(TooEarly, WhatIsNoFileIsNoBackup) {
  const Ran dash = old_.kmsd({"backup", "-", "--data-dir", old_.data(), "--unsigned"});
  EXPECT_EQ(dash.exit, 2);
  EXPECT_TRUE(says(dash.err, "not standard output"));
  EXPECT_FALSE(std::filesystem::exists("-"));
  // Nor is the server marked as moved where the backup could get no name.
  const Ran nameless = old_.kmsd({"backup", "", "--data-dir", old_.data(), "--final", "--unsigned"});
  EXPECT_EQ(nameless.exit, 2);
  EXPECT_TRUE(says(nameless.err, "names no file"));
  EXPECT_FALSE(std::filesystem::exists(old_.data() / "security/moved"));
  EXPECT_EQ(old_.ctl({"backup", ""}).exit, 2);
  const auto pipe = old_.safe() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  prepare(new_);
  for (const Ran& ran :
       {new_.kmsd({"backup", "check", pipe}), new_.kmsd({"restore", pipe, "--data-dir", new_.data()}),
        new_.kmsd({"backup", "check", old_.safe()})}) {
    EXPECT_EQ(ran.exit, 2);
    EXPECT_TRUE(says(ran.err, "is no file"));
  }
}

TEST_F(TooEarly, ALinkIsNotFollowedWithASlashBehindItEither) {
  ASSERT_ENDS(finalBackup(), 0);
  prepare(new_);
  const auto elsewhere = new_.safe() / "elsewhere";
  std::filesystem::create_directory(elsewhere);
  std::filesystem::create_directory_symlink(elsewhere, new_.data());
  const Ran link = new_.kmsd({"restore", backup(), "--data-dir", new_.data().string() + "/"});
  EXPECT_EQ(link.exit, 6);
  EXPECT_TRUE(says(link.err, "symbolic link"));
  EXPECT_TRUE(std::filesystem::is_empty(elsewhere));
}

}  // namespace
}  // namespace tests
