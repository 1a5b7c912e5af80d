// Whether the kernel's disks are in use by anybody: mounted, swapped to, or opened exclusively. A device in
// use is never taken away from the kernel.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/usb/sysfs.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace drivers::usb {

struct Use {
  std::string device;      // "/dev/sdb1"
  std::string mountPoint;  // empty: swap
};

// The first of `nodes` that is mounted. `mountinfo` is /proc/self/mountinfo (proc(5)); compared by number,
// and by name because btrfs and its like show numbers of their own.
std::optional<Use> mountedUse(std::string_view mountinfo, const std::vector<BlockNode>& nodes);
// The first of `nodes` in /proc/swaps.
std::optional<Use> swapUse(std::string_view swaps, const std::vector<BlockNode>& nodes);

// Holds the kernel's disks so that nobody mounts one until it is destroyed.
class DiskHold {
 public:
  // `name` is the medium's, for the error. Errors: Unavailable / MediumBusy (says which device is in use, and
  // where); Denied / MediumNotPermitted (a disk's node is there and may not be opened); Io where the kernel's
  // tables cannot be read: not to know is not to touch.
  static base::Result<DiskHold> take(const Host& host, const std::vector<KernelUnit>& units,
                                     const std::string& name);

 private:
  std::vector<base::Fd> disks_;
};

}  // namespace drivers::usb
