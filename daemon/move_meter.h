// MoveMeter: how many changes of media are told one by one. A drive with a loose contact, or a kmsd-media
// that lies, could fill the log and the audit log's disk otherwise. The caller locks.
#pragma once

#include <chrono>
#include <utility>

namespace kmsd {

class MoveMeter {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  static constexpr unsigned kMost = 20;  // a second

  // Whether the change at `now` is told by itself; else it is counted.
  bool tells(Moment now) {
    if (now - from_ >= std::chrono::seconds(1)) {
      from_ = now;
      told_ = 0;
    }
    if (told_ < kMost) {
      ++told_;
      return true;
    }
    ++untold_;
    return false;
  }
  // How many were counted since this was last asked; 0 within the second that they came in.
  unsigned long takeUntold(Moment now) {
    return now - from_ >= std::chrono::seconds(1) ? std::exchange(untold_, 0) : 0;
  }

 private:
  Moment from_{};
  unsigned told_ = 0;
  unsigned long untold_ = 0;
};

}  // namespace kmsd
