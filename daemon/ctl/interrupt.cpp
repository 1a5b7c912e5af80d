#include "daemon/ctl/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "daemon/reasons.h"

namespace kmsd::ctl {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

std::atomic<bool> raised{false};
std::atomic<int> wakeEnd{-1};
std::array<int, 2> ends = {-1, -1};
std::array<struct sigaction, kSignals.size()> before;

extern "C" void onStop(int) {
  if (raised.exchange(true)) ::_exit(static_cast<int>(Exit::Interrupted));
  const char byte = 0;
  // A full or missing pipe changes nothing: the flag is up.
  if (::write(wakeEnd.load(), &byte, 1) < 0) return;
}

}  // namespace

Interrupt::Interrupt() {
  raised = false;
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

bool Interrupt::came() const noexcept { return raised; }
int Interrupt::fd() const noexcept { return ends[0]; }

}  // namespace kmsd::ctl
