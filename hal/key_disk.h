// A key disk: the key file in the root of a FAT volume on a block device, with or without a partition table.
// What image, floppy and USB drivers share.
#pragma once

#include "hal/block_device.h"
#include "hal/driver.h"

namespace hal {

// Contract: Medium::readKeyFile.
base::Result<base::SecretBuffer> readKeyDisk(BlockDevice& device, base::Deadline by);
// Contract: Medium::writeKeyFile. Formats a FAT12 volume labelled KMSKEY of 1.44 MB (720 kB where only that
// fits) at the start of the device, and reads the key file back before it says done. Where another key of the
// same server is to take a key's place (Overwrite::Key), only the one sector of the key file is written, so
// that a power cut leaves one of the two keys, and never both.
base::Result<void> writeKeyDisk(BlockDevice& device, base::BytesView text, Overwrite consent,
                                base::Deadline by);

}  // namespace hal
