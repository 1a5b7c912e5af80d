// What systemd is told (sd_notify); nothing happens where kmsd was not started by it.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace kmsd {

void notifyReady();
// The configuration is being read anew; notifyReady() ends it.
void notifyReloading();
// One line for `systemctl status`.
void notifyStatus(std::string_view text);
void notifyStopping();
// The sign of life that systemd's watchdog waits for.
void notifyAlive();
// How often it wants one at least; nothing where it does not.
std::optional<std::chrono::microseconds> watchdogSpan() noexcept;
// Standard error is the journal's, so that lines may begin with a priority.
bool errorIsJournal() noexcept;

}  // namespace kmsd
