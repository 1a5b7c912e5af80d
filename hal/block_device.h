// BlockDevice: bytes at offsets, as a disk, a partition or an image file has them. Reads go past the page
// cache where the kernel lets them, and are dropped from it where not, because a key lies in these blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "hal/base/bytes.h"
#include "hal/base/clock.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace hal {

class BlockDevice {
 public:
  virtual ~BlockDevice() = default;
  virtual std::uint64_t size() const noexcept = 0;  // bytes
  // Fills `out` from `offset` (any alignment). Errors: Corrupt past the end; NotFound when the medium has
  // gone; Io; Timeout.
  virtual base::Result<void> read(std::uint64_t offset, std::span<std::byte> out, base::Deadline by) = 0;
  // Errors: as read; Denied / MediumReadOnly.
  virtual base::Result<void> write(std::uint64_t offset, base::BytesView in, base::Deadline by) = 0;
  // Returns when all that was written is on the medium.
  virtual base::Result<void> flush() = 0;
};

// A file or block special, over a descriptor that the caller opened (so that drivers keep their own opening
// rules). Bounces through a locked, aligned buffer. Errors: Io where the size cannot be told; Unavailable (no
// locked memory).
base::Result<std::unique_ptr<BlockDevice>> makeFileBlockDevice(base::Fd fd, std::string name);

}  // namespace hal
