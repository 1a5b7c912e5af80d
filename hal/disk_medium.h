// DiskMedium: the Medium that is a key disk on a block device. What image, floppy and USB drivers share.
#pragma once

#include <memory>
#include <string>

#include "hal/block_device.h"
#include "hal/driver.h"
#include "hal/epoch_file.h"

namespace hal {

class DiskMedium final : public Medium, public EpochMedium {
 public:
  // `access`: how the device was opened.
  DiskMedium(Info info, Access access, std::unique_ptr<BlockDevice> device)
      : info_(std::move(info)), access_(access), device_(std::move(device)) {}

  const Info& info() const noexcept override { return info_; }
  base::Result<base::SecretBuffer> readKeyFile(base::Deadline by) override;
  // Errors besides Medium's: Invalid where it was opened for reading.
  base::Result<void> writeKeyFile(base::BytesView text, Overwrite consent, base::Deadline by) override;
  base::Result<base::Bytes> readEpoch(base::Deadline by) override;
  // Errors besides EpochMedium's: Invalid where it was opened for reading.
  base::Result<void> writeEpoch(unsigned which, base::BytesView sector, base::Deadline by) override;

 private:
  base::Result<void> mayWrite() const;

  Info info_;
  Access access_;
  std::unique_ptr<BlockDevice> device_;
};

// Over a descriptor that the driver opened by its own rules. Locks it (flock): shared for reading, alone for
// writing, tried for one second because udevd holds a fresh device for a moment..
// Errors: Unavailable / MediumBusy; as makeFileBlockDevice.
base::Result<std::unique_ptr<BlockDevice>> lockedBlockDevice(base::Fd fd, Access access,
                                                             const std::string& name, base::Deadline by);

// The refusals that every disk driver words alike.
base::Error readOnlyError(const std::string& name);
base::Error busyError(const std::string& name);

}  // namespace hal
