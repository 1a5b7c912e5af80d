#include "daemon/media/filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <vector>

namespace kmsd::media {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr unsigned kArchitecture = AUDIT_ARCH_RISCV64;
#else
#error "name this machine's AUDIT_ARCH here"
#endif

// Younger than the headers of Linux 6.1; the same on every machine.
constexpr unsigned kFchmodat2 = 452;
constexpr unsigned kSetxattrat = 463;
constexpr unsigned kRemovexattrat = 466;
constexpr unsigned kFileSetattr = 469;

constexpr unsigned kIoprioProcess = 1;  // IOPRIO_WHO_PROCESS

// Rules are tried in order; each call is allowed unless one refuses it.
class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
    answer(ENOSYS);
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    add(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1));  // the x32 table
    answer(ENOSYS);
#endif
  }

  void refuse(std::initializer_list<unsigned> calls, int error = EPERM) {
    for (const unsigned call : calls) {
      add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
      answer(error);
    }
  }
  // Refuses all but these values of an argument's lower half.
  void allowOnly(unsigned call, unsigned argument, std::initializer_list<unsigned> values,
                 int error = EPERM) {
    begin(call, argument, 2 * values.size() + 1);
    for (const unsigned value : values) {
      add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
      allow();
    }
    answer(error);
  }
  // Refuses unless argument 0 is `first` and argument 1 one of these.
  void allowOnlyBoth(unsigned call, unsigned first, std::initializer_list<unsigned> values) {
    begin(call, 0, 2 * values.size() + 4);
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 1, 0));
    answer(EPERM);
    load(offsetof(seccomp_data, args) + 8);
    for (const unsigned value : values) {
      add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
      allow();
    }
    answer(EPERM);
  }
  void refuseValues(unsigned call, unsigned argument, std::initializer_list<unsigned> values) {
    begin(call, argument, 2 * values.size() + 1);
    for (const unsigned value : values) {
      add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
      answer(EPERM);
    }
    allow();
  }
  // Refuses where a bit is as told.
  void refuseBit(unsigned call, unsigned argument, unsigned bit, bool set) {
    begin(call, argument, 3);
    if (set) {
      add(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bit, 0, 1));
    } else {
      add(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bit, 1, 0));
    }
    answer(EPERM);
    allow();
  }

  // Sockets: netlink for the kernel's and udevd's events and, where `streams`, Unix streams.
  void limitSockets(bool streams) {
    const unsigned other = streams ? AF_UNIX : AF_NETLINK;
    begin(__NR_socket, 0, 12);
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 4));
    load(offsetof(seccomp_data, args) + 16);
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_KOBJECT_UEVENT, 0, 1));
    allow();
    answer(EPROTONOSUPPORT);
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other, 1, 0));
    answer(EAFNOSUPPORT);
    load(offsetof(seccomp_data, args) + 8);
    add(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~static_cast<unsigned>(SOCK_CLOEXEC | SOCK_NONBLOCK)));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 0, 1));
    allow();
    answer(EPROTONOSUPPORT);
  }

  bool install() {
    allow();
    const sock_fprog program{static_cast<unsigned short>(rules_.size()), rules_.data()};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  }

 private:
  void add(sock_filter rule) { rules_.push_back(rule); }
  void load(std::size_t offset) { add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset))); }
  void answer(int error) { add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error))); }
  void allow() { add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)); }
  // The `length` rules that follow the loading of an argument count for this call only. They must answer.
  void begin(unsigned call, unsigned argument, std::size_t length) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, static_cast<unsigned char>(length + 1)));
    load(offsetof(seccomp_data, args) + 8 * argument);  // every machine above is little-endian
  }

  std::vector<sock_filter> rules_;
};

// Whoever is kmsd's user may also signal it, debug it, and limit it.
void keepFromOthers(Filter& filter) {
  const auto self = static_cast<unsigned>(::getpid());
  filter.refuse({__NR_kill, __NR_tkill, __NR_rt_sigqueueinfo, __NR_rt_tgsigqueueinfo, __NR_pidfd_send_signal,
                 __NR_pidfd_open, __NR_pidfd_getfd});
  filter.allowOnly(__NR_tgkill, 0, {self});  // abort() uses it
  // 0 is the caller itself, and for the last two, PRIO_PROCESS and IOPRIO_WHO_PROCESS say what the number is.
  for (const unsigned call :
       {__NR_prlimit64, __NR_sched_setscheduler, __NR_sched_setattr, __NR_sched_setparam,
        __NR_sched_setaffinity, __NR_migrate_pages, __NR_move_pages})
    filter.allowOnly(call, 0, {0, self});
  filter.allowOnlyBoth(__NR_setpriority, PRIO_PROCESS, {0, self});
  filter.allowOnlyBoth(__NR_ioprio_set, kIoprioProcess, {0, self});
  // Signals that the kernel would send for us, and characters that it would type.
  filter.refuseValues(__NR_fcntl, 1, {F_SETOWN, F_SETSIG, F_SETOWN_EX});
  filter.refuseValues(__NR_ioctl, 1, {FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCLINUX});
  filter.refuse({__NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_process_madvise});
}

void keepAlone(Filter& filter) {
  filter.refuse({__NR_execve, __NR_execveat});
#if defined(__NR_fork)
  filter.refuse({__NR_fork, __NR_vfork});
#endif
  filter.refuseBit(__NR_clone, 0, CLONE_THREAD, false);
  // Its flags are behind a pointer, where no filter sees them. The C library then uses clone for threads.
  filter.refuse({__NR_clone3}, ENOSYS);
}

// What Landlock of Linux 6.1 leaves open: rights, owners, times, and the emptying of a file.
void keepFiles(Filter& filter) {
  filter.refuse({__NR_fchmod, __NR_fchmodat, kFchmodat2, __NR_fchown, __NR_fchownat, __NR_setxattr,
                 __NR_lsetxattr, __NR_fsetxattr, kSetxattrat, __NR_removexattr, __NR_lremovexattr,
                 __NR_fremovexattr, kRemovexattrat, kFileSetattr, __NR_truncate, __NR_utimensat});
#if defined(__NR_open)
  filter.refuse({__NR_chmod, __NR_chown, __NR_lchown, __NR_creat, __NR_utime, __NR_utimes, __NR_futimesat});
  filter.refuseBit(__NR_open, 1, O_TRUNC, true);
#endif
  filter.refuseBit(__NR_openat, 2, O_TRUNC, true);
  filter.refuse({__NR_openat2}, ENOSYS);
}

// Netlink is for events alone. A network namespace of its own would be simpler, but those events come to the
// host's namespace only. Where cards are read, libpcsclite makes its connections to pcscd by itself, and anew
// after pcscd was restarted; to which socket it goes no filter sees.
void keepFromTalking(Filter& filter, bool cards) {
  filter.limitSockets(cards);
  if (!cards) filter.refuse({__NR_connect});
  // A pair of datagram sockets can be turned to other sockets.
  filter.refuse({__NR_socketpair, __NR_listen, __NR_accept, __NR_accept4});
}

}  // namespace

bool installFilter(const Rights& rights) {
  Filter filter;
  // Work that the kernel does for us passes by these rules.
  filter.refuse({__NR_io_uring_setup}, ENOSYS);
  keepFromOthers(filter);
  keepAlone(filter);
  if (!rights.writable) keepFiles(filter);
  keepFromTalking(filter, rights.cards);
  return filter.install();
}

}  // namespace kmsd::media
