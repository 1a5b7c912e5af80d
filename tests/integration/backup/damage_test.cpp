// A database that is found damaged while the server runs, one that holds a forged row, and the header that
// names the media when the database is gone.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/integration/backup/database.h"
#include "tests/integration/backup/hosts.h"

namespace tests {
namespace {

class Damage : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    open(old_);
    for (const char* name : {"alice", "bob", "carol"}) ASSERT_ENDS(old_.ctl({"user", "add", name}), 0);
    ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
    // Its end moves all from the write-ahead log into the file.
    ASSERT_EQ(old_.stop(), 0);
  }
  std::filesystem::path database() const { return old_.data() / "security/kms.db"; }
  std::filesystem::path header() const { return old_.data() / "security/header"; }
  // Its socket is not there for a moment while it goes on without its database, or with another.
  testing::AssertionResult comesTo(const std::string& what) const {
    if (waitUntil([&] { return says(old_.ctl({"--json", "status"}).out, what); }))
      return testing::AssertionSuccess();
    return testing::AssertionFailure() << what << " is never said:\n" << old_.log();
  }
  bool lockIsFree() const {
    const int fd = ::open((old_.data() / "security/lock").c_str(), O_RDWR | O_CLOEXEC);
    const bool free = fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0;
    ::close(fd);
    return free;
  }
  void restoreAndOpen() {
    ASSERT_ENDS(old_.kmsd({"restore", backup(), "--data-dir", old_.data(), "--replace"}), 0);
    ASSERT_TRUE(comesTo("backup_older"));
    ASSERT_ENDS(old_.ctl({"unseal", "--accept-older"}), 0);
    EXPECT_EQ(old_.ctl({"user", "show", "alice"}).exit, 0);
  }
};

TEST_F(Damage, OfTheFileSealsARunningServerUntilItIsRestored) {
  old_.start();
  old_.expectState("unsealed", "");
  ruinPages(database());
  EXPECT_NE(old_.ctl({"user", "show", "alice"}).exit, 0);
  ASSERT_TRUE(comesTo("the backup is opened by medium"));
  EXPECT_EQ(field(old_, "reason"), "database_corrupt");
  EXPECT_EQ(old_.status().at("event").as_int64(), 5085);
  EXPECT_TRUE(says(old_.log(), "5085"));
  EXPECT_TRUE(lockIsFree());
  EXPECT_NE(old_.ctl({"unseal"}).exit, 0);
  EXPECT_EQ(old_.ctl({"user", "show", "alice"}).exit, 3);
  EXPECT_EQ(field(old_, "reason"), "database_corrupt");
  restoreAndOpen();
  EXPECT_EQ(old_.stop(), 0);
}

TEST_F(Damage, OfTheKeyringIsMetAtTheOpening) {
  sql(database(), "UPDATE keyring SET sealed=zeroblob(length(sealed))");
  old_.start();
  ASSERT_TRUE(comesTo("the backup is opened by medium"));
  EXPECT_EQ(field(old_, "reason"), "database_corrupt");
  EXPECT_TRUE(lockIsFree());
  restoreAndOpen();
}

// Who can write rows and has no key stops nobody but those whose rows he spoils.
TEST_F(Damage, OfSingleRowsStopsNobodyElse) {
  old_.start();
  old_.expectState("unsealed", "");
  sql(database(),
      "UPDATE users SET sealed=zeroblob(length(sealed)) WHERE key IN (SELECT key FROM users ORDER BY key "
      "LIMIT "
      "2)");
  ASSERT_ENDS(old_.ctl({"user", "add", "dave"}), 0);  // after a commit it is seen by every reader
  for (const char* name : {"alice", "bob"}) {
    const Ran refused = old_.ctl({"user", "show", name});
    EXPECT_EQ(refused.exit, 8) << refused.out << refused.err;
  }
  EXPECT_TRUE(says(old_.log(), "5085"));
  EXPECT_EQ(old_.ctl({"user", "show", "carol"}).exit, 0);
  EXPECT_EQ(old_.ctl({"token", "verify", "-"}, token(old_, "carol", "access")).exit, 0);
  EXPECT_EQ(field(old_, "state"), "unsealed");
  EXPECT_FALSE(lockIsFree());
  EXPECT_EQ(old_.ctl({"audit", "verify", "--store"}).exit, 1);
}

TEST_F(Damage, TheHeaderNamesTheMediaOfALostDatabase) {
  const auto count = [this] {
    std::size_t slots = 0;
    std::ifstream in(header());
    for (std::string line; std::getline(in, line);) slots += line.starts_with("slot=") ? 1 : 0;
    return slots;
  };
  EXPECT_EQ(count(), 2U);
  const std::string two = slurp(header());
  ASSERT_ENDS(old_.kmsd({"medium", "add", disk(old_, "third.img"), "--medium", disk(old_), "--label", "Third",
                         "--data-dir", old_.data()}),
              0);
  EXPECT_EQ(count(), 3U);
  const std::string three = slurp(header());
  // A crash came between the commit and the header: the next start mends it.
  std::ofstream(header(), std::ios::trunc) << two;
  old_.start();
  EXPECT_EQ(slurp(header()), three);
  ASSERT_EQ(old_.stop(), 0);
  // So does each command; and a header of before, without slots, is brought up to date.
  std::string before = two.substr(0, two.find("slot="));
  before.replace(before.find("format=2"), 8, "format=1");
  const Ran crc =
      run({"python3", "-c", "import sys,zlib;print('%08x'%zlib.crc32(sys.stdin.buffer.read()))"}, before);
  ASSERT_ENDS(crc, 0);
  std::ofstream(header(), std::ios::trunc) << before << "crc=" << crc.out;
  ASSERT_ENDS(old_.kmsd({"backup", old_.safe() / "stopped.kdb", "--data-dir", old_.data()}), 0);
  EXPECT_EQ(slurp(header()), three);

  std::filesystem::rename(database(), old_.safe() / "kms.db");
  old_.start();
  old_.expectState("sealed", "database_missing");
  EXPECT_TRUE(says(field(old_, "detail"), "\"Third\""));
}

}  // namespace
}  // namespace tests
