// kmsctl backup, where something comes between: another network, a terminal, Ctrl-C, a full disk, and what
// stands in its way.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/integration/backup/backup_client.h"
#include "tests/support/at_terminal.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStranger = "61235";  // an uid without rights

TEST_F(BackupClient, OnATerminalABarTellsHowFarItIs) {
  openWith(24);
  const Ran ran = runAtTerminal(command({"backup", target()}), {});
  ASSERT_EQ(ran.exit, 0) << ran.out;
  EXPECT_TRUE(says(ran.out, "The server copies its database ..."));
  for (const char* part : {"\r0/25 MB   0 %", " MB/s"}) EXPECT_TRUE(says(ran.out, part));
  // The line is cleared before the report comes, which begins at its left edge.
  const std::size_t cleared = ran.out.rfind("\r\x1b[K");
  ASSERT_NE(cleared, ran.out.npos);
  EXPECT_EQ(ran.out.compare(cleared + 4, 13, "A live backup"), 0) << ran.out.substr(cleared);
  EXPECT_EQ(ran.out.find('%', cleared), ran.out.npos);
  // A file of a few kB is there before anybody could read a bar; and without a terminal there is none.
  ASSERT_EQ(old_.stop(), 0);
  sql(old_.data() / "security/kms.db", "DELETE FROM archive; VACUUM;");
  open(old_);
  const Ran small = runAtTerminal(command({"backup", place() / "small.kdb"}), {});
  EXPECT_EQ(small.exit, 0) << small.out;
  EXPECT_EQ(small.out.find('%'), small.out.npos) << small.out;
  const Ran plain = old_.ctl({"backup", place() / "plain.kdb"});
  EXPECT_EQ(plain.exit, 0);
  EXPECT_EQ(plain.err, "");
}

TEST_F(BackupClient, OverHttpsWithABearerToken) {
  grow(old_.data() / "security/kms.db", 8);
  old_.insert("key.img");
  old_.start({"--listen", "https://127.0.0.1:0", "--tls-name", "localhost"});
  old_.expectState("unsealed", "");
  const fs::path admin = tokenOf("adam", "admin");
  const fs::path verifier = tokenOf("vera", "verifier");
  const std::string log = old_.log();
  const std::size_t at = log.find("https://127.0.0.1:");
  ASSERT_NE(at, log.npos);
  const std::string server = log.substr(at, log.find_first_of(" \n", at) - at);
  const std::string shown = old_.ctl({"ca", "show"}).out;
  std::ofstream(old_.safe() / "ca.pem") << shown.substr(shown.find("-----BEGIN"));
  const auto over = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {old_.program("kmsctl"), "--server", server, "--ca",
                                    (old_.safe() / "ca.pem").string()};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  failed(over({"backup", target()}), 6, "admin");
  failed(over({"--token-file", verifier, "backup", target()}), 6, "admin");
  std::ofstream(old_.safe() / "false.token")
      << "kms_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA000000\n";
  failed(over({"--token-file", old_.safe() / "false.token", "backup", target()}), 6, "token");
  const Ran made = over({"--token-file", admin, "backup", target()});
  ASSERT_EQ(made.exit, 0) << made.err;
  ASSERT_ENDS(old_.kmsd({"backup", "check", target(), disk(old_)}), 0);
  EXPECT_GT(fs::file_size(target()), 8U << 20U);
  EXPECT_TRUE(waitUntil([&] {
    return audit().find("\"backup_made\",\"actor\":\"user adam\"") != std::string::npos;
  })) << audit();
}

// What a disk says that fills up just then; where it can have files without a name, and where it cannot.
TEST_F(BackupClient, ADiskThatFillsUpLeavesNothing) {
  openWith(20);
  const auto opening = unnamedOpening();
  if (!opening) GTEST_SKIP() << "strace may not trace here";
  const std::string hidden = "openat:error=EOPNOTSUPP:when=" + std::to_string(*opening);
  for (const std::string fault :
       {"fallocate:error=ENOSPC", "fsync:error=ENOSPC:when=1", "fsync:error=EDQUOT:when=1"}) {
    SCOPED_TRACE(fault);
    failed(withFaults({fault}, {"backup", target()}), 8, "no space is left for " + target().string());
    failed(withFaults({hidden, fault}, {"backup", target()}), 8, "no space is left for " + target().string());
  }
  failed(withFaults({"linkat:error=ENOSPC"}, {"backup", target()}), 8, "no space is left for");
  failed(withFaults({hidden, "renameat2:error=ENOSPC"}, {"backup", target()}), 8, "no space is left for");
  failed(withFaults({"fsync:error=EIO:when=1"}, {"backup", target()}), 8, "cannot sync " + target().string());
  EXPECT_EQ(withFaults({hidden}, {"backup", target()}).exit, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(place()), fs::directory_iterator()), 1);
  ASSERT_ENDS(old_.kmsd({"backup", "check", target()}), 0);
}

