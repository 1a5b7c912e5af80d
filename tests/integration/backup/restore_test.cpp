// kmsd restore, where it may not or cannot, and what holds afterwards.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/integration/backup/database.h"
#include "tests/integration/backup/hosts.h"
#include "tests/support/injection.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStranger = "61235";
constexpr uid_t kOther = 61'236;

class Restore : public Hosts {
 protected:
  void makeBackup() {
    fs::remove(backup());
    ASSERT_ENDS(old_.kmsd({"backup", backup(), "--data-dir", old_.data(), "--medium", disk(old_)}), 0);
  }
  Ran restore(Server& host, std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"restore", backup(), "--data-dir", host.data()};
    all.insert(all.end(), more.begin(), more.end());
    return host.kmsd(all);
  }
  static std::vector<std::string> names(const fs::path& directory) {
    std::vector<std::string> all;
    for (const auto& one : fs::directory_iterator(directory)) all.push_back(one.path().filename().string());
    std::ranges::sort(all);
    return all;
  }
  bool opens(const Server& host) const {
    return host.kmsd({"medium", "check", disk(host), "--data-dir", host.data()}).exit == 0;
  }
};

// The old server stays as it was, and opens.
TEST_F(Restore, WithoutSpaceItDoesNotBegin) {
  if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "mounting needs root: " << std::strerror(errno);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  fs::create_directory(new_.data());
  ASSERT_EQ(::mount("none", new_.data().c_str(), "tmpfs", 0, "size=40m,mode=0700"), 0);
  new_.setUp();
  const auto before = names(new_.data());
  grow(old_.data() / "security/kms.db", 24);
  makeBackup();
  const auto id = [](const Server& host) {
    const std::string text = slurp(host.data() / "security/header");
    return text.substr(text.find("server=") + 7, 36);
  };
  const Ran refused = restore(new_, {"--replace", "--other-server", id(new_)});
  EXPECT_EQ(refused.exit, 8) << refused.err;
  EXPECT_TRUE(says(refused.err, "not enough space in " + new_.data().string()));
  EXPECT_TRUE(says(refused.err, "KB are needed"));
  EXPECT_EQ(names(new_.data()), before);
  EXPECT_TRUE(opens(new_));
  // With room for what it needs it goes.
  ASSERT_EQ(::mount("none", new_.data().c_str(), "tmpfs", MS_REMOUNT, "size=80m"), 0);
  ASSERT_ENDS(restore(new_, {"--replace", "--other-server", id(new_)}), 0);
  EXPECT_EQ(id(new_), id(old_));
  EXPECT_EQ(::umount(new_.data().c_str()), 0);
}

TEST_F(Restore, WhereTheDiskFillsUpMeanwhileTheOldStateStays) {
  makeBackup();
  if (run(straced({"-o", "/dev/null"}, {"true"})).exit != 0) GTEST_SKIP() << "strace may not trace here";
  const auto before = names(old_.data());
  const std::string program = old_.program("kmsd");
  std::vector<std::string> faults = {"fsync:error=ENOSPC:when=1", "mkdir:error=ENOSPC:when=1",
                                     "renameat2:error=ENOSPC:when=1", "renameat2:error=ENOSPC:when=3"};
#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // these write too, and would get the fault
  faults.insert(faults.end(), {"write:error=ENOSPC:when=3", "write:error=EDQUOT:when=4"});
#endif
  for (const std::string& fault : faults) {
    SCOPED_TRACE(fault);
    const Ran ran = run(straced(
        {"-f", "-o", "/dev/null", "-e", "trace=" + fault.substr(0, fault.find(':')), "-e", "inject=" + fault},
        {program, "restore", backup(), "--data-dir", old_.data(), "--replace"}));
    EXPECT_EQ(ran.exit, 8) << ran.err;
    EXPECT_TRUE(says(ran.err, "no space is left") || says(ran.err, "No space left") ||
                says(ran.err, "quota exceeded"));
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    EXPECT_TRUE(opens(old_));
    EXPECT_FALSE(fs::exists(old_.data() / "security.new"));
    EXPECT_EQ(names(old_.data()), before);
  }
}

TEST_F(Restore, IntoADirectoryOfSomebodyElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can run as somebody else";
  makeBackup();
  prepare(new_);
  for (const fs::path& way : {old_.safe().parent_path(), old_.safe(), new_.safe().parent_path()})
    ASSERT_EQ(::chmod(way.c_str(), 0711), 0);
  ASSERT_EQ(::chmod(backup().c_str(), 0644), 0);
  const auto asStranger = [&] {
    return run({"setpriv", "--reuid", kStranger, "--regid", kStranger, "--clear-groups", new_.program("kmsd"),
                "restore", backup(), "--data-dir", new_.data(), "--config", "/dev/null"});
  };
  const Ran nowhere = asStranger();  // he may not make it
  EXPECT_EQ(nowhere.exit, 6) << nowhere.err;
  EXPECT_FALSE(fs::exists(new_.data()));
  fs::create_directory(new_.data());
  for (const auto& [owner, mode] : {std::pair(uid_t{0}, mode_t{0755}), std::pair(kOther, mode_t{0755}),
                                    std::pair(kOther, mode_t{0777}), std::pair(uid_t{0}, mode_t{01777})}) {
    ASSERT_EQ(::chown(new_.data().c_str(), owner, owner), 0);
    ASSERT_EQ(::chmod(new_.data().c_str(), mode), 0);
    const Ran ran = asStranger();
    EXPECT_EQ(ran.exit, 6) << ran.err;
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    EXPECT_TRUE(says(ran.err, new_.data().string()));
    EXPECT_TRUE(fs::is_empty(new_.data()));
  }
}

TEST_F(Restore, IntoADirectoryThatIsNotEmpty) {
  makeBackup();
  prepare(new_);
  const auto refusedAt = [&](const std::string& what) {
    const auto before = names(new_.data());
    for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--replace"}}) {
      const Ran ran = restore(new_, more);
      EXPECT_NE(ran.exit, 0);
      EXPECT_TRUE(says(ran.err, what));
      EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    }
    EXPECT_EQ(names(new_.data()), before);
  };
  std::ofstream(new_.data()) << "a file";
  const Ran file = restore(new_);
  EXPECT_NE(file.exit, 0);
  EXPECT_EQ(slurp(new_.data()), "a file");
  fs::remove(new_.data());
  fs::create_directories(new_.data() / "photos");
  refusedAt("photos");
  fs::remove(new_.data() / "photos");
  std::ofstream(new_.data() / ".hidden") << "mine";
  refusedAt(".hidden");
  fs::remove(new_.data() / ".hidden");
  // What an interrupted restore left, and servers that were put aside, are in nobody's way.
  fs::create_directories(new_.data() / "security.new/audit");
  std::ofstream(new_.data() / "security.new/kms.db") << "half of it";
  ASSERT_ENDS(restore(new_), 0);
  EXPECT_FALSE(fs::exists(new_.data() / "security.new"));
  carry("key.img");
  EXPECT_TRUE(opens(new_));
}

}  // namespace
}  // namespace tests
