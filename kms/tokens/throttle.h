// Throttle: counts wrong one-time tokens by the name they were tried for, whether there is such a user or
// not. It delays answers and never refuses one, so that a stranger cannot lock a user out. Bounded memory;
// safe to use from several threads.
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "hal/base/clock.h"
#include "kms/tokens/policy.h"

namespace kms {

class Throttle {
 public:
  static constexpr std::chrono::seconds kRecordEvery{60};   // of one name
  static constexpr std::chrono::seconds kRecordWindow{10};  // of all names together:
  static constexpr unsigned kRecordsMost = 10;              // records in one window

  struct Verdict {
    std::chrono::seconds delay{0};  // hold the answer back this long
    unsigned record = 0;            // wrong tries to put on record now; 0: nothing
  };

  Throttle(const base::Clock& clock, const Policy& policy) : clock_(clock), policy_(policy) {}

  // Counts one more wrong try.
  Verdict wrong(const std::string& name);
  // The right token came.
  void forget(const std::string& name);
  // How long answers for this name are held back now; nothing is counted.
  std::chrono::seconds delay(const std::string& name) const;
  std::size_t names() const;

 private:
  struct Entry {
    std::string name;
    unsigned tries = 0;
    unsigned unrecorded = 0;
    base::Time last{};
    base::Time recorded{};
  };
  Entry& entryFor(const std::string& name, base::Time now);
  std::chrono::seconds delayAfter(unsigned tries) const;
  bool mayRecord(Entry& entry, base::Time now);

  const base::Clock& clock_;
  const Policy& policy_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the most recent first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> byName_;
  base::Time window_{};
  unsigned recordsInWindow_ = 0;
};

}  // namespace kms
