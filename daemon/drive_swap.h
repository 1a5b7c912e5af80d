// One drive for several disks: only a person can swap them.
#pragma once

#include <filesystem>
#include <string>

#include "daemon/media_round.h"

namespace kmsd {

// Where `uri` means the drive of a medium that was shown, asks at the terminal for `what` to be put into it.
// Errors: Invalid (nobody can be asked); Denied / Interrupted; as MediumPort::open.
base::Result<void> swapWhereOneDrive(const MediaRound& round, const std::string& uri, const std::string& what,
                                     hal::Ask& ask, const std::filesystem::path& driverDir);

}  // namespace kmsd
