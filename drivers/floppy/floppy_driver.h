// FloppyDriver: one drive, which is one slot: a diskette drive of the floppy controller, or any block device.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "drivers/floppy/floppy_io.h"
#include "hal/driver.h"
#include "hal/uevent.h"

namespace drivers::floppy {

struct FloppyOptions {
  std::string slot;                      // as the URI names it: "A:", "/dev/sdb"
  std::string path;                      // its device node
  std::chrono::milliseconds poll{1000};  // between two looks of waitForChange
  bool uevents = true;                   // be woken early by the kernel where it tells of changes
};

class FloppyDriver final : public hal::Driver {
 public:
  FloppyDriver(FloppyOptions options, std::unique_ptr<FloppyIo> io)
      : options_(std::move(options)), io_(std::move(io)) {}

  const hal::DriverInfo& info() const noexcept override;
  base::Result<std::vector<hal::Slot>> scan(base::Deadline by) override;
  base::Result<std::unique_ptr<hal::Medium>> open(const hal::MediumId& id, hal::Access access, hal::Ask& ask,
                                                  base::Deadline by) override;
  base::Result<bool> waitForChange(base::Deadline by, std::stop_token stop) override;

 private:
  hal::MediumId id() const;
  std::string name() const { return id().uri(); }
  hal::Slot look();  // REQUIRES: mutex_ held, as for all below
  void lookAtFloppy(hal::Slot& slot);
  void lookAtBlock(hal::Slot& slot, dev_t device);
  Opened openTwice(hal::Access access);
  base::Error openError(int error, hal::Access access) const;
  bool pause(base::Deadline by, const std::stop_token& stop);

  const FloppyOptions options_;
  const std::unique_ptr<FloppyIo> io_;

  std::mutex mutex_;                 // two threads must not share the failing first open after a change
  std::uint64_t changes_ = 0;        // disk changes that this driver saw by itself
  bool plugged_ = false;             // the drive was there once, as a block device of no floppy controller
  std::optional<std::string> told_;  // what the last scan reported, which a change differs from
  std::optional<hal::UeventSocket> events_;  // of waitForChange only
  bool triedEvents_ = false;
  base::Deadline nextLook_ = base::Deadline::in(std::chrono::milliseconds(0));
};

}  // namespace drivers::floppy
