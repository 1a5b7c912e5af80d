// What kmsd-media can no longer do once it is shielded, tried in a child that is shielded in the same way.
#include "daemon/media/shield.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <functional>
#include <map>

#include "hal/base/fd.h"
#include "tests/support/scratch.h"
#include "tests/unit/reader/shielded.h"

namespace {

using tests::hasLandlock;
using tests::kSocket;
using tests::opened;
using tests::shielded;
using tests::Try;

const kmsd::media::Rights kReading{};
const kmsd::media::Rights kWriting{true, false, {}};
const kmsd::media::Rights kCards{false, true, {}};

long socketOf(int family, int type, int protocol = 0) {
  return ::socket(family, type | SOCK_CLOEXEC, protocol);
}

// The answers to both, with and without the right to write.
void expectAlike(const std::vector<Try>& tries, const std::map<std::string, int>& expected,
                 const std::vector<kmsd::media::Rights>& all) {
  for (const auto& rights : all) {
    const auto answers = shielded(rights, tries);
    EXPECT_EQ(answers, expected) << "writable " << rights.writable << ", cards " << rights.cards;
  }
}

// A listening Unix socket, as pcscd's is.
class Service {
 public:
  Service() {
    const std::string path = (scratch_ / "comm").string();
    address_.sun_family = AF_UNIX;
    path.copy(address_.sun_path, sizeof address_.sun_path - 1);
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_) != 0 ||
        ::chmod(scratch_.path().c_str(), 0755) != 0 || ::chmod(path.c_str(), 0666) != 0 ||
        ::listen(fd_.get(), 4) != 0)
      throw std::runtime_error("no socket");
  }
  long connect() const {
    const base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return -1;
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
  }
  // Of the next one that connected.
  ucred peer() const {
    ucred who{};
    socklen_t size = sizeof who;
    const base::Fd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd || ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
      throw std::runtime_error("no peer");
    return who;
  }

 private:
  tests::Scratch scratch_;
  base::Fd fd_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address_{};
};

// A child that should not be ends at once.
long forked(pid_t pid) {
  if (pid == 0) ::_exit(0);
  return pid;
}

void* nothing(void*) { return nullptr; }

long thread() {
  pthread_t made{};
  errno = ::pthread_create(&made, nullptr, nothing, nullptr);
  if (errno != 0) return -1;
  errno = ::pthread_join(made, nullptr);
  return errno == 0 ? 0 : -1;
}

