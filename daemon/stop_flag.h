// StopFlag: while one lives, Ctrl-C and SIGTERM raise a flag at which a long command looks between two steps,
// and clears away what it began. A second signal ends the program at once.
#pragma once

#include <signal.h>

#include <atomic>

namespace kmsd {

class StopFlag {
 public:
  // REQUIRES: no other one lives.
  StopFlag();
  ~StopFlag();
  StopFlag(const StopFlag&) = delete;
  StopFlag& operator=(const StopFlag&) = delete;

  static const std::atomic<bool>& raised() noexcept;

 private:
  struct sigaction int_ {};
  struct sigaction term_ {};
};

}  // namespace kmsd
