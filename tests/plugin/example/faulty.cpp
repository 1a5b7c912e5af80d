// A driver with a fault, for the test of refusals: what is defined on the compiler's command line.
#include <stdexcept>
#include <thread>

#include "hal/driver_plugin.h"

#ifndef FAULT_ABI
#define FAULT_ABI hal::kDriverAbi
#endif
#ifndef FAULT_SCHEME
#define FAULT_SCHEME "faulty"
#endif
#ifndef FAULT_LOAD
#define FAULT_LOAD
#endif
#ifndef FAULT_MAKE
#define FAULT_MAKE
#endif

namespace {

[[maybe_unused]] void crash() {
  volatile int* nowhere = nullptr;
  *nowhere = 1;
}
[[maybe_unused]] void hang() {
  for (volatile bool on = true; on;) {
  }
}
[[maybe_unused]] void recurse(volatile int depth) {
  volatile char room[4096] = {};
  recurse(depth + room[0] + 1);
  room[1] = 1;
}

const bool kLoaded = [] {
  FAULT_LOAD;
  return true;
}();

constexpr hal::DriverInfo kInfo{FAULT_SCHEME, "a driver with a fault", FAULT_SCHEME ":"};

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view) {
  FAULT_MAKE;
  return base::Error{base::Code::Invalid, "faulty: has no fault here"};
}

constexpr hal::DriverPlugin kPlugin{FAULT_ABI, &kInfo, make};

}  // namespace

#ifndef FAULT_NO_ENTRY
const hal::DriverPlugin* keydisk_driver_1() { return kLoaded ? &kPlugin : nullptr; }
#endif
