#include "kms/tokens/throttle.h"

#include <algorithm>
#include <limits>

namespace kms {

Throttle::Entry& Throttle::entryFor(const std::string& name, base::Time now) {
  if (const auto found = byName_.find(name); found != byName_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    Entry& entry = entries_.front();
    if (now - entry.last > policy_.triesForgotten) {
      entry.tries = 0;
      entry.unrecorded = 0;
    }
    return entry;
  }
  if (entries_.size() >= policy_.throttledNames && !entries_.empty()) {
    byName_.erase(entries_.back().name);
    entries_.pop_back();
  }
  entries_.push_front(Entry{.name = name});
  byName_.emplace(entries_.front().name, entries_.begin());
  return entries_.front();
}

std::chrono::seconds Throttle::delayAfter(unsigned tries) const {
  if (tries <= policy_.freeTries) return std::chrono::seconds(0);
  auto delay = policy_.delayFirst;
  for (unsigned i = policy_.freeTries + 1; i < tries && delay < policy_.delayMost; ++i) delay *= 2;
  return std::min(delay, policy_.delayMost);
}

// A flood of guesses must not fill the audit log: each name speaks once a minute, all together once a second.
bool Throttle::mayRecord(Entry& entry, base::Time now) {
  if (entry.recorded != base::Time{} && now >= entry.recorded && now - entry.recorded < kRecordEvery)
    return false;
  if (now < window_ || now - window_ >= kRecordWindow) {
    window_ = now;
    recordsInWindow_ = 0;
  }
  if (recordsInWindow_ == kRecordsMost) return false;
  ++recordsInWindow_;
  entry.recorded = now;
  return true;
}

Throttle::Verdict Throttle::wrong(const std::string& name) {
  const base::Time now = clock_.now();
  const std::lock_guard lock(mutex_);
  Entry& entry = entryFor(name, now);
  entry.last = now;
  if (entry.tries < std::numeric_limits<unsigned>::max()) ++entry.tries;
  if (entry.unrecorded < std::numeric_limits<unsigned>::max()) ++entry.unrecorded;
  Verdict verdict{.delay = delayAfter(entry.tries)};
  if (verdict.delay > std::chrono::seconds(0) && mayRecord(entry, now)) {
    verdict.record = entry.unrecorded;
    entry.unrecorded = 0;
  }
  return verdict;
}

void Throttle::forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = byName_.find(name);
  if (found == byName_.end()) return;
  const auto entry = found->second;
  byName_.erase(found);
  entries_.erase(entry);
}

std::chrono::seconds Throttle::delay(const std::string& name) const {
  const base::Time now = clock_.now();
  const std::lock_guard lock(mutex_);
  const auto found = byName_.find(name);
  if (found == byName_.end() || now - found->second->last > policy_.triesForgotten)
    return std::chrono::seconds(0);
  return delayAfter(found->second->tries);
}

std::size_t Throttle::names() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace kms
