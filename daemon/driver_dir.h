// --driver-dir: drivers that do not come with keydisk. kmsd hands the directory on to kmsd-media, which alone
// looks into it and loads what is there.
#pragma once

#include <filesystem>

#include "daemon/cli.h"

namespace kmsd {

inline constexpr OptionSpec kDriverDirOption{
    "driver-dir", "DIR",
    "also load the media drivers (*.so) in DIR, which root alone may write, as each directory above it"};

// A full path; empty where the option is not given.
std::filesystem::path driverDirOf(const Parsed& parsed);

}  // namespace kmsd
