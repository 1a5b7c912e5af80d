// What sysfs tells of a block device without opening it: size, write protection, and the disk sequence number
// that the kernel raises whenever another disk may be in it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "hal/base/result.h"

namespace hal {

struct BlockFacts {
  std::uint64_t size = 0;  // bytes; 0: nothing is in the drive
  bool writeProtected = false;
  std::string stamp;  // as Slot::stamp
};

// Errors: NotFound where the kernel has no such device (or /sys is not mounted).
base::Result<BlockFacts> blockFacts(dev_t device);

}  // namespace hal
