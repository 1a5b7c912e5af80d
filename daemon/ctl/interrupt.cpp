#include "daemon/ctl/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>

#include "daemon/reasons.h"

namespace kmsd::ctl {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

std::atomic<bool> raised{false};
std::atomic<int> wakeEnd{-1};
std::atomic<bool> waiting{false};
std::atomic<bool> terminal{false};
std::array<int, 2> ends = {-1, -1};
std::array<struct sigaction, kSignals.size()> before;

// On a terminal it stands behind what the terminal shows of Ctrl-C, or of the progress bar.
constexpr std::string_view kWaiting =
    "\nkmsctl: interrupted: waiting for the answer to what was sent; Ctrl-C again to stop now\n";

extern "C" void onStop(int) {
  if (raised.exchange(true)) ::_exit(static_cast<int>(Exit::Interrupted));
  const int error = errno;
  if (waiting) {
    const std::string_view line = kWaiting.substr(terminal ? 0 : 1);
    // Nobody can be told where stderr is gone.
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) errno = error;
  }
  const char byte = 0;
  // A full or missing pipe changes nothing: the flag is up.
  if (::write(wakeEnd.load(), &byte, 1) < 0) errno = error;
  errno = error;
}

}  // namespace

Interrupt::Interrupt() {
  raised = false;
  terminal = ::isatty(STDERR_FILENO) == 1;
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) ends = {-1, -1};
  wakeEnd = ends[1];
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction act {};
    ::sigemptyset(&act.sa_mask);
    act.sa_flags = SA_RESTART;
    act.sa_handler = kSignals[i] == SIGPIPE ? SIG_IGN : onStop;
    ::sigaction(kSignals[i], nullptr, &before[i]);
    // Whoever started this in the background had its signals ignored on purpose.
    if (before[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &act, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before[i], nullptr);
  wakeEnd = -1;
  for (int& end : ends) {
    if (end >= 0) ::close(end);
    end = -1;
  }
}

Interrupt::Waiting::Waiting() noexcept { waiting = true; }
Interrupt::Waiting::~Waiting() { waiting = false; }

bool Interrupt::came() const noexcept { return raised; }
int Interrupt::fd() const noexcept { return ends[0]; }

}  // namespace kmsd::ctl
