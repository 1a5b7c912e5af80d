// Times as text: RFC 3339, UTC, whole seconds ("2026-01-31T23:59:59Z").
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hal/base/clock.h"

namespace base {

std::string formatTime(Time time);
// Exactly the form that formatTime writes, years 1970 to 9999.
std::optional<Time> parseTime(std::string_view text);

}  // namespace base