TEST(Shield, LeavesNoWayToAnotherProcess) {
  const auto parent = ::getpid();
  const auto answers = shielded(
      kWriting,
      {{"unix", [] { return socketOf(AF_UNIX, SOCK_STREAM); }},
       {"inet", [] { return socketOf(AF_INET, SOCK_STREAM); }},
       {"kill", [=] { return ::kill(parent, 0); }},
       {"tgkill", [=] { return ::syscall(__NR_tgkill, parent, parent, 0); }},
       {"tkill", [=] { return ::syscall(__NR_tkill, parent, 0); }},
       {"sigqueue", [=] { return ::sigqueue(parent, 0, {}); }},
       {"pidfd", [=] { return ::syscall(__NR_pidfd_open, parent, 0); }},
       {"setown", [=] { return ::fcntl(kSocket, F_SETOWN, parent); }},
       {"limit", [=] { return ::prlimit(parent, RLIMIT_NOFILE, nullptr, nullptr); }},
       {"scheduler",
        [=] {
          const sched_param idle{0};
          return ::sched_setscheduler(parent, SCHED_IDLE, &idle);
        }},
       {"attributes", [=] { return ::syscall(__NR_sched_setattr, parent, nullptr, 0); }},
       {"parameter", [=] { return ::syscall(__NR_sched_setparam, parent, nullptr); }},
       {"affinity", [=] { return ::sched_setaffinity(parent, 0, nullptr); }},
       {"pages", [=] { return ::syscall(__NR_migrate_pages, parent, 0, nullptr, nullptr); }},
       {"movePages", [=] { return ::syscall(__NR_move_pages, parent, 0, nullptr, nullptr, nullptr, 0); }},
       {"priority", [=] { return ::setpriority(PRIO_PROCESS, static_cast<id_t>(parent), 0); }},
       {"groupPriority", [] { return ::setpriority(PRIO_PGRP, 0, 0); }},
       {"userPriority", [] { return ::setpriority(PRIO_USER, 0, 0); }},
       {"ioPriority", [=] { return ::syscall(__NR_ioprio_set, 1, parent, 0); }},
       {"userIoPriority", [] { return ::syscall(__NR_ioprio_set, 3, 0, 0); }},
       {"typing", [] { return ::ioctl(kSocket, TIOCSTI, "x"); }},
       {"pasting", [] { return ::ioctl(kSocket, TIOCLINUX, "\x03"); }},
       {"ownPriority", [] { return ::setpriority(PRIO_PROCESS, 0, 0); }},
       {"ownIoPriority", [] { return ::syscall(__NR_ioprio_set, 1, 0, 0); }},
       {"raise", [] { return ::raise(0); }},
       {"ownLimit",
        [] {
          rlimit limit{};
          return ::getrlimit(RLIMIT_NOFILE, &limit);
        }},
       {"flags", [] { return ::fcntl(kSocket, F_GETFD); }},
       {"ptrace", [=] { return ::syscall(__NR_ptrace, 16 /* PTRACE_ATTACH */, parent, 0, 0); }}});
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.at("unix"), EAFNOSUPPORT);
  EXPECT_EQ(answers.at("inet"), EAFNOSUPPORT);
  for (const char* refused :
       {"kill",     "tgkill",        "tkill",        "sigqueue",   "pidfd",          "setown", "limit",
        "ptrace",   "scheduler",     "attributes",   "parameter",  "affinity",       "pages",  "movePages",
        "priority", "groupPriority", "userPriority", "ioPriority", "userIoPriority", "typing", "pasting"})
    EXPECT_EQ(answers.at(refused), EPERM) << refused;
  for (const char* allowed : {"raise", "ownLimit", "flags", "ownPriority", "ownIoPriority"})
    EXPECT_EQ(answers.at(allowed), 0) << allowed;
}

TEST(Shield, WithoutCardsThereAreOnlyTheKernelsEvents) {
  const Service service;
  int pair[2];
  expectAlike(
      {{"unix", [] { return socketOf(AF_UNIX, SOCK_STREAM); }},
       {"datagrams", [] { return socketOf(AF_UNIX, SOCK_DGRAM); }},
       {"inet", [] { return socketOf(AF_INET, SOCK_STREAM); }},
       {"inet6", [] { return socketOf(AF_INET6, SOCK_DGRAM); }},
       {"packet", [] { return socketOf(AF_PACKET, SOCK_RAW); }},
       {"vsock", [] { return socketOf(AF_VSOCK, SOCK_STREAM); }},
       {"events", [] { return socketOf(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT); }},
       {"udevd", [] { return socketOf(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT); }},
       {"routes", [] { return socketOf(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }},
       {"connect", [&] { return service.connect(); }},
       {"connectAny", [] { return ::connect(kSocket, nullptr, 0); }},
       {"pair", [&] { return ::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair); }}},
      {{"unix", EAFNOSUPPORT},
       {"datagrams", EAFNOSUPPORT},
       {"inet", EAFNOSUPPORT},
       {"inet6", EAFNOSUPPORT},
       {"packet", EAFNOSUPPORT},
       {"vsock", EAFNOSUPPORT},
       {"events", 0},
       {"udevd", 0},
       {"routes", EPROTONOSUPPORT},
       {"connect", EAFNOSUPPORT},
       {"connectAny", EPERM},
       {"pair", EPERM}},
      {kReading, kWriting});
}

