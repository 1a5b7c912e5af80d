// FatVolume: read-only access to the root directory of a FAT12, FAT16 or FAT32 volume. It reads what a
// stranger plugged in: every length is checked, every loop is bounded, and all sectors go through locked
// memory.
#pragma once

#include <optional>
#include <string_view>

#include "hal/base/secret_buffer.h"
#include "hal/block_device.h"
#include "hal/fat_boot.h"
#include "hal/partition.h"

namespace hal {

struct FatFile {
  std::uint32_t firstCluster = 0;  // 0 where the file is empty
  std::uint32_t size = 0;          // bytes
};

class FatVolume {
 public:
  // `device` must outlive it. Errors: those of parseFatBoot and BlockDevice::read.
  static base::Result<FatVolume> open(BlockDevice& device, Extent where, base::Deadline by);

  struct Root {
    std::optional<FatFile> file;  // the one searched for
    bool anything = false;        // files or directories, whatever their names
  };
  // Searches the root directory for a file of this 8.3 name, in any case. Reads no further than needed.
  // Errors: Corrupt / Damaged; those of BlockDevice::read.
  base::Result<Root> searchRoot(std::string_view name, base::Deadline by) const;

  // The whole file. Errors: Corrupt / Damaged where it is larger than `most` bytes, or its chain is broken,
  // shorter or longer than its size; those of BlockDevice::read.
  base::Result<base::SecretBuffer> readFile(const FatFile& file, std::size_t most, base::Deadline by) const;

  // Where the whole file is on the device, where its clusters are one piece and as many as its size needs;
  // else nothing. `size` is the file's. Errors: as readFile, but for broken chains.
  base::Result<std::optional<Extent>> onePiece(const FatFile& file, base::Deadline by) const;

  // Where the file's first cluster is on the device; nothing where it has none.
  std::optional<Extent> firstCluster(const FatFile& file) const noexcept;

  const FatLayout& layout() const noexcept { return layout_; }

 private:
  FatVolume(BlockDevice& device, std::uint64_t start, const FatLayout& layout) noexcept
      : device_(&device), start_(start), layout_(layout) {}

  BlockDevice* device_;
  std::uint64_t start_;  // bytes from the device's start
  FatLayout layout_;
};

}  // namespace hal
