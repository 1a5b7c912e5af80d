// The signals of a daemon: SIGTERM and SIGINT end it, SIGHUP has it read its configuration anew.
#pragma once

#include <signal.h>

#include <functional>

namespace kmsd {

class Signals {
 public:
  // Blocks them, so that only wait() takes them. Before any thread is there: all inherit it.
  Signals();
  // SIGTERM or SIGINT. Calls `hangUp` for each SIGHUP meanwhile.
  int wait(const std::function<void()>& hangUp) const;
  // The same, and 0 where `over` is true; it is asked twice a second.
  int wait(const std::function<void()>& hangUp, const std::function<bool()>& over) const;

 private:
  sigset_t set_{};
};

}  // namespace kmsd
