// Makes the start of a FAT12 floppy volume with one or two files in its root directory, as bytes. Only what a
// new volume needs: the boot sector, two FATs, the root directory, the files' clusters. Source: Microsoft's
// FAT specification 1.03; the two geometries are the IBM PC's.
#pragma once

#include <cstdint>
#include <string_view>

#include "hal/base/bytes.h"
#include "hal/base/clock.h"
#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"

namespace hal {

struct FloppyGeometry {
  std::uint16_t sectors;  // of 512 bytes
  std::uint8_t sectorsPerCluster;
  std::uint16_t rootEntries;
  std::uint8_t media;
  std::uint8_t fatSectors;
  std::uint8_t sectorsPerTrack;  // on each of two sides

  constexpr std::uint64_t size() const noexcept { return std::uint64_t{sectors} * 512; }
};

inline constexpr FloppyGeometry kFloppy1440{2880, 1, 224, 0xF0, 9, 18};
inline constexpr FloppyGeometry kFloppy720{1440, 2, 112, 0xF9, 3, 9};
inline constexpr std::string_view kVolumeLabel = "KMSKEY";

struct FatFormat {
  FloppyGeometry geometry;
  std::uint32_t serial = 0;   // of the volume
  base::Time time{};          // of the label and the file
  std::string_view fileName;  // 8.3, capitals
  base::BytesView content;    // of the file, at most 4096 bytes

  std::string_view spaceName{};  // a second file, behind it and in one piece, of zeros; empty: none
  std::size_t spaceSize = 0;     // bytes of it
};

// The volume's first bytes, up to the end of the last file's last cluster; behind them a new volume is all
// zeros. Errors: Unavailable (no locked memory).
base::Result<base::SecretBuffer> makeFatHead(const FatFormat& format);

}  // namespace hal
