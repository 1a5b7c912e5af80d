// Clock and Deadline: time as a parameter. Wall time decides expiry; steady time decides waiting.
#pragma once

#include <algorithm>
#include <chrono>

namespace base {

using Time = std::chrono::sys_seconds;  // UTC

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

// The kernel's CLOCK_REALTIME.
const Clock& systemClock();

// A moment by which something must have been done.
class Deadline {
 public:
  using Steady = std::chrono::steady_clock;

  static Deadline in(std::chrono::milliseconds span) { return Deadline(Steady::now() + span); }

  // What is left, never below zero.
  std::chrono::milliseconds remaining() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(at_ - Steady::now());
    return std::max(left, std::chrono::milliseconds::zero());
  }
  bool expired() const { return Steady::now() >= at_; }
  Steady::time_point at() const noexcept { return at_; }
  Deadline sooner(Deadline other) const noexcept { return Deadline(std::min(at_, other.at_)); }

 private:
  explicit Deadline(Steady::time_point at) noexcept : at_(at) {}
  Steady::time_point at_;
};

}  // namespace base
