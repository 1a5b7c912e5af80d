// FatTable: follows cluster chains. Reads one sector of the FAT at a time, from the next copy where the first
// cannot be read.
#pragma once

#include <optional>

#include "hal/base/secret_buffer.h"
#include "hal/block_device.h"
#include "hal/fat_boot.h"

namespace hal {

class FatTable {
 public:
  // `device` must outlive it; `start` is where the volume begins, in bytes. Errors: Unavailable (no locked
  // memory).
  static base::Result<FatTable> create(BlockDevice& device, const FatLayout& layout, std::uint64_t start);

  // The cluster behind `cluster`, a valid one in its turn, or nothing at the chain's end. Errors: Corrupt /
  // Damaged where the entry is free, reserved, bad or out of range; those of BlockDevice::read.
  // REQUIRES: layout.validCluster(cluster).
  base::Result<std::optional<std::uint32_t>> next(std::uint32_t cluster, base::Deadline by);

 private:
  FatTable(BlockDevice& device, const FatLayout& layout, std::uint64_t start, base::SecretBuffer sector)
      : device_(&device), layout_(layout), start_(start), sector_(std::move(sector)) {}
  base::Result<void> load(std::uint64_t index, base::Deadline by);
  base::Result<std::uint32_t> entry(std::uint32_t cluster, base::Deadline by);

  BlockDevice* device_;
  FatLayout layout_;
  std::uint64_t start_;
  base::SecretBuffer sector_;
  std::optional<std::uint64_t> loaded_;  // which sector of the FAT the buffer holds
};

}  // namespace hal
