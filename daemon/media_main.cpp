// kmsd-media: reads media for kmsd and is trusted with nothing else. It sees devices, has no network, starts
// no program and looks into no other process. kmsd starts it with a socket as descriptor 3.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "drivers/builtin.h"
#include "hal/reader_service.h"

namespace {

constexpr int kSocket = 3;
constexpr const char* kMarker = "--started-by-kmsd";

bool startedByKmsd(int argc, char** argv) {
  struct stat what {};
  return argc == 2 && std::strcmp(argv[1], kMarker) == 0 && ::fstat(kSocket, &what) == 0 &&
         S_ISSOCK(what.st_mode);
}

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr unsigned kArchitecture = AUDIT_ARCH_RISCV64;
#else
#error "name this machine's AUDIT_ARCH here"
#endif

constexpr sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset));
}
constexpr sock_filter refuse(int error) {
  return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error));
}
constexpr sock_filter allow() { return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW); }
// Skips the next instruction unless the loaded word equals `value`.
constexpr sock_filter onlyIf(unsigned value) { return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1); }

// Sockets of this host only (pcscd's, and netlink for the kernel's events); no new program; no other process'
// memory; no way around these rules through another system call table or io_uring. A network namespace of its
// own would be simpler, but the kernel's device events come to the host's namespace only.
// Source: seccomp(2), Documentation/userspace-api/seccomp_filter.rst.
bool installFilter() {
  sock_filter rules[] = {
    load(offsetof(seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
    refuse(ENOSYS),
    load(offsetof(seccomp_data, nr)),
#if defined(__x86_64__)
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1),  // the x32 table
    refuse(ENOSYS),
#endif
    onlyIf(__NR_io_uring_setup),
    refuse(ENOSYS),
    onlyIf(__NR_execve),
    refuse(EPERM),
    onlyIf(__NR_execveat),
    refuse(EPERM),
    onlyIf(__NR_ptrace),
    refuse(EPERM),
    onlyIf(__NR_process_vm_readv),
    refuse(EPERM),
    onlyIf(__NR_process_vm_writev),
    refuse(EPERM),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 1, 0),
    allow(),
    load(offsetof(seccomp_data, args)),
    onlyIf(AF_UNIX),
    allow(),
    onlyIf(AF_NETLINK),
    allow(),
    refuse(EAFNOSUPPORT),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(rules)), rules};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool harden() {
  const rlimit none{0, 0};
  if (::prctl(PR_SET_DUMPABLE, 0) != 0 || ::setrlimit(RLIMIT_CORE, &none) != 0) return false;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  ::fcntl(kSocket, F_SETFD, FD_CLOEXEC);
  // kmsd ends it; a terminal's Ctrl-C is kmsd's to answer.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  return ::close_range(kSocket + 1, ~0U, 0) == 0 && installFilter();
}

}  // namespace

int main(int argc, char** argv) {
  if (!startedByKmsd(argc, argv)) {
    std::fputs("kmsd-media: kmsd starts this program; it is of no use by hand\n", stderr);
    return 2;
  }
  if (!harden()) {
    std::fprintf(stderr, "kmsd-media: cannot shield itself: %s\n", std::strerror(errno));
    return 1;
  }
  hal::ReaderService service(base::Fd(kSocket), drivers::builtin());
  const auto ended = service.run();
  // Without waiting for threads: a driver may hang in the kernel for good. kmsd is told first.
  ::shutdown(kSocket, SHUT_RDWR);
  if (!ended && ended.error().code != base::Code::Invalid)
    std::fprintf(stderr, "kmsd-media: %s\n", ended.error().what.c_str());
  ::_exit(ended ? 0 : 1);
}
