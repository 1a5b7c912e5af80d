// Waiting that ends at once when it is told to stop: no busy loop and no wake-up that gets lost.
#pragma once

#include <cstdint>
#include <stop_token>

#include "hal/base/clock.h"
#include "hal/base/result.h"

namespace hal {

enum class Woke : std::uint8_t { Ready, Expired, Stopped };

// Returns when `fd` can be read (or has failed), at the deadline, or when `stop` is requested; a stop wins.
// fd -1 waits for the other two only. Errors: Unavailable where no descriptor is left; Io.
base::Result<Woke> waitReadable(int fd, base::Deadline by, const std::stop_token& stop);

}  // namespace hal
