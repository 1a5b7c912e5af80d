// Interrupt: lets a long command end between two steps. While one lives, Ctrl-C, SIGTERM and SIGHUP only
// raise a flag; a second one ends the program at once with 130. A closed pipe on stdout becomes an error of
// the write.
#pragma once

#include <csignal>

namespace kmsd::ctl {

class Interrupt {
 public:
  // REQUIRES: no other one lives.
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool came() const noexcept;
  // Readable from then on, so that a poll() ends. -1 where the system had no pipe left.
  int fd() const noexcept;

  // While one lives, the first signal says at once, in one line on stderr, that an answer is awaited.
  class Waiting {
   public:
    Waiting() noexcept;
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
  };
};

}  // namespace kmsd::ctl
