// The floppy driver's devices, for udev.
#pragma once

#include "hal/udev_match.h"

namespace drivers::floppy {

inline constexpr hal::UdevTest kUdevDrive[] = {{"KERNEL", "fd[0-9]*"}};

inline constexpr hal::UdevMatch kUdev[] = {
    {.what =
         "Drives of the floppy controller. They make no event when a disk is inserted: nothing to start by.",
     .subsystem = "block",
     .tests = kUdevDrive,
     .group = hal::kUdevGroup},
};

}  // namespace drivers::floppy
