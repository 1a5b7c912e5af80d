// The entry point of a driver that is built apart from keydisk and that kmsd-media loads (--driver-dir).
// drivers/README.md tells how to write one.
#pragma once

#include <cstdint>

#include "hal/driver.h"

namespace hal {

// Another number with each change of what a driver and kmsd-media share; a driver that was built against
// another one is refused. It is the CRC-32 of hal/driver.h and of all that it includes, but for the list of
// reasons, without comments and blanks; a test says the number that it must be.
inline constexpr std::uint32_t kDriverAbi = 0x0151d42e;

struct DriverPlugin {
  std::uint32_t abi;       // kDriverAbi; stands first for ever, and is all that is looked at until it fits
  const DriverInfo* info;  // lives as long as the process; a scheme of its own
  MakeDriver make;         // as that of each driver; what it throws is an error
};

inline constexpr const char* kDriverEntry = "keydisk_driver_1";
using DriverEntryPoint = const DriverPlugin* (*)();

}  // namespace hal

// What the driver defines; never null. Called once, before kmsd-media shields itself. No thread may be
// started and no device looked at before `make` is called.
extern "C" __attribute__((visibility("default"))) const hal::DriverPlugin* keydisk_driver_1();
