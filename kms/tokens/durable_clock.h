// DurableClock: time that never runs back. It is the later of the clock and of the last time that a committed
// write has seen, so that setting the clock back wakes no expired token. Safe to use from several threads.
#pragma once

#include <atomic>
#include <cstdint>

#include "hal/base/clock.h"
#include "kms/store/store.h"
#include "kms/tokens/policy.h"

namespace kms {

class DurableClock {
 public:
  static constexpr std::string_view kLastTime = "last_time";

  DurableClock(const base::Clock& clock, const Policy& policy) : clock_(clock), policy_(policy) {}

  base::Result<base::Time> now(StoreReader& reader);
  base::Result<base::Time> now(Store& store);
  // The same, and lets the transaction remember it: one small write a second at most.
  base::Result<base::Time> advance(Txn& txn);
  // The same, where new rights are given. Errors: Unavailable / ClockBack, where the clock is further behind
  // than policy.clockBackMost.
  base::Result<base::Time> advanceToGrant(Txn& txn);

 private:
  base::Result<std::int64_t> last(StoreReader& reader);
  const base::Clock& clock_;
  const Policy& policy_;
  std::atomic<std::int64_t> last_{-1};  // seconds; -1: not read yet
};

}  // namespace kms
