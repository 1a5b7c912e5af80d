// The smartcard driver's entry in the registry; drivers/smartcard/README.md tells what it reads.
#pragma once

#include "drivers/smartcard/udev.h"
#include "hal/driver.h"

namespace drivers::smartcard {

inline constexpr hal::DriverInfo kInfo{
    "card",
    "a smartcard (OpenPGP, PIV, or a file on the card), by pcscd",
    "card:, card:READER, card:READER?file=3F00/4B4D/4B01&pin=81",
    unsigned(hal::Cap::Write) | unsigned(hal::Cap::Pin) | unsigned(hal::Cap::Events),
    std::nullopt,
    kUdev};

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target);

}  // namespace drivers::smartcard
