// Registry: the drivers there are. The table of those in this build is written by the build from the option
// KEYDISK_DRIVERS (drivers/CMakeLists.txt); hal itself knows no driver.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hal/driver.h"

namespace hal {

struct DriverEntry {
  const DriverInfo* info;
  std::function<base::Result<std::unique_ptr<Driver>>(std::string_view target)> make;  // as MakeDriver
};

class Registry {
 public:
  explicit Registry(std::span<const DriverEntry> drivers) noexcept : drivers_(drivers) {}

  // The driver for "scheme:target". Errors: Invalid, naming the drivers there are.
  base::Result<std::unique_ptr<Driver>> make(std::string_view uri) const;
  std::span<const DriverEntry> drivers() const noexcept { return drivers_; }

 private:
  std::span<const DriverEntry> drivers_;
};

}  // namespace hal