// Really full, and in the middle: on a file system that sets no room aside.
TEST_F(BackupClient, ADiskThatSomebodyElseFillsLeavesNothing) {
  if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "mounting needs root: " << std::strerror(errno);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
  const std::string image = old_.safe() / "disk";
  ASSERT_EQ(run({"truncate", "-s", "160M", image}).exit, 0);
  ASSERT_EQ(run({"mkfs.ext2", "-q", "-m", "0", image}).exit, 0);
  const Ran mounted = run({"mount", "-o", "loop", image, place().string()});
  if (mounted.exit != 0) GTEST_SKIP() << "no loop device: " << mounted.err;
  fs::remove(place() / "lost+found");
  openWith(96);
  const fs::path filler = place() / "filler";
  const Ran ran = stopped(0, [&](pid_t child) {
    if (!writes(child)) return false;
    ::kill(old_.pid(), SIGSTOP);
    run({"dd", "if=/dev/zero", "of=" + filler.string(), "bs=1M", "status=none"});
    ::kill(old_.pid(), SIGCONT);
    return true;
  });
  EXPECT_GT(fs::file_size(filler), 32U << 20U);
  fs::remove(filler);
  failed(ran, 8, "no space is left for " + target().string());
  EXPECT_TRUE(again());
  ASSERT_EQ(old_.stop(), 0);
  EXPECT_EQ(::umount(place().c_str()), 0) << std::strerror(errno);
}

class BackupStopped : public BackupClient, public ::testing::WithParamInterface<int> {};

TEST_P(BackupStopped, InTheMiddleLeavesNothing) {
  openWith(96);
  failed(stopped(GetParam(), writes), 130, "kmsctl: interrupted; nothing was written\n");
  EXPECT_TRUE(waitUntil([&] { return !fs::exists(old_.data() / "security/backup.db"); }))
      << "the server's copy";
  EXPECT_TRUE(again());
}

TEST_F(BackupClient, InterruptedBeforeTheServerAnswersItEnds) {
  open(old_);
  ASSERT_EQ(::kill(old_.pid(), SIGSTOP), 0);
  failed(stopped(SIGINT, waits), 130, "kmsctl: interrupted; nothing was written\n");
  EXPECT_TRUE(again());
}

INSTANTIATE_TEST_SUITE_P(Signals, BackupStopped, ::testing::Values(SIGINT, SIGTERM, SIGHUP),
                         [](const auto& signal) { return std::string(::sigabbrev_np(signal.param)); });

TEST_F(BackupClient, WhatIsThereIsLeftAlone) {
  open(old_);
  const fs::path here = old_.safe() / "here";
  std::ofstream(here) << "mine";
  const fs::path link = old_.safe() / "link";
  fs::create_symlink(old_.safe() / "nowhere", link);
  for (const fs::path& taken : {here, link}) failed(old_.ctl({"backup", taken}), 9, "is there already");
  EXPECT_EQ(slurp(here), "mine");
  EXPECT_FALSE(fs::exists(old_.safe() / "nowhere"));
  failed(old_.ctl({"backup", place()}), 2, "--keep N");
  failed(old_.ctl({"backup", "--keep", "2", here}), 2, "is none");
  failed(old_.ctl({"backup", "--keep", "2", place() / "no"}), 2, "is none");
  for (const char* wrong : {"0", "-1", "2x", "", "100001"})
    failed(old_.ctl({"backup", "--keep", wrong, place()}), 2, "--keep");
  EXPECT_EQ(audit().find("backup_made"), std::string::npos) << "the server was asked";
}

