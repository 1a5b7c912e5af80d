#include "daemon/notify.h"

#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>

#include "daemon/cli.h"

namespace kmsd {

void notifyReady() { ::sd_notify(0, "READY=1"); }

// Source: sd_notify(3), RELOADING=1 goes with the time at which it began.
void notifyReloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t microseconds = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  ::sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}

void notifyStatus(std::string_view text) { ::sd_notify(0, ("STATUS=" + printable(text)).c_str()); }
void notifyStopping() { ::sd_notify(0, "STOPPING=1\nSTATUS=stopping"); }

void notifyAlive() { ::sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::microseconds> watchdogSpan() noexcept {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::microseconds(microseconds);
}

// Source: systemd.exec(5), JOURNAL_STREAM: "device:inode" of the stream; another file may have been put in
// its place since.
bool errorIsJournal() noexcept {
  const char* stream = ::secure_getenv("JOURNAL_STREAM");
  struct stat found {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &found) != 0) return false;
  return std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino) == stream;
}

}  // namespace kmsd
