// Backups of a server that works, older states that are brought back, and all that can be wrong.
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>

#include "tests/integration/backup/hosts.h"
#include "tests/support/setting.h"

namespace tests {
namespace {

class Backup : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    open(old_);
    ASSERT_ENDS(old_.ctl({"user", "add", "alice"}), 0);
  }
  static std::vector<std::string> names(const std::filesystem::path& directory) {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      all.push_back(entry.path().filename().string());
    std::ranges::sort(all);
    return all;
  }
  Ran restore(Server& host, std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"restore", backup(), "--data-dir", host.data()};
    all.insert(all.end(), more.begin(), more.end());
    return host.kmsd(all);
  }
};

TEST_F(Backup, OlderStateSaysWhatMayRise) {
  const std::string before = token(old_, "alice", "access");
  const std::string pending = token(old_, "alice", "enrol");
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  ASSERT_ENDS(old_.ctl({"token", "revoke", "-"}, before), 0);
  ASSERT_ENDS(old_.ctl({"user", "add", "bob"}), 0);
  ASSERT_EQ(old_.stop(), 0);

  const Ran restored = restore(old_, {"--replace"});
  ASSERT_ENDS(restored, 0);
  EXPECT_TRUE(says(restored.out, "--accept-older"));
  EXPECT_TRUE(says(restored.out, "security.bak-"));
  old_.start();
  old_.expectState("sealed", "backup_older");
  EXPECT_TRUE(says(field(old_, "detail"), "counts again"));
  ASSERT_ENDS(old_.ctl({"unseal", "--accept-older"}), 0);
  EXPECT_EQ(old_.ctl({"token", "verify", "-"}, before).exit, 0);  // it has risen, as was said
  EXPECT_EQ(old_.ctl({"user", "show", "bob"}).exit, 1);
  EXPECT_EQ(old_.ctl({"token", "verify", "--user", "alice", "-"}, pending).exit, 1);
  // What is issued from now on has numbers far behind all before; the log and the rows tell the same of it.
  token(old_, "alice", "access");
  const auto request = old_.safe() / "alice.csr";
  ASSERT_ENDS(
      run({"openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-keyout", (old_.safe() / "alice.key").string(), "-subj", "/CN=alice", "-out", request.string()}),
      0);
  ASSERT_ENDS(old_.ctl({"cert", "issue", "--user", "alice", "--profile", "client", "--csr", request}), 0);
  const Ran audited = old_.ctl({"audit", "verify", "--store"});
  EXPECT_EQ(audited.exit, 0) << audited.out;
  const std::string log = slurp(old_.data() / "security/audit/000001.jsonl");
  EXPECT_TRUE(says(log, "restore_accepted"));
  EXPECT_TRUE(says(log, "backup_made"));
  ASSERT_EQ(old_.stop(), 0);
  old_.start();  // accepted once and for all
  old_.expectState("unsealed", "");
}

TEST_F(Backup, RunOptionAcceptsToo) {
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  ASSERT_EQ(old_.stop(), 0);
  ASSERT_ENDS(restore(old_, {"--replace"}), 0);
  old_.start({"--accept-older"});
  old_.expectState("unsealed", "");
}

TEST_F(Backup, GoesToStandardOutputAndIsCheckedThere) {
  const Ran ran = run({"/bin/sh", "-c",
                       old_.program("kmsctl") + " --server unix:" + old_.socket().string() + " backup - > " +
                           backup().string()});
  ASSERT_ENDS(ran, 0);
  ASSERT_ENDS(old_.kmsd({"backup", "check", backup(), disk(old_)}), 0);
  // The copy of the database goes when the answer is gone.
  EXPECT_TRUE(waitUntil([&] {
    return names(old_.data() / "security") == std::vector<std::string>{"audit",      "header",     "kms.db",
                                                                       "kms.db-shm", "kms.db-wal", "lock",
                                                                       "public"};
  }));
}

