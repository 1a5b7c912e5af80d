#include "kms/tokens/durable_clock.h"

#include <algorithm>

#include "hal/base/rfc3339.h"

namespace kms {
namespace {

base::Time timeOf(std::int64_t seconds) { return base::Time(std::chrono::seconds(seconds)); }

}  // namespace

base::Result<std::int64_t> DurableClock::last(StoreReader& reader) {
  if (const std::int64_t known = last_; known >= 0) return known;
  auto stored = reader.number(kLastTime);
  if (!stored) return std::move(stored).error();
  std::int64_t unknown = -1;
  last_.compare_exchange_strong(unknown, std::max<std::int64_t>(stored->value_or(0), 0));
  return last_.load();
}

base::Result<base::Time> DurableClock::now(StoreReader& reader) {
  auto known = last(reader);
  if (!known) return std::move(known).error();
  return std::max(clock_.now(), timeOf(*known));
}

base::Result<base::Time> DurableClock::now(Store& store) {
  if (last_ < 0) {
    auto read = store.read([&](StoreReader& reader) -> base::Result<void> {
      auto known = last(reader);
      if (!known) return std::move(known).error();
      return {};
    });
    if (!read) return std::move(read).error();
  }
  return std::max(clock_.now(), timeOf(last_));
}

base::Result<base::Time> DurableClock::advance(Txn& txn) {
  auto known = last(txn);
  if (!known) return std::move(known).error();
  const base::Time clock = clock_.now();
  if (clock <= timeOf(*known)) return timeOf(*known);
  const std::int64_t seconds = clock.time_since_epoch().count();
  if (auto set = txn.setNumber(kLastTime, seconds); !set) return std::move(set).error();
  last_ = seconds;  // should this job be undone, the next second's writes it again
  return clock;
}

base::Result<base::Time> DurableClock::advanceToGrant(Txn& txn) {
  auto known = last(txn);
  if (!known) return std::move(known).error();
  const base::Time clock = clock_.now();
  if (clock + policy_.clockBackMost < timeOf(*known))
    return base::Error{base::Code::Unavailable,
                       "the clock shows " + base::formatTime(clock) + ", but this server has seen " +
                           base::formatTime(timeOf(*known)) +
                           " before; nothing is issued until the clock is set right",
                       base::Reason::ClockBack};
  return advance(txn);
}

}  // namespace kms
