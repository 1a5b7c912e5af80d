// CmpBudget: how much the MACs of strangers may cost. Whoever sends a message names the iterations of its
// MAC, and only when they are done is it known whether he knows a secret. Those of ordinary messages cost
// less than a signature and are always done; of costly ones strangers get a share of the time, and no more.
// Safe to use from several threads.
#pragma once

#include <algorithm>
#include <mutex>

#include "hal/base/clock.h"

namespace kms::pki {

class CmpBudget {
 public:
  static constexpr std::uint64_t kCheap = 1'000;          // iterations: OpenSSL's client does 500
  static constexpr std::uint64_t kPerSecond = 200'000;    // about 100 ms of one thread
  static constexpr std::uint64_t kMost = 2 * kPerSecond;  // saved up while nobody asks

  explicit CmpBudget(const base::Clock& clock) : clock_(clock), since_(clock.now()) {}

  // False where the share is used up.
  bool take(std::uint64_t iterations) {
    if (iterations <= kCheap) return true;
    const std::lock_guard lock(mutex_);
    const base::Time now = clock_.now();
    if (now > since_) {
      constexpr std::int64_t kFull = kMost / kPerSecond;
      const auto seconds = std::min<std::int64_t>((now - since_).count(), kFull);
      left_ = std::min(kMost, left_ + kPerSecond * static_cast<std::uint64_t>(seconds));
    }
    since_ = now;
    if (iterations > left_) return false;
    left_ -= iterations;
    return true;
  }
  // It was no stranger.
  void giveBack(std::uint64_t iterations) {
    if (iterations <= kCheap) return;
    const std::lock_guard lock(mutex_);
    left_ = std::min(kMost, left_ + iterations);
  }

 private:
  const base::Clock& clock_;
  std::mutex mutex_;
  base::Time since_;
  std::uint64_t left_ = kMost;
};

}  // namespace kms::pki