TEST(Shield, WithCardsUnixStreamsComeToItAndNothingElse) {
  const Service service;
  int pair[2];
  const auto parent = ::getpid();
  char path[] = "/bin/true";
  char* const arguments[] = {path, nullptr};
  expectAlike({{"connect", [&] { return service.connect(); }},
               {"again", [&] { return service.connect(); }},
               {"flags", [] { return socketOf(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK); }},
               {"datagrams", [] { return socketOf(AF_UNIX, SOCK_DGRAM); }},
               {"packets", [] { return socketOf(AF_UNIX, SOCK_SEQPACKET); }},
               {"inet", [] { return socketOf(AF_INET, SOCK_STREAM); }},
               {"packet", [] { return socketOf(AF_PACKET, SOCK_RAW); }},
               {"events", [] { return socketOf(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT); }},
               {"routes", [] { return socketOf(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }},
               {"pair", [&] { return ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair); }},
               {"listen", [] { return ::listen(kSocket, 1); }},
               {"accept", [] { return ::accept4(kSocket, nullptr, nullptr, 0); }},
               {"kill", [=] { return ::kill(parent, 0); }},
               {"fork", [] { return forked(::fork()); }},
               {"exec", [&] { return ::execv(path, arguments); }},
               {"thread", thread}},
              {{"connect", 0},
               {"again", 0},
               {"flags", 0},
               {"datagrams", EPROTONOSUPPORT},
               {"packets", EPROTONOSUPPORT},
               {"inet", EAFNOSUPPORT},
               {"packet", EAFNOSUPPORT},
               {"events", 0},
               {"routes", EPROTONOSUPPORT},
               {"pair", EPERM},
               {"listen", EPERM},
               {"accept", EPERM},
               {"kill", EPERM},
               {"fork", EPERM},
               {"exec", EPERM},
               {"thread", 0}},
              {kCards});
  EXPECT_EQ(service.peer().uid, ::getuid());
}

TEST(Shield, RootThatReadsCardsAloneIsNobody) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  const Service service;
  const tests::Scratch scratch;
  const auto mine = scratch / "kms.db";
  std::ofstream(mine) << "rows";
  std::filesystem::permissions(mine, std::filesystem::perms::owner_read);
  const auto answers = shielded(kCards, {{"become", [] { return kmsd::media::becomeNobody() ? 0 : -1; }},
                                         {"read", [&] { return opened(mine, O_RDONLY); }},
                                         {"back", [] { return ::setresuid(0, 0, 0); }},
                                         {"groups", [] { return ::getgroups(0, nullptr) == 0 ? 0 : -1; }},
                                         {"connect", [&] { return service.connect(); }},
                                         {"thread", thread}});
  EXPECT_EQ(
      answers,
      (std::map<std::string, int>{
          {"become", 0}, {"read", EACCES}, {"back", EPERM}, {"groups", 0}, {"connect", 0}, {"thread", 0}}));
  const ucred who = service.peer();
  EXPECT_EQ(who.uid, 65534U);
  EXPECT_EQ(who.gid, 65534U);
}

TEST(Shield, LetsThreadsStartAndNoProcess) {
  char path[] = "/bin/true";
  char* const arguments[] = {path, nullptr};
  const auto answers = shielded(
      kReading,
      {{"fork", [] { return forked(::fork()); }},
       {"clone", [] { return forked(static_cast<pid_t>(::syscall(__NR_clone, SIGCHLD, 0, 0, 0, 0))); }},
       {"clone3", [] { return ::syscall(__NR_clone3, nullptr, 0); }},
       {"exec", [&] { return ::execv(path, arguments); }},
       {"thread", thread}});
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.at("fork"), EPERM);
  EXPECT_EQ(answers.at("clone"), EPERM);
  EXPECT_EQ(answers.at("clone3"), ENOSYS);
  EXPECT_EQ(answers.at("exec"), EPERM);
  EXPECT_EQ(answers.at("thread"), 0);
}

TEST(Shield, ChangesNoFileOfAServingKmsd) {
  const tests::Scratch scratch;
  const auto path = scratch / "kms.db";
  std::ofstream(path) << "rows";
  const std::string name = path.string();
  const auto answers = shielded({false, false, {name}},
                                {{"read", [&] { return opened(path, O_RDONLY); }},
                                 {"truncate", [&] { return ::truncate(name.c_str(), 0); }},
                                 {"openTruncating", [&] { return opened(path, O_RDONLY | O_TRUNC); }},
                                 {"chmod", [&] { return ::chmod(name.c_str(), 0666); }},
                                 {"chown", [&] { return ::chown(name.c_str(), ::getuid(), ::getgid()); }},
                                 {"times", [&] { return ::utimensat(AT_FDCWD, name.c_str(), nullptr, 0); }},
                                 {"setxattr", [&] { return ::setxattr(name.c_str(), "user.a", "b", 1, 0); }},
                                 {"device", [] { return opened("/dev/null", O_RDWR); }}});
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.at("read"), 0);
  EXPECT_EQ(answers.at("device"), 0);
  for (const char* refused : {"truncate", "openTruncating", "chmod", "chown", "times", "setxattr"})
    EXPECT_EQ(answers.at(refused), EPERM) << refused;
  EXPECT_EQ(std::filesystem::file_size(path), 4U);
}

