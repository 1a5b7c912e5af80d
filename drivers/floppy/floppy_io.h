// FloppyIo: what the driver asks of the kernel about one drive; tests script it. makeLinuxFloppyIo() makes
// the real calls and is the only code that knows the kernel's floppy interface.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "hal/block_device.h"
#include "hal/block_facts.h"
#include "hal/driver.h"

namespace drivers::floppy {

enum class NodeKind : std::uint8_t {
  Floppy,  // of the kernel's floppy driver (block major 2)
  Block,   // any other block device: a USB diskette drive, a loop device
  Other    // not a block device
};

struct Node {
  int error = 0;  // errno where it cannot be looked at
  NodeKind kind = NodeKind::Other;
  dev_t device = 0;
};

// What the floppy controller knows of the disk in the drive. Source: struct floppy_drive_struct of Linux.
struct DriveState {
  std::uint64_t generation = 0;  // rises with each disk change that the kernel noticed
  bool changed = false;          // the disk was changed since the drive was opened
  bool writable = false;
};

// A drive that was opened; the destructor closes it.
class OpenDrive {
 public:
  virtual ~OpenDrive() = default;
  // FDPOLLDRVSTAT, which asks the drive (FDGETDRVSTAT only repeats what was known). Nothing where it fails.
  virtual std::optional<DriveState> state() = 0;
  // The blocks; hands the descriptor over, so it is called once, and last. Errors: as hal::lockedBlockDevice.
  virtual base::Result<std::unique_ptr<hal::BlockDevice>> device(hal::Access access, const std::string& name,
                                                                 base::Deadline by) = 0;
};

struct Opened {
  int error = 0;  // errno where `drive` is null
  std::unique_ptr<OpenDrive> drive;
};

class FloppyIo {
 public:
  virtual ~FloppyIo() = default;
  virtual Node node(const std::string& path) = 0;
  // A blocking open: with a floppy controller it spins the disk up (0.4 s). `exclusive` refuses a device that
  // is mounted.
  virtual Opened open(const std::string& path, hal::Access access, bool exclusive) = 0;
  virtual base::Result<hal::BlockFacts> facts(dev_t device) = 0;
};

std::unique_ptr<FloppyIo> makeLinuxFloppyIo();

}  // namespace drivers::floppy
