// kmsd-insert-check against a systemctl that answers from a script, and a real flock; the unit files against
// systemd's own tools.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "hal/base/fd.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kScript = KEYDISK_SOURCE_DIR "/udev/kmsd-insert-check.sh";

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

class InsertCheck : public ::testing::Test {
 protected:
  void SetUp() override {
    write(scratch_ / "root/var/lib/kms/security/header", "server=x\n");
    write(lock(), "1\n");
    write(scratch_ / "enabled", "enabled\n");
    state("loaded", "inactive");
    const std::string folder = scratch_.path().string();
    write(scratch_ / "bin/systemctl",
          "#!/bin/sh\ncase \"$*\" in\n"
          "  'is-enabled kmsd-insert.service') cat " +
              folder + "/enabled; grep -q ^enabled " + folder +
              "/enabled ;;\n"
              "  'show --property=LoadState --property=ActiveState kmsd.service') cat " +
              folder +
              "/state ;;\n"
              "  *) echo \"unexpected: $*\" >&2; exit 9 ;;\nesac\n");
    fs::permissions(scratch_ / "bin/systemctl", fs::perms::owner_all);
  }
  fs::path root() const { return scratch_ / "root"; }
  fs::path lock() const { return scratch_ / "root/var/lib/kms/security/lock"; }
  void state(const std::string& load, const std::string& active) {
    write(scratch_ / "state", "LoadState=" + load + "\nActiveState=" + active + "\n");
  }
  Ran check() const {
    return run({"env", "PATH=" + (scratch_ / "bin").string() + ":/usr/bin:/bin", "/bin/sh", kScript,
                root().string()});
  }
  void expectAllowed() const {
    const Ran ran = check();
    EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
    EXPECT_THAT(ran.out + ran.err, IsEmpty());
  }
  // One line, which says why.
  void expectRefused(const std::string& why) const {
    const Ran ran = check();
    EXPECT_EQ(ran.exit, 1);
    EXPECT_THAT(ran.out, HasSubstr(why));
    EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 1) << ran.out;
    EXPECT_THAT(ran.err, IsEmpty());
  }
  Scratch scratch_;
};

TEST_F(InsertCheck, AllowsAServerThatIsSetUpAndNotRunning) {
  expectAllowed();
  write(scratch_ / "enabled", "enabled-runtime\n");
  expectAllowed();
  state("loaded", "failed");
  expectAllowed();
  fs::remove(lock());  // no server ran there yet
  expectAllowed();
  EXPECT_FALSE(fs::exists(lock())) << "the check must not make one: it would be root's";
}

TEST_F(InsertCheck, RefusesWhereTheAdministratorDidNotEnableIt) {
  for (const char* answer : {"disabled\n", "static\n", "alias\n", "masked\n", "not-found\n", "\n", ""}) {
    write(scratch_ / "enabled", answer);
    expectRefused("kmsd-insert.service is not enabled");
  }
}

TEST_F(InsertCheck, RefusesWhereTheServerIsMaskedOrAbsent) {
  state("masked", "inactive");
  expectRefused("masked");
  for (const char* load : {"not-found", "bad-setting", "error"}) {
    state(load, "inactive");
    expectRefused("no such service");
  }
  write(scratch_ / "state", "");
  expectRefused("no such service");
  fs::remove(scratch_ / "state");
  EXPECT_EQ(check().exit, 1);
}

TEST_F(InsertCheck, RefusesWhereTheServerRunsOrIsOnItsWay) {
  for (const char* active : {"active", "activating", "reloading", "deactivating", "maintenance"}) {
    state("loaded", active);
    expectRefused("runs already");
  }
}

TEST_F(InsertCheck, RefusesWhereTheServerWasStoppedByHand) {
  write(root() / "run/kmsd.stopped", "");
  expectRefused("an administrator stopped it");
}

TEST_F(InsertCheck, RefusesWhereNoServerIsOrNoMore) {
  fs::rename(root() / "var/lib/kms/security", root() / "var/lib/kms/security.bak");
  expectRefused("no server is set up in /var/lib/kms/security");
}

TEST_F(InsertCheck, LooksWhereTheConfigurationSaysThatTheServerLies) {
  write(root() / "etc/kms/kmsd.conf", "# data-dir=/no\n[kmsd]\n  data-dir = /srv/my keys \t\nmedium=usb:\n");
  expectRefused("no server is set up in /srv/my keys/security");
  write(root() / "srv/my keys/security/header", "server=x\n");
  expectAllowed();
  write(root() / "etc/kms/kmsd.conf", "#data-dir=/srv/elsewhere\n");
  expectAllowed();
}

