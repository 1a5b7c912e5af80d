#include "daemon/run_signals.h"

namespace kmsd {

Signals::Signals() {
  ::sigemptyset(&set_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set_, signal);
  ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

int Signals::wait(const std::function<void()>& hangUp) const { return wait(hangUp, {}); }

int Signals::wait(const std::function<void()>& hangUp, const std::function<bool()>& over) const {
  constexpr timespec kTurn{0, 500'000'000};
  for (;;) {
    const int signal = over ? ::sigtimedwait(&set_, nullptr, &kTurn) : ::sigwaitinfo(&set_, nullptr);
    if (signal < 0 && over && over()) return 0;
    if (signal == SIGTERM || signal == SIGINT) return signal;
    if (signal == SIGHUP) hangUp();
  }
}

}  // namespace kmsd
