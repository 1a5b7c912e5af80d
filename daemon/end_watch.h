// EndWatch: tells the operator in time that a certificate ends, a few times, and not again and again.
#pragma once

#include <optional>
#include <string>

#include "hal/base/clock.h"

namespace kmsd {

class EndWatch {
 public:
  // `what` ends, and `advice` says what to do; together a sentence. `first`: how long before the end it is
  // told first; then a month, a week and a day before, and at the end.
  EndWatch(std::string what, std::string advice, std::chrono::seconds first)
      : what_(std::move(what)), advice_(std::move(advice)), first_(first) {}

  // A line for the log where one more of these times has come. `until`: nothing where there is no
  // certificate. Another end than before is watched from the start.
  std::optional<std::string> look(std::optional<base::Time> until, base::Time now);

 private:
  const std::string what_;
  const std::string advice_;
  const std::chrono::seconds first_;
  std::optional<base::Time> until_;
  std::optional<std::chrono::seconds> told_;  // the time before the end that was told last
};

}  // namespace kmsd
