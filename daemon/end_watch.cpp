#include "daemon/end_watch.h"

#include <array>

#include "hal/base/rfc3339.h"

namespace kmsd {
namespace {

constexpr std::chrono::seconds days(int count) { return std::chrono::hours(24 * count); }

}  // namespace

std::optional<std::string> EndWatch::look(std::optional<base::Time> until, base::Time now) {
  if (until != until_) told_.reset();
  until_ = until;
  if (!until) return std::nullopt;
  const std::array<std::chrono::seconds, 5> steps = {first_, days(30), days(7), days(1), days(0)};
  std::optional<std::chrono::seconds> come;
  for (const std::chrono::seconds step : steps)
    if (now >= *until - step && (!come || step < *come)) come = step;
  if (!come || (told_ && *told_ <= *come)) return std::nullopt;
  told_ = come;
  const std::string at = base::formatTime(*until);
  if (now >= *until) return what_ + " ended at " + at + "; " + advice_;
  const auto left = std::chrono::duration_cast<std::chrono::hours>(*until - now).count();
  const std::string span = left >= 48 ? std::to_string(left / 24) + " days" : std::to_string(left) + " hours";
  return what_ + " ends in " + span + ", at " + at + "; " + advice_;
}

}  // namespace kmsd
