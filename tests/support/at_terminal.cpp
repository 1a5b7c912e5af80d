#include "tests/support/at_terminal.h"

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "hal/base/clock.h"
#include "hal/base/fd.h"

namespace tests {
namespace {

constexpr int kQuiet = 300;  // ms

void type(int terminal, const std::string& text) {
  if (::write(terminal, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}

// False at the end: a terminal whose last program has ended gives EIO.
bool watch(int terminal, std::string& shown) {
  std::array<char, 4096> chunk;
  const ssize_t got = ::read(terminal, chunk.data(), chunk.size());
  if (got > 0) shown.append(chunk.data(), static_cast<std::size_t>(got));
  return got > 0;
}

// With what was shown since the last answer; a server's log may go on behind its question.
bool asks(const std::string& shown, std::size_t answered, const std::string& question, bool quiet) {
  if (shown.size() <= answered) return false;
  return shown.ends_with(question) || (quiet && shown.find(question, answered) != std::string::npos);
}

}  // namespace

Ran runAtTerminal(const std::vector<std::string>& command, const std::string& question,
                  const std::string& answer) {
  return runAtTerminal(command, {{question, [&] { return answer; }}});
}

Ran runAtTerminal(const std::vector<std::string>& command, const std::vector<TerminalStep>& steps) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int master = -1;
  const pid_t pid = ::forkpty(&master, nullptr, nullptr, nullptr);
  if (pid < 0) return {127, "", "no terminal"};
  if (pid == 0) {
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  const base::Fd terminal(master);
  Ran ran;
  auto step = steps.begin();
  std::size_t answered = 0;  // what was shown when the last answer was typed
  bool quiet = false;        // nothing more came for a while
  const auto by = base::Deadline::in(std::chrono::seconds(60));
  for (;;) {
    if (step != steps.end() && asks(ran.out, answered, step->question, quiet)) {
      answered = ran.out.size();
      type(terminal.get(), step->answer() + "\n");
      ++step;
    }
    pollfd fd{terminal.get(), POLLIN, 0};
    quiet = ::poll(&fd, 1, kQuiet) == 0;
    if (by.expired()) {
      std::fprintf(stderr, "%s hangs; it has shown: %s\n", command[0].c_str(), ran.out.c_str());
      std::abort();
    }
    if (!quiet && !watch(terminal.get(), ran.out)) break;
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace tests
