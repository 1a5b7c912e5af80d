#include "daemon/run_signals.h"

namespace kmsd {

Signals::Signals() {
  ::sigemptyset(&set_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set_, signal);
  ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

int Signals::wait(const std::function<void()>& hangUp) const {
  for (;;) {
    const int signal = ::sigwaitinfo(&set_, nullptr);
    if (signal == SIGTERM || signal == SIGINT) return signal;
    if (signal == SIGHUP) hangUp();
  }
}

}  // namespace kmsd
