// UsbDriver: every USB stick and card reader that a target fits; each logical unit is a slot.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drivers/usb/scsi_unit.h"
#include "drivers/usb/target.h"
#include "drivers/usb/unit_memory.h"
#include "drivers/usb/usb_port.h"
#include "hal/driver.h"

namespace drivers::usb {

struct UsbOptions {
  Target target;
  Host host;
  Milliseconds poll{2000};  // between two looks of waitForChange, for systems that do not tell of changes
  UnitOptions unit;
};

class UsbDriver final : public hal::Driver {
 public:
  UsbDriver(UsbOptions options, std::unique_ptr<UsbPort> port)
      : options_(std::move(options)), port_(std::move(port)) {}

  const hal::DriverInfo& info() const noexcept override;
  base::Result<std::vector<hal::Slot>> scan(base::Deadline by) override;
  base::Result<std::unique_ptr<hal::Medium>> open(const hal::MediumId& id, hal::Access access, hal::Ask& ask,
                                                  base::Deadline by) override;
  base::Result<bool> waitForChange(base::Deadline by, std::stop_token stop) override;

 private:
  struct Found {
    Device device;
    BulkInterface interface;
    unsigned lun = 0;
    std::string name;                 // for messages: the medium's URI
    std::vector<KernelUnit> kernel;   // of the interface
    std::vector<KernelUnit> touched;  // of all that a reset would disturb
  };
  // REQUIRES for all of these: mutex_ is held.
  base::Result<std::vector<Device>> storage();
  base::Result<std::vector<hal::Slot>> look();
  void addSlots(const Device& device, std::vector<hal::Slot>& slots);
  std::string nameOf(const Device& device) const;
  base::Result<Found> find(const hal::MediumId& id);

  base::Result<std::unique_ptr<hal::Medium>> start(const Found& found, const hal::MediumId& id,
                                                   hal::Access access, base::Deadline by);
  std::optional<bool> changed(base::Deadline by);

  const UsbOptions options_;
  const std::unique_ptr<UsbPort> port_;

  std::mutex mutex_;
  UnitMemory memory_;
  std::optional<std::string> told_;  // what the last scan reported, which a change differs from
  base::Deadline nextLook_ = base::Deadline::in(Milliseconds(0));
};

}  // namespace drivers::usb
