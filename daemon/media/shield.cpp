#include "daemon/media/shield.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/media/filter.h"
#include "daemon/media/paths.h"

namespace kmsd::media {
namespace {

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
  return keepPaths(rights) && installFilter(rights);
}

}  // namespace kmsd::media
