// What systemd is told (sd_notify); nothing happens where kmsd was not started by it.
#pragma once

#include <string_view>

namespace kmsd {

void notifyReady();
// One line for `systemctl status`.
void notifyStatus(std::string_view text);
void notifyStopping();
// Standard error is the journal's, so that lines may begin with a priority.
bool errorIsJournal() noexcept;

}  // namespace kmsd
