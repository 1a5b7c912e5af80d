// The USB driver's entry in the registry; drivers/usb/README.md tells what it reads.
#pragma once

#include "drivers/usb/udev.h"
#include "hal/driver.h"

namespace drivers::usb {

inline constexpr hal::DriverInfo kInfo{"usb",
                                       "a USB stick or card reader (mass storage, bulk-only)",
                                       "usb:, usb:VVVV:PPPP, usb:VVVV:PPPP/SERIAL, usb:VVVV:PPPP@BUS-PORT",
                                       hal::Cap::Write | hal::Cap::Events,
                                       "",
                                       kUdev};

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target);

}  // namespace drivers::usb
