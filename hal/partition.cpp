#include "hal/partition.h"

#include <algorithm>

#include "hal/base/crc32.h"

namespace hal {
namespace {

constexpr std::size_t kTableAt = 446;
constexpr std::size_t kGptHeaderSize = 92;
constexpr std::size_t kMostGptArray = 128 * 1024;  // bytes: 1024 entries of the usual size

}  // namespace

std::vector<MbrEntry> parseMbr(base::BytesView sector) {
  if (sector.size() < 512 || base::loadLe16(sector.subspan(510)) != 0xAA55) return {};
  std::vector<MbrEntry> entries;
  for (std::size_t i = 0; i < 4; ++i) {
    const base::BytesView raw = sector.subspan(kTableAt + 16 * i, 16);
    if ((raw[0] & std::byte{0x7F}) != std::byte{0}) return {};  // neither active nor inactive: no table
    const MbrEntry entry{std::to_integer<std::uint8_t>(raw[4]), base::loadLe32(raw.subspan(8)),
                         base::loadLe32(raw.subspan(12))};
    if (entry.type != 0 && entry.start != 0 && entry.sectors != 0) entries.push_back(entry);
  }
  return entries;
}

std::optional<GptHeader> parseGptHeader(base::BytesView sector, std::uint64_t at, std::uint64_t sectors) {
  if (sector.size() < 512 || base::asText(sector.first(8)) != "EFI PART") return std::nullopt;
  const std::uint32_t size = base::loadLe32(sector.subspan(12));
  if (size < kGptHeaderSize || size > sector.size()) return std::nullopt;
  constexpr std::byte kZero[4] = {};
  std::uint32_t crc = base::crc32(sector.first(16));
  crc = base::crc32(kZero, crc);  // the CRC's own field counts as zero
  crc = base::crc32(sector.subspan(20, size - 20), crc);
  if (crc != base::loadLe32(sector.subspan(16)) || base::loadLe64(sector.subspan(24)) != at)
    return std::nullopt;

  const GptHeader header{base::loadLe64(sector.subspan(40)), base::loadLe64(sector.subspan(48)),
                         base::loadLe64(sector.subspan(72)), base::loadLe32(sector.subspan(80)),
                         base::loadLe32(sector.subspan(84)), base::loadLe32(sector.subspan(88))};
  const bool sizes = header.entrySize >= 128 && header.entrySize % 128 == 0 && header.entrySize <= 4096 &&
                     header.entries >= 1 && header.entries <= kMostGptArray / header.entrySize;
  const bool places = header.firstUsable <= header.lastUsable && header.lastUsable < sectors &&
                      header.arrayStart >= 1 && header.arrayStart < sectors;
  return sizes && places ? std::optional(header) : std::nullopt;
}

std::optional<std::vector<Extent>> parseGptEntries(base::BytesView array, const GptHeader& header,
                                                   std::size_t sectorSize) {
  const std::size_t size = std::size_t{header.entries} * header.entrySize;
  if (array.size() < size || base::crc32(array.first(size)) != header.arrayCrc) return std::nullopt;
  std::vector<Extent> volumes;
  for (std::size_t at = 0; at < size && volumes.size() < kMostPartitions; at += header.entrySize) {
    const base::BytesView entry = array.subspan(at, header.entrySize);
    const bool unused = std::ranges::all_of(entry.first(16), [](std::byte b) { return b == std::byte{0}; });
    const std::uint64_t first = base::loadLe64(entry.subspan(32));
    const std::uint64_t last = base::loadLe64(entry.subspan(40));
    if (unused || first < header.firstUsable || last > header.lastUsable || first > last) continue;
    volumes.push_back({first * sectorSize, (last - first + 1) * sectorSize});
  }
  return volumes;
}

}  // namespace hal
