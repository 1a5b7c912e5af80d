// The boot sector of a FAT volume: its BIOS parameter block, checked field by field. A pure function over a
// span. Source: Microsoft, "FAT: General Overview of On-Disk Format", version 1.03.
#pragma once

#include <cstdint>

#include "hal/base/bytes.h"
#include "hal/base/result.h"

namespace hal {

enum class FatType : std::uint8_t { Fat12 = 12, Fat16 = 16, Fat32 = 32 };

// Where the parts of a FAT volume are; offsets in bytes from the volume's start, all within the volume.
struct FatLayout {
  FatType type = FatType::Fat12;
  std::uint32_t sectorSize = 0;   // 512, 1024, 2048 or 4096 bytes
  std::uint32_t clusterSize = 0;  // bytes, at most 512 KiB
  std::uint32_t clusters = 0;     // numbered from 2
  std::uint64_t fatOffset = 0;    // of the first FAT to be read
  std::uint64_t fatSize = 0;      // bytes of one FAT; large enough for all clusters
  unsigned fats = 1;              // copies that may be read, one behind the other
  std::uint64_t rootOffset = 0;   // FAT12 and FAT16: the fixed root directory
  std::uint32_t rootSize = 0;     // bytes; 0 on FAT32
  std::uint32_t rootCluster = 0;  // FAT32: where the root directory's chain begins
  std::uint64_t dataOffset = 0;   // of cluster 2

  bool validCluster(std::uint32_t cluster) const noexcept { return cluster >= 2 && cluster - 2 < clusters; }
  std::uint64_t clusterOffset(std::uint32_t cluster) const noexcept {
    return dataOffset + std::uint64_t{cluster - 2} * clusterSize;
  }
};

// REQUIRES: nothing. `sector` holds the first 512 bytes of a volume of `volumeSize` bytes.
// Errors: Corrupt / NotFat where this is no FAT boot sector; Corrupt / Damaged where it is one with a wrong
// field.
base::Result<FatLayout> parseFatBoot(base::BytesView sector, std::uint64_t volumeSize);

}  // namespace hal
