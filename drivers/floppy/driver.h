// The floppy driver's entry in the registry; drivers/floppy/README.md tells what it reads.
#pragma once

#include "drivers/floppy/udev.h"
#include "hal/driver.h"

namespace drivers::floppy {

inline constexpr hal::DriverInfo kInfo{"floppy",
                                       "a diskette in drive A: or B:, or a block device",
                                       "floppy:A:, floppy:B:, floppy:/dev/NAME",
                                       unsigned(hal::Cap::Write),
                                       "A:",
                                       kUdev};

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target);

}  // namespace drivers::floppy