TEST_F(Backup, DamageIsToldWithItsPlace) {
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  const std::string good = slurp(backup());
  for (const std::size_t at : {std::size_t{40}, good.size() / 2, good.size() - 1}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    std::ofstream(backup(), std::ios::binary | std::ios::trunc) << bad;
    const Ran checked = old_.kmsd({"backup", "check", backup(), "--json"});
    EXPECT_EQ(checked.exit, 8) << checked.out;
    EXPECT_TRUE(says(checked.out, at == 40 ? "header" : "at byte"));
    prepare(new_);
    const Ran restored = new_.kmsd({"restore", backup(), "--data-dir", new_.data()});
    EXPECT_EQ(restored.exit, 8) << restored.err;
    EXPECT_FALSE(std::filesystem::exists(new_.data() / "security"));
    EXPECT_FALSE(std::filesystem::exists(new_.data() / "security.new"));
  }
  std::ofstream(backup(), std::ios::binary | std::ios::trunc) << good.substr(0, good.size() - 5);
  const Ran cut = old_.kmsd({"backup", "check", backup()});
  EXPECT_EQ(cut.exit, 8);
  EXPECT_TRUE(says(cut.err, "cut off"));
}

TEST_F(Backup, ForgedBackupDoesNotOpen) {
  ASSERT_EQ(old_.stop(), 0);
  ASSERT_ENDS(old_.kmsd({"backup", backup(), "--data-dir", old_.data()}), 0);
  const Ran unsignedOne = restore(old_, {"--replace"});
  ASSERT_ENDS(unsignedOne, 6);
  EXPECT_TRUE(says(unsignedOne.err, "--accept-unsigned"));
  ASSERT_ENDS(restore(old_, {"--replace", "--accept-unsigned"}), 0);
  ASSERT_ENDS(old_.kmsd({"backup", "check", backup(), disk(old_)}), 6);
  old_.start();
  old_.expectState("sealed", "backup_older");
}

TEST_F(Backup, KeepsTheNewest) {
  const auto place = old_.safe() / "kept";
  std::filesystem::create_directory(place);
  const std::string begin = "kms-" + field(old_, "server").substr(0, 8) + "-";
  for (const char* stamp : {"20250101T000000Z", "20250102T000000Z", "20250103T000000Z"})
    std::ofstream(place / (begin + stamp + ".kdb")) << "old";
  std::ofstream(place / "notes.txt") << "mine";
  std::ofstream(place / (begin + "mine.kdb")) << "mine";
  ASSERT_ENDS(old_.ctl({"backup", "--keep", "2", place}), 0);
  const auto left = names(place);
  ASSERT_EQ(left.size(), 4U);
  EXPECT_EQ(left[0], begin + "20250103T000000Z.kdb");
  EXPECT_EQ(old_.ctl({"backup", place}).exit, 2);
  EXPECT_EQ(old_.ctl({"backup", "--keep", "0", place}).exit, 2);
}

TEST_F(Backup, RefusesInAClearLine) {
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 9);                // is there already
  ASSERT_ENDS(old_.ctl({"backup", old_.safe() / "no/kms"}), 1);  // no such directory
  ASSERT_ENDS(restore(old_, {"--replace"}), 6);                  // it runs
  ASSERT_ENDS(old_.ctl({"seal"}), 0);
  ASSERT_ENDS(old_.ctl({"backup", old_.safe() / "sealed.kdb"}), 3);
  prepare(new_);
  std::filesystem::create_directory(new_.data());
  std::ofstream(new_.data() / "letter.txt") << "mine";
  const Ran foreign = new_.kmsd({"restore", backup(), "--data-dir", new_.data()});
  EXPECT_NE(foreign.exit, 0);
  EXPECT_TRUE(says(foreign.err, "letter.txt"));
  EXPECT_EQ(names(new_.data()), std::vector<std::string>{"letter.txt"});
}

