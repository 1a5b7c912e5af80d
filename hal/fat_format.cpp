#include "hal/fat_format.h"

#include <algorithm>
#include <cassert>

#include "hal/fat_directory.h"

namespace hal {
namespace {

constexpr std::size_t kSector = 512;
constexpr unsigned kFats = 2;
constexpr unsigned kFirstCluster = 2;

void put(std::span<std::byte> at, std::string_view text, std::size_t width) {
  std::ranges::fill(at.first(width), std::byte{' '});
  std::ranges::copy(base::asBytes(text.substr(0, width)), at.begin());
}

void makeBootSector(std::span<std::byte> s, const FatFormat& format) {
  const FloppyGeometry& g = format.geometry;
  // Jumps to code that asks the BIOS to boot from elsewhere (int 18h) and halts.
  constexpr unsigned char kCode[] = {0xEB, 0x3C, 0x90};
  constexpr unsigned char kBoot[] = {0xCD, 0x18, 0xF4, 0xEB, 0xFD};
  std::ranges::copy(std::as_bytes(std::span(kCode)), s.begin());
  std::ranges::copy(std::as_bytes(std::span(kBoot)), s.subspan(62).begin());
  put(s.subspan(3), "MSDOS5.0", 8);  // old systems read a volume by this name only
  base::storeLe16(s.subspan(11), kSector);
  s[13] = static_cast<std::byte>(g.sectorsPerCluster);
  base::storeLe16(s.subspan(14), 1);  // reserved: this sector
  s[16] = static_cast<std::byte>(kFats);
  base::storeLe16(s.subspan(17), g.rootEntries);
  base::storeLe16(s.subspan(19), g.sectors);
  s[21] = static_cast<std::byte>(g.media);
  base::storeLe16(s.subspan(22), g.fatSectors);
  base::storeLe16(s.subspan(24), g.sectorsPerTrack);
  base::storeLe16(s.subspan(26), 2);  // sides
  s[38] = std::byte{0x29};            // serial, label and type follow
  base::storeLe32(s.subspan(39), format.serial);
  put(s.subspan(43), kVolumeLabel, 11);
  put(s.subspan(54), "FAT12", 8);
  base::storeLe16(s.subspan(510), 0xAA55);
}

void setFat12(std::span<std::byte> fat, unsigned cluster, unsigned value) {
  const std::span<std::byte> at = fat.subspan(cluster + cluster / 2, 2);
  const unsigned old = base::loadLe16(at);
  const unsigned mixed = cluster % 2 == 0 ? (old & 0xF000U) | value : (old & 0x000FU) | (value << 4U);
  base::storeLe16(at, static_cast<std::uint16_t>(mixed));
}

// `clusters`: of each file, which lie one behind the other.
void makeFat(std::span<std::byte> fat, const FloppyGeometry& geometry, std::span<const unsigned> clusters) {
  setFat12(fat, 0, 0xF00U | geometry.media);
  setFat12(fat, 1, 0xFFF);
  unsigned cluster = kFirstCluster;
  for (const unsigned count : clusters) {
    for (unsigned i = 0; i < count; ++i, ++cluster)
      setFat12(fat, cluster, i + 1 < count ? cluster + 1 : 0xFFFU);
  }
}

void makeEntry(std::span<std::byte> entry, std::string_view name, unsigned attributes, base::Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  const auto year = static_cast<unsigned>(std::clamp(static_cast<int>(date.year()) - 1980, 0, 127));
  const auto minutes = static_cast<unsigned>(clock.hours().count() * 64 + clock.minutes().count());
  put(entry, name, 11);
  entry[11] = static_cast<std::byte>(attributes);
  base::storeLe16(entry.subspan(22), static_cast<std::uint16_t>(
                                         minutes * 32 + static_cast<unsigned>(clock.seconds().count()) / 2));
  base::storeLe16(entry.subspan(24),
                  static_cast<std::uint16_t>((year * 16 + static_cast<unsigned>(date.month())) * 32 +
                                             static_cast<unsigned>(date.day())));
}

void makeFile(std::span<std::byte> entry, std::string_view name, unsigned cluster, std::size_t size,
              base::Time time) {
  const std::size_t dot = name.find('.');
  makeEntry(entry, name.substr(0, dot), 0x20, time);
  if (dot != std::string_view::npos) put(entry.subspan(8), name.substr(dot + 1), 3);
  if (size > 0) base::storeLe16(entry.subspan(26), static_cast<std::uint16_t>(cluster));
  base::storeLe32(entry.subspan(28), static_cast<std::uint32_t>(size));
}

}  // namespace

base::Result<base::SecretBuffer> makeFatHead(const FatFormat& format) {
  const FloppyGeometry& g = format.geometry;
  const std::size_t rootAt = kSector * (1 + kFats * g.fatSectors);
  const std::size_t dataAt = rootAt + g.rootEntries * kDirEntrySize;
  const std::size_t clusterSize = kSector * g.sectorsPerCluster;
  const auto clustersOf = [&](std::size_t size) {
    return static_cast<unsigned>((size + clusterSize - 1) / clusterSize);
  };
  const unsigned clusters[] = {clustersOf(format.content.size()), clustersOf(format.spaceSize)};
  assert(format.content.size() <= 4096 && format.spaceSize <= 4096);

  auto head = base::SecretBuffer::create(dataAt + (clusters[0] + clusters[1]) * clusterSize);
  if (!head) return head;
  const std::span<std::byte> out = head->bytes();
  makeBootSector(out.first(kSector), format);
  for (unsigned i = 0; i < kFats; ++i)
    makeFat(out.subspan(kSector * (1 + i * g.fatSectors), kSector * g.fatSectors), g, clusters);
  const auto entry = [&](unsigned i) { return out.subspan(rootAt + i * kDirEntrySize, kDirEntrySize); };
  makeEntry(entry(0), kVolumeLabel, 0x08, format.time);
  makeFile(entry(1), format.fileName, kFirstCluster, format.content.size(), format.time);
  if (!format.spaceName.empty())
    makeFile(entry(2), format.spaceName, kFirstCluster + clusters[0], format.spaceSize, format.time);
  std::ranges::copy(format.content, out.subspan(dataAt).begin());
  return head;
}

}  // namespace hal
