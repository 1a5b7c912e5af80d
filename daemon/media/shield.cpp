#include "daemon/media/shield.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "daemon/media/filter.h"

namespace kmsd::media {
namespace {

constexpr std::uint64_t kTruncate = 1ULL << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE, of Linux 6.2

// All rights to change something that a kernel of this Landlock version knows.
std::uint64_t changes(long version) {
  std::uint64_t all = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                      LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                      LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                      LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                      LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  if (version >= 2) all |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) all |= kTruncate;
  return all;
}

bool addDevices(int rules) {
  const int devices = ::open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (devices < 0) return errno == ENOENT;  // then there is nothing to allow
  const landlock_path_beneath_attr rule{LANDLOCK_ACCESS_FS_WRITE_FILE, devices};
  const bool added = ::syscall(__NR_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  ::close(devices);
  return added;
}

// True also where the kernel has no Landlock, or a filter around this process does not let it be asked for.
bool keepPaths() {
  const long version = ::syscall(__NR_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM;
  const landlock_ruleset_attr handled{changes(version)};
  const auto rules = static_cast<int>(::syscall(__NR_landlock_create_ruleset, &handled, sizeof handled, 0));
  if (rules < 0) return false;
  const bool kept = addDevices(rules) && ::syscall(__NR_landlock_restrict_self, rules, 0) == 0;
  ::close(rules);
  return kept;
}

// What kmsd was given to serve a low port is not for this process. Root keeps what opens its devices.
bool dropCapabilities() {
  if (::geteuid() == 0) return true;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return ::syscall(__NR_capset, &header, none) == 0;
}

}  // namespace

bool becomeNobody() {
  constexpr unsigned kNobody = 65534;
  constexpr rlim_t kLocked = 8 * 1024 * 1024;  // bytes, Linux's own default; root had no such limit
  if (::geteuid() != 0) return true;
  rlimit locked{};
  if (::getrlimit(RLIMIT_MEMLOCK, &locked) != 0) return false;
  if (locked.rlim_cur < kLocked) {
    const rlimit enough{kLocked, std::max(kLocked, locked.rlim_max)};
    // Where it is refused, keys are read as long as the old limit lasts.
    static_cast<void>(::setrlimit(RLIMIT_MEMLOCK, &enough));
  }
  return ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
         ::setresuid(kNobody, kNobody, kNobody) == 0;
}

bool shield(int socket, const Rights& rights) {
  const rlimit none{0, 0};
  if (::prctl(PR_SET_DUMPABLE, 0) != 0 || ::setrlimit(RLIMIT_CORE, &none) != 0) return false;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  if (!dropCapabilities()) return false;
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  // A signal to the whole group (Ctrl-C, a service manager's stop) is kmsd's to answer; kmsd ends this
  // process.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  if (::close_range(static_cast<unsigned>(socket) + 1, ~0U, 0) != 0) return false;
  return (rights.writable || keepPaths()) && installFilter(rights);
}

}  // namespace kmsd::media
