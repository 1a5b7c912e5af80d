#include "tests/support/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "hal/base/clock.h"
#include "hal/base/fd.h"

extern char** environ;  // NOLINT

namespace tests {
namespace {

struct Pipe {
  base::Fd read;
  base::Fd write;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

void drain(base::Fd& fd, std::string& into) {
  std::array<char, 65536> chunk;
  const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
  if (got > 0) {
    into.append(chunk.data(), static_cast<std::size_t>(got));
  } else {
    fd.reset();
  }
}

// Inputs of tests fit a pipe's 64 KiB, so this never blocks on a reader that also writes. The program need
// not read it: SIGPIPE is for this thread, and is taken back. Ignored for the whole process, the signal would
// be ignored by the programs that are run, too.
void writeUnheard(int fd, const std::string& input) {
  sigset_t pipe;
  sigset_t before;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  if (::write(fd, input.data(), input.size()) < 0 && errno == EPIPE) {
    const timespec now{};
    ::sigtimedwait(&pipe, nullptr, &now);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

Ran run(const std::vector<std::string>& command, const std::string& input) {
  Pipe in;
  Pipe out;
  Pipe err;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.read.get(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.write.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, err.write.get(), 2);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return {127, "", "cannot run " + command[0]};
  in.read.reset();
  out.write.reset();
  err.write.reset();
  writeUnheard(in.write.get(), input);
  in.write.reset();

  Ran ran;
  const auto by = base::Deadline::in(std::chrono::seconds(60));
  while (out.read || err.read) {
    pollfd fds[] = {{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
    if (by.expired() || ::poll(fds, 2, static_cast<int>(by.remaining().count())) == 0) {
      std::fprintf(stderr, "%s hangs\n", command[0].c_str());
      std::abort();
    }
    if (fds[0].revents != 0) drain(out.read, ran.out);
    if (fds[1].revents != 0) drain(err.read, ran.err);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace tests