TEST_F(Backup, NotEnoughSpaceIsSaidBefore) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can mount a small disk";
  const auto place = old_.safe() / "small";
  std::filesystem::create_directory(place);
  if (::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "no mounts here";
  const Ran ran = old_.ctl({"backup", place / "kms.kdb"});
  const bool empty = std::filesystem::is_empty(place);
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  const Ran restored = old_.kmsd({"restore", backup(), "--data-dir", place / "data"});
  ::umount2(place.c_str(), MNT_DETACH);
  EXPECT_EQ(ran.exit, 8) << ran.err;
  EXPECT_TRUE(says(ran.err, "not enough space"));
  EXPECT_TRUE(empty);
  EXPECT_EQ(restored.exit, 8) << restored.err;
  EXPECT_TRUE(says(restored.err, "not enough space"));
}

TEST_F(Backup, ADamagedDatabaseIsRestoredUnderARunningDaemon) {
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  ASSERT_EQ(old_.stop(), 0);
  std::ofstream(old_.data() / "security/kms.db", std::ios::binary | std::ios::trunc) << "no database";
  for (const char* name : {"kms.db-wal", "kms.db-shm"})
    std::filesystem::remove(old_.data() / "security" / name);
  old_.start();
  old_.expectState("sealed", "database_corrupt");
  ASSERT_ENDS(restore(old_, {"--replace"}), 0);  // the lock is free
  // It opens what was restored by itself; its socket is not there for a moment.
  ASSERT_TRUE(waitUntil([&] {
    const Ran said = old_.ctl({"--json", "status"});
    return said.out.find("backup_older") != said.out.npos;
  })) << old_.log();
  ASSERT_ENDS(old_.ctl({"unseal", "--accept-older"}), 0);
  EXPECT_EQ(old_.ctl({"user", "show", "alice"}).exit, 0);
}

TEST_F(Backup, KilledAtAnyMomentARestoreLeavesTheOldStateOrTheNew) {
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  ASSERT_ENDS(old_.ctl({"user", "add", "bob"}), 0);
  ASSERT_EQ(old_.stop(), 0);
  int kills = 0;
  const auto rounds = static_cast<int>(setting("KEYDISK_RESTORE_KILLS", 20, 8));
  for (int round = 0; round < rounds; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(126);
      const std::string program = old_.program("kmsd");
      ::execl(program.c_str(), "kmsd", "restore", backup().c_str(), "--data-dir", old_.data().c_str(),
              "--replace", nullptr);
      ::_exit(127);
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(round % 20 * 6);
    int status = 0;
    pid_t ended = 0;
    while (ended == 0 && std::chrono::steady_clock::now() < until) ended = ::waitpid(child, &status, WNOHANG);
    if (ended == 0) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      ++kills;
    }
    const Ran opens = old_.kmsd({"medium", "check", disk(old_), "--data-dir", old_.data()});
    ASSERT_EQ(opens.exit, 0) << opens.err;
    if (round % 5 != 4) continue;
    ASSERT_ENDS(restore(old_, {"--replace"}), 0);
  }
  EXPECT_GT(kills, 0);
}

TEST_F(Backup, InterruptedLeavesNothingOrAWholeOne) {
  const auto place = old_.safe() / "place";
  std::filesystem::create_directory(place);
  run({"/usr/bin/timeout", "-s", "INT", "0.05", old_.program("kmsctl"), "--server",
       "unix:" + old_.socket().string(), "backup", (place / "kms.kdb").string()});
  // Too late, it has made one: `timeout` does not tell.
  if (std::filesystem::exists(place / "kms.kdb")) {
    ASSERT_ENDS(old_.kmsd({"backup", "check", (place / "kms.kdb").string()}), 0);
    std::filesystem::remove(place / "kms.kdb");
  }
  EXPECT_TRUE(std::filesystem::is_empty(place)) << names(place).front();
  ASSERT_TRUE(waitUntil([&] { return !std::filesystem::exists(old_.data() / "security/backup.db"); }));
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
}

}  // namespace
}  // namespace tests
