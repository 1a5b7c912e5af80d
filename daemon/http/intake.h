// Intake: what a connection has read and not used yet. Nearly always that is in its thread's buffer, which
// all its connections share; one that must wait takes the rest along. All of it is locked memory, wiped when
// it was used. Inside daemon/http only.
#pragma once

#include <span>

#include "daemon/http/loop.h"
#include "daemon/http/wire.h"

namespace kmsd::http {

class Intake {
 public:
  explicit Intake(Loop& loop) noexcept : loop_(loop) {}

  std::span<const char> bytes() const noexcept { return at_; }
  bool empty() const noexcept { return at_.empty(); }
  void use(std::size_t count) noexcept { at_ = at_.subspan(count); }
  // Forgets all of it.
  void drop() noexcept;

  // Reads behind what is there. Throws std::bad_alloc.
  Moved fill(Wire& wire);
  // REQUIRED before others run on the thread: leaves the shared buffer, and gives back what is not needed.
  // Throws std::bad_alloc.
  void keep();
  // Wipes what was used of the shared buffer, unless something in it is still to be used.
  void wipe() noexcept;

 private:
  Loop& loop_;
  std::span<char> at_;      // in the shared buffer, or in kept_
  std::span<char> shared_;  // what this connection has put into the shared buffer
  base::SecretText kept_;   // of this connection alone; empty where at_ is in the shared one
};

void wipeText(std::span<char> text) noexcept;

}  // namespace kmsd::http
