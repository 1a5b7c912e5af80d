#include "tests/support/kill_at.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <set>

namespace tests {
namespace {

constexpr int kSyscallStop = SIGTRAP | 0x80;  // with PTRACE_O_TRACESYSGOOD

[[noreturn]] void child(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  // What is traced cannot look for its leaks, and would end with an error.
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  const int null = ::open("/dev/null", O_RDWR);
  for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(126);
  ::raise(SIGSTOP);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

bool below(pid_t pid, std::uint64_t fd, const std::string& watched) {
  const std::string link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
  std::array<char, 4096> path;
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  return size > 0 && std::string_view(path.data(), static_cast<std::size_t>(size)).starts_with(watched);
}

bool changes(pid_t pid, const __ptrace_syscall_info& info, const std::string& watched) {
  switch (info.entry.nr) {
    case SYS_write:
    case SYS_pwrite64:
    case SYS_writev:
    case SYS_pwritev:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_fchmod:
    case SYS_fchown:
      return below(pid, info.entry.args[0], watched);
    case SYS_openat:
      return (info.entry.args[2] & O_CREAT) != 0;
    case SYS_open:
      return (info.entry.args[1] & O_CREAT) != 0;
    case SYS_rename:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_link:
    case SYS_linkat:
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_rmdir:
    case SYS_mkdir:
    case SYS_mkdirat:
      return true;
    default:
      return false;
  }
}

// One program with its threads and children, each stopped at its calls.
class Tracer {
 public:
  // `action`: instead of ending it.
  Tracer(pid_t root, std::string watched, std::uint64_t n, std::function<void()> action)
      : root_(root), watched_(std::move(watched)), left_(n), action_(std::move(action)), all_{root} {}

  KilledRun run() {
    int status = 0;
    if (::waitpid(root_, &status, 0) != root_ || !WIFSTOPPED(status)) std::abort();
    const long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                         PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, root_, nullptr, options) != 0) std::abort();
    proceed(root_, 0);
    while (!all_.empty()) {
      const pid_t pid = ::waitpid(-1, &status, __WALL);
      if (pid < 0 && errno == EINTR) continue;
      if (pid < 0) break;
      if (WIFSTOPPED(status)) {
        all_.insert(pid);
        stopped(pid, status);
      } else {
        all_.erase(pid);
        if (pid == root_ && WIFEXITED(status)) ran_.exit = WEXITSTATUS(status);
      }
    }
    return ran_;
  }

 private:
  static void proceed(pid_t pid, int signal) { ::ptrace(PTRACE_SYSCALL, pid, nullptr, signal); }

  void stopped(pid_t pid, int status) {
    if (ran_.killed && !action_) {  // one that came meanwhile
      ::kill(pid, SIGKILL);
      return;
    }
    const int signal = WSTOPSIG(status);
    if (signal == kSyscallStop) {
      if (atChange(pid)) return;
      proceed(pid, 0);
    } else if (signal == SIGTRAP || (signal == SIGSTOP && seen_.insert(pid).second)) {
      proceed(pid, 0);  // an event of the tracing, or the first stop of a new thread
    } else {
      proceed(pid, signal);
    }
  }

  // True: all were ended.
  bool atChange(pid_t pid) {
    __ptrace_syscall_info info{};
    const long got =
        ::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), pid, sizeof info, &info);
    if (got <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY || !changes(pid, info, watched_)) return false;
    if (left_ == 0 || --left_ > 0) {
      ++ran_.changes;
      return false;
    }
    ran_.killed = true;
    if (action_) {
      action_();
      return false;
    }
    for (const pid_t one : all_) ::kill(one, SIGKILL);
    return true;
  }

  const pid_t root_;
  const std::string watched_;
  std::uint64_t left_;
  const std::function<void()> action_;
  std::set<pid_t> all_;   // threads, too
  std::set<pid_t> seen_;  // had their first stop
  KilledRun ran_;
};

}  // namespace

KilledRun runKilledAt(const std::vector<std::string>& command, const std::filesystem::path& watched,
                      std::uint64_t n) {
  return runDisturbedAt(command, watched, n, {});
}

KilledRun runDisturbedAt(const std::vector<std::string>& command, const std::filesystem::path& watched,
                         std::uint64_t n, std::function<void()> action) {
  const pid_t pid = ::fork();
  if (pid < 0) std::abort();
  if (pid == 0) child(command);
  return Tracer(pid, watched.string(), n, std::move(action)).run();
}

bool canTrace() {
  const pid_t pid = ::fork();
  if (pid < 0) return false;
  if (pid == 0) ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace tests