TEST(Shield, MakesAndWritesNoFileOfAServingKmsd) {
  if (!hasLandlock()) GTEST_SKIP() << "this kernel has no Landlock";
  const tests::Scratch scratch;
  const auto path = scratch / "kms.db";
  std::ofstream(path) << "rows";
  const std::string name = path.string();
  const std::string other = (scratch / "other").string();
  const auto answers = shielded(
      kReading, {{"write", [&] { return opened(path, O_WRONLY); }},
                 {"update", [&] { return opened(path, O_RDWR); }},
                 {"make", [&] { return opened(other, O_WRONLY | O_CREAT); }},
                 {"makeInTmp", [] { return opened("/tmp", O_WRONLY | O_TMPFILE); }},
                 {"makeDevice", [] { return opened("/dev/shm/keydisk-shield-test", O_WRONLY | O_CREAT); }},
                 {"rename", [&] { return ::rename(name.c_str(), other.c_str()); }},
                 {"link", [&] { return ::link(name.c_str(), other.c_str()); }},
                 {"symlink", [&] { return ::symlink(name.c_str(), other.c_str()); }},
                 {"mkdir", [&] { return ::mkdir(other.c_str(), 0700); }},
                 {"unlink", [&] { return ::unlink(name.c_str()); }}});
  ASSERT_FALSE(answers.empty());
  for (const auto& [what, error] : answers) EXPECT_EQ(error, EACCES) << what;
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(other));
}

TEST(Shield, ReadsNoFileButMediaAndTheSystems) {
  if (!hasLandlock()) GTEST_SKIP() << "this kernel has no Landlock";
  const tests::Scratch data;
  const tests::Scratch media;
  std::ofstream(data / "security") << "salt";
  std::ofstream(media / "key.img") << "key";
  std::filesystem::create_symlink(data / "security", media / "link.img");
  const std::string process = "/proc/" + std::to_string(::getpid());
  for (const bool writable : {false, true}) {
    for (const auto& named : {media.path(), media / "key.img", media / "later.img"}) {
      const auto answers = shielded(
          {writable, false, {named.string()}},
          {{"security", [&] { return opened(data / "security", O_RDONLY); }},
           {"list", [&] { return opened(data.path(), O_RDONLY | O_DIRECTORY); }},
           {"byLink", [&] { return opened(media / "link.img", O_RDONLY); }},
           {"byProcess", [&] { return opened(process + "/root" + (data / "security").string(), O_RDONLY); }},
           {"settings", [] { return opened("/etc/passwd", O_RDONLY); }},
           {"image", [&] { return opened(media / "key.img", O_RDONLY); }},
           {"images", [&] { return opened(media.path(), O_RDONLY | O_DIRECTORY); }},
           {"device", [] { return opened("/dev/null", O_RDWR); }},
           {"kernel", [] { return opened("/sys/class", O_RDONLY | O_DIRECTORY); }},
           {"self", [] { return opened("/proc/self/maps", O_RDONLY); }}});
      EXPECT_EQ(answers, (std::map<std::string, int>{{"security", EACCES},
                                                     {"list", EACCES},
                                                     {"byLink", EACCES},
                                                     {"byProcess", EACCES},
                                                     {"settings", EACCES},
                                                     {"image", 0},
                                                     {"images", 0},
                                                     {"device", 0},
                                                     {"kernel", 0},
                                                     {"self", 0}}))
          << named << ", writable " << writable;
    }
  }
}

TEST(Shield, ACommandThatMakesMediaMayWrite) {
  const tests::Scratch scratch;
  const std::string name = (scratch / "key.img").string();
  const auto answers =
      shielded(kWriting, {{"make", [&] { return opened(name, O_WRONLY | O_CREAT); }},
                          {"truncate", [&] { return ::truncate(name.c_str(), 512); }},
                          {"rename", [&] { return ::rename(name.c_str(), (name + "2").c_str()); }}});
  ASSERT_FALSE(answers.empty());
  for (const auto& [what, error] : answers) EXPECT_EQ(error, 0) << what;
}

}  // namespace