TEST_F(InsertCheck, RefusesWhereTheLockIsHeldAndLeavesItAsItWas) {
  const base::Fd held(::open(lock().c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(held);
  ASSERT_EQ(::flock(held.get(), LOCK_EX | LOCK_NB), 0);
  expectRefused("another program has the lock");
  ASSERT_EQ(::flock(held.get(), LOCK_UN), 0);
  expectAllowed();
  EXPECT_EQ(::flock(held.get(), LOCK_EX | LOCK_NB), 0) << "the check kept the lock";
}

TEST_F(InsertCheck, RefusesALockThatIsNoFile) {
  fs::remove(lock());
  ASSERT_EQ(::mkfifo(lock().c_str(), 0600), 0);  // an open of it would wait for ever
  expectRefused("no lock file");
  fs::remove(lock());
  fs::create_symlink("/nowhere", lock());
  expectRefused("no lock file");
}

// What "enabled" means, asked of the real systemctl.
TEST(InsertUnit, IsOffUntilItIsEnabled) {
  const Scratch scratch;
  const fs::path units = scratch / "usr/lib/systemd/system";
  fs::create_directories(units);
  fs::create_directories(scratch / "etc/systemd/system");
  fs::copy(KEYDISK_BINARY_DIR "/udev/kmsd-insert.service", units / "kmsd-insert.service");
  const auto systemctl = [&](const std::string& verb) {
    return run({"systemctl", "--root=" + scratch.path().string(), verb, "kmsd-insert.service"});
  };
  EXPECT_EQ(systemctl("is-enabled").out, "disabled\n");
  EXPECT_EQ(systemctl("enable").exit, 0);
  EXPECT_EQ(systemctl("is-enabled").out, "enabled\n");
  // No target wants it: nothing but an insertion starts it.
  for (const auto& entry : fs::recursive_directory_iterator(scratch / "etc")) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".wants")));
  }
  EXPECT_EQ(systemctl("disable").exit, 0);
  EXPECT_EQ(systemctl("is-enabled").out, "disabled\n");
}

TEST(InsertUnit, SystemdReadsItAndWhatIsAddedToTheServersUnit) {
  const Scratch scratch;
  const auto copied = [&](const fs::path& from, const fs::path& to, const std::string& program) {
    std::ifstream in(from);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    // The program is not where it will be installed; verify wants to see one.
    const std::size_t at = text.find(program);
    ASSERT_NE(at, std::string::npos) << from;
    const std::size_t start = text.rfind('=', at) + 1;
    text.replace(start, at + program.size() - start, "/bin/true");
    write(to, text);
  };
  copied(KEYDISK_BINARY_DIR "/udev/kmsd-insert.service", scratch / "kmsd-insert.service",
         "kmsd-insert-check");
  copied(KEYDISK_BINARY_DIR "/daemon/kmsd.service", scratch / "kmsd.service", "/bin/kmsd");
  write(scratch / "kmsd.service.d/.", "");
  fs::copy(KEYDISK_SOURCE_DIR "/udev/kmsd-stopped.conf", scratch / "kmsd.service.d/kmsd-stopped.conf");
  const Ran ran = run({"systemd-analyze", "verify", "--man=no", (scratch / "kmsd-insert.service").string(),
                       (scratch / "kmsd.service").string()});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr(scratch.path().string())));
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("kmsd")));
}

// The command behind ExecStop=, as systemd hands it to sh.
TEST(InsertUnit, AStopIsRememberedAndACrashIsNot) {
  const Scratch scratch;
  const std::string mark = scratch / "kmsd.stopped";
  std::ifstream in(KEYDISK_SOURCE_DIR "/udev/kmsd-stopped.conf");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string start = "\nExecStop=+sh -c '";
  const std::size_t at = text.find(start);
  ASSERT_NE(at, std::string::npos);
  std::string command = text.substr(at + start.size());
  command.resize(command.find('\''));
  const auto replace = [&command](const std::string& from, const std::string& to) {
    const std::size_t place = command.find(from);
    ASSERT_NE(place, std::string::npos) << command;
    command.replace(place, from.size(), to);
  };
  replace("$$", "$");
  replace("/run/kmsd.stopped", mark);
  for (const char* result : {"exit-code", "signal", "core-dump", "watchdog", "timeout"}) {
    EXPECT_EQ(run({"env", std::string("SERVICE_RESULT=") + result, "sh", "-c", command}).exit, 0);
    EXPECT_FALSE(fs::exists(mark)) << result;
  }
  EXPECT_EQ(run({"env", "SERVICE_RESULT=success", "sh", "-c", command}).exit, 0);
  EXPECT_TRUE(fs::exists(mark));
}

// The group that the rules name is there once the package's users are.
TEST(InsertUnit, TheGroupIsMadeWithTheServersUser) {
  const Scratch scratch;
  fs::create_directories(scratch / "etc");
  const Ran ran = run({"systemd-sysusers", "--root=" + scratch.path().string(),
                       KEYDISK_SOURCE_DIR "/daemon/dist/kms.sysusers"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  std::ifstream in(scratch / "etc/group");
  const std::string groups{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT("\n" + groups, HasSubstr("\nkms:x:"));
}

}  // namespace
}  // namespace tests
