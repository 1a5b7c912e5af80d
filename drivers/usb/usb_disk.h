// UsbDisk: a logical unit as a block device, and the session that it takes: the kernel's driver put aside,
// the interface claimed, and all of it given back in the end.
#pragma once

#include <memory>

#include "drivers/usb/scsi_unit.h"
#include "hal/block_device.h"

namespace drivers::usb {

// The exclusive use of one interface. The destructor gives the stick back as it was, whatever happened.
class Session {
 public:
  // Errors: NotFound; Unavailable / MediumBusy; Denied / MediumNotPermitted; Io.
  static base::Result<std::unique_ptr<Session>> open(UsbPort& port, const Device& device,
                                                     const BulkInterface& interface, const std::string& name);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  BotTransport& transport() noexcept { return *transport_; }

 private:
  Session(std::unique_ptr<Link> link, const BulkInterface& interface)
      : link_(std::move(link)), interface_(interface) {}
  Fault take();

  std::unique_ptr<Link> link_;
  BulkInterface interface_;
  std::optional<BotTransport> transport_;
  bool detached_ = false;
  bool claimed_ = false;
};

// The refusal of a device that cannot be opened or claimed.
base::Error openError(Fault fault, const std::string& name);

// Asks for the disk in unit `lun` of the session's device. Errors: as ScsiUnit::start; Unavailable (no locked
// memory).
struct StartedDisk {
  std::unique_ptr<hal::BlockDevice> device;
  bool writeProtected = false;
};
base::Result<StartedDisk> startDisk(std::unique_ptr<Session> session, unsigned lun, const std::string& name,
                                    base::Deadline by, UnitOptions options = {});

// The block device alone, over a unit and whatever it needs to live. REQUIRES: `unit` was started.
base::Result<std::unique_ptr<hal::BlockDevice>> makeUsbDisk(ScsiUnit unit, std::shared_ptr<void> keeps,
                                                            std::string name);

}  // namespace drivers::usb