TEST_F(BackupClient, WhereItMayNotWriteTheServerIsNotAsked) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can run as somebody else";
  open(old_);
  const fs::path admin = tokenOf("adam", "admin");
  for (const fs::path& way : {old_.safe().parent_path(), old_.safe()})
    ASSERT_EQ(::chmod(way.c_str(), 0711), 0);
  const auto asStranger = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"setpriv", "--reuid", kStranger, "--regid", kStranger, "--clear-groups"};
    const auto words = command({"--token-file", admin});
    all.insert(all.end(), words.begin(), words.end());
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  for (const mode_t mode : {0700U, 0555U, 0711U}) {  // root's
    ASSERT_EQ(::chmod(place().c_str(), mode), 0);
    failed(asStranger({"backup", target()}), 6, "cannot write in " + place().string());
    failed(asStranger({"backup", "--keep", "2", place()}), 6, "cannot write in " + place().string());
  }
  EXPECT_EQ(audit().find("backup_made"), std::string::npos) << "the server was asked";
  ASSERT_EQ(::chmod(place().c_str(), 01777), 0);
  const Ran made = asStranger({"backup", target()});
  ASSERT_EQ(made.exit, 0) << made.err;
  struct stat found {};
  ASSERT_EQ(::stat(target().c_str(), &found), 0);
  EXPECT_EQ(std::to_string(found.st_uid), kStranger);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST_F(BackupClient, KeepKeepsExactlySoManyAndNothingOfOthers) {
  open(old_);
  const std::string begin = "kms-" + field(old_, "server").substr(0, 8) + "-";
  const auto make = [&](const std::string& name) { std::ofstream(place() / name) << name; };
  const std::vector<std::string> foreign = {
      "kms-00000000-20200101T000000Z.kdb",  // another server's
      begin + "20200101T000000Z.kdb.gpg",   // and all that is not quite such a name
      begin + "20200101T000000Z.KDB",       begin + "20200101T000000.kdb",
      begin + "2020-01-01T00:00:00Z.kdb",   begin + ".kdb",
      "x" + begin + "20200101T000000Z.kdb", "." + begin + "20200101T000000Z.kdb.part",
  };
  for (const std::string& name : foreign) make(name);
  fs::create_directory(place() / (begin + "20200102T000000Z.kdb"));
  fs::create_symlink("nowhere", place() / (begin + "20200103T000000Z.kdb"));
  for (int day = 1; day <= 5; ++day) make(begin + "2021010" + std::to_string(day) + "T000000Z.kdb");
  make(begin + "20990101T000000Z.kdb");  // the clock was wrong once

  const auto kept = [&] {
    std::vector<std::string> names;
    for (const auto& one : fs::directory_iterator(place()))
      if (one.is_regular_file() && std::ranges::count(foreign, one.path().filename().string()) == 0)
        names.push_back(one.path().filename().string());
    std::ranges::sort(names);
    return names;
  };
  for (const std::size_t keep : {4U, 2U, 1U}) {
    Ran ran;
    // One a second: a name that is taken is never written over.
    ASSERT_TRUE(waitUntil([&] {
      ran = old_.ctl({"--json", "backup", "--keep", std::to_string(keep), place()});
      return ran.exit != 9;
    }));
    ASSERT_ENDS(ran, 0);
    const auto said = boost::json::parse(ran.out).as_object();
    const fs::path made = std::string(said.at("file").as_string());
    EXPECT_EQ(old_.kmsd({"backup", "check", made}).exit, 0) << "the one just made is gone";
    const auto names = kept();
    EXPECT_EQ(names.size(), keep);
    EXPECT_EQ(std::ranges::count(names, made.filename().string()), 1);
    EXPECT_GE(said.at("dropped").as_int64(), 1);
  }
  for (const std::string& name : foreign) EXPECT_EQ(slurp(place() / name), name);
  EXPECT_TRUE(fs::is_directory(place() / (begin + "20200102T000000Z.kdb")));
  EXPECT_TRUE(fs::is_symlink(place() / (begin + "20200103T000000Z.kdb")));
}

TEST_F(BackupClient, ToAnOutputThatTakesNothing) {
  open(old_);
  failed(shell("backup | true; exit ${PIPESTATUS[0]}"), 8, "cannot write to standard output: Broken pipe");
  failed(shell("backup > /dev/full"), 8, "cannot write to standard output: No space left");
  // The connection to the server must not take the place of what was closed.
  failed(shell("backup >&-"), 8, "cannot write to standard output");
  const std::string log = old_.log();
  EXPECT_EQ(log.find("request"), log.npos) << log;
  const Ran said = run({"bash", "-c", "'" + old_.program("kmsctl") + "' --version >&-"});
  EXPECT_EQ(said.exit, 8);
  ASSERT_ENDS(old_.ctl({"backup", target()}), 0);
}

}  // namespace
}  // namespace tests
