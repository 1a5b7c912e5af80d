// The image driver's entry in the registry; drivers/image/README.md tells what it reads.
#pragma once

#include "hal/driver.h"

namespace drivers::image {

inline constexpr hal::DriverInfo kInfo{"image", "a disk image in a file, or each *.img in a directory",
                                       "image:FILE, image:DIRECTORY",
                                       hal::Cap::Write | hal::Cap::Create | unsigned(hal::Cap::Events)};

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target);

}  // namespace drivers::image
