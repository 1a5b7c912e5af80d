// KMSEPOCH.BIN: two sectors of a key disk that are set aside when it is made, so that a server may note on
// the medium what state it has seen. What is in them is the server's; here they are bytes. Nothing else of
// the disk is ever changed for it: no FAT, no directory, no key.
#pragma once

#include <string_view>

#include "hal/base/bytes.h"
#include "hal/block_device.h"

namespace hal {

inline constexpr std::string_view kEpochFileName = "KMSEPOCH.BIN";
inline constexpr std::size_t kEpochSector = 512;  // bytes
inline constexpr unsigned kEpochSectors = 2;
inline constexpr std::size_t kEpochFileSize = kEpochSector * kEpochSectors;
// A sector that is in use begins so; any other that is not all zeros is somebody else's and stays.
inline constexpr std::string_view kEpochMark = "KMSEPOCH";

// Contract: EpochMedium::readEpoch.
base::Result<base::Bytes> readEpochFile(BlockDevice& device, base::Deadline by);
// Contract: EpochMedium::writeEpoch.
base::Result<void> writeEpochSector(BlockDevice& device, unsigned which, base::BytesView sector,
                                    base::Deadline by);

// A Medium that may have the file is one of these, too.
class EpochMedium {
 public:
  virtual ~EpochMedium() = default;
  // Both sectors. Errors: Unsupported where the medium has no such file, or one that cannot be written in
  // place; else as Medium::readKeyFile.
  virtual base::Result<base::Bytes> readEpoch(base::Deadline by) = 0;
  // Writes sector 0 or 1 in place, flushes it and reads it back; the other stays as it is. Errors: as
  // readEpoch; Conflict where something else stands there; Denied / MediumReadOnly; Io; Timeout.
  virtual base::Result<void> writeEpoch(unsigned which, base::BytesView sector, base::Deadline by) = 0;
};

}  // namespace hal
