// Partition tables: MBR (UEFI 2.10, section 5.2) and GPT (section 5.3), with sectors of 512 or 4096 bytes.
// The parsers are pure functions over a span; everything they count is bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/clock.h"
#include "hal/base/result.h"
#include "hal/block_device.h"

namespace hal {

inline constexpr std::size_t kMostPartitions = 128;

// A piece of a device that may hold a file system.
struct Extent {
  std::uint64_t offset = 0;  // bytes
  std::uint64_t size = 0;    // bytes, within the device
};

struct MbrEntry {
  std::uint8_t type = 0;
  std::uint32_t start = 0;    // sectors
  std::uint32_t sectors = 0;  // never 0

  bool extended() const noexcept { return type == 0x05 || type == 0x0F || type == 0x85; }
  bool protective() const noexcept { return type == 0xEE; }
};

// The used ones of a partition sector's four entries; none at all where it is no such sector.
// REQUIRES: sector.size() >= 512.
std::vector<MbrEntry> parseMbr(base::BytesView sector);

struct GptHeader {
  std::uint64_t firstUsable = 0;  // sectors, here and below
  std::uint64_t lastUsable = 0;
  std::uint64_t arrayStart = 0;
  std::uint32_t entries = 0;
  std::uint32_t entrySize = 0;  // bytes
  std::uint32_t arrayCrc = 0;
};

// The header found in sector `at` of a device of `sectors` sectors; nothing where its CRC or a bound is
// wrong.
std::optional<GptHeader> parseGptHeader(base::BytesView sector, std::uint64_t at, std::uint64_t sectors);
// The used entries whose bounds are sane, in order. Nothing where the array's CRC is wrong.
std::optional<std::vector<Extent>> parseGptEntries(base::BytesView array, const GptHeader& header,
                                                   std::size_t sectorSize);

struct PartitionTable {
  std::vector<Extent> volumes;  // in the table's order
  bool damagedGpt = false;      // a protective MBR, but neither of the GPT's two copies is sound
};

// The partitions of a device, taking its sectors to be of `sectorSize` bytes. Sector 0 must be known to be no
// file system. Errors: those of BlockDevice::read, for sector 0 only; elsewhere an unreadable sector ends the
// list.
base::Result<PartitionTable> readPartitions(BlockDevice& device, std::size_t sectorSize, base::Deadline by);

}  // namespace hal
