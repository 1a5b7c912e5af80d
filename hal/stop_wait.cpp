#include "hal/stop_wait.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>

#include "hal/base/fd.h"
#include "hal/base/file.h"

namespace hal {
namespace {

constexpr std::chrono::milliseconds kLongest{60'000};  // one poll(2); the loop goes on until the deadline

int pollTimeout(base::Deadline by) {
  if (by.expired()) return 0;
  // remaining() rounds down: one more, so that the last millisecond is slept and not spun.
  return static_cast<int>(std::min(by.remaining() + std::chrono::milliseconds(1), kLongest).count());
}

}  // namespace

base::Result<Woke> waitReadable(int fd, base::Deadline by, const std::stop_token& stop) {
  const base::Fd stopped(stop.stop_possible() ? ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1);
  if (stop.stop_possible() && !stopped) return base::systemError("cannot wait for a change", errno);
  const std::stop_callback wake(stop, [&stopped] {
    const std::uint64_t one = 1;
    // The counter cannot be full: this is its only writer.
    [[maybe_unused]] const ssize_t put = ::write(stopped.get(), &one, sizeof one);
  });
  for (;;) {
    if (stop.stop_requested()) return Woke::Stopped;
    // poll(2) passes over negative descriptors.
    pollfd fds[] = {{stopped.get(), POLLIN, 0}, {fd, POLLIN, 0}};
    const int timeout = pollTimeout(by);
    const int ready = ::poll(fds, 2, timeout);
    if (ready < 0 && errno != EINTR) return base::systemError("cannot wait for a change", errno);
    if (stop.stop_requested()) return Woke::Stopped;
    if (ready > 0 && fds[1].revents != 0) return Woke::Ready;
    if (timeout == 0 || by.expired()) return Woke::Expired;
  }
}

}  // namespace hal
