#include "hal/fat_boot.h"

#include <bit>

namespace hal {
namespace {

using base::Code;
using base::Error;
using base::Reason;

constexpr std::uint32_t kLeastFat16 = 4085;   // clusters; below is FAT12
constexpr std::uint32_t kLeastFat32 = 65525;  // clusters
constexpr std::uint32_t kMostFat32 = 0x0FFFFFF5;

// The fields as they stand in the sector.
struct Bpb {
  explicit Bpb(base::BytesView s)
      : sectorSize(base::loadLe16(s.subspan(11))),
        sectorsPerCluster(std::to_integer<std::uint32_t>(s[13])),
        reserved(base::loadLe16(s.subspan(14))),
        fats(std::to_integer<std::uint32_t>(s[16])),
        rootEntries(base::loadLe16(s.subspan(17))),
        media(std::to_integer<std::uint32_t>(s[21])),
        fatSectors16(base::loadLe16(s.subspan(22))),
        fatSectors32(base::loadLe32(s.subspan(36))),
        flags(base::loadLe16(s.subspan(40))),
        version(base::loadLe16(s.subspan(42))),
        rootCluster(base::loadLe32(s.subspan(44))) {
    total = base::loadLe16(s.subspan(19));
    if (total == 0) total = base::loadLe32(s.subspan(32));
  }
  std::uint32_t sectorSize;
  std::uint32_t sectorsPerCluster;
  std::uint32_t reserved;
  std::uint32_t fats;
  std::uint32_t rootEntries;
  std::uint32_t media;
  std::uint32_t fatSectors16;
  std::uint32_t fatSectors32;
  std::uint32_t flags;
  std::uint32_t version;
  std::uint32_t rootCluster;
  std::uint32_t total;

  // A volume of 32-bit FAT has no 16-bit FAT size and no fixed root directory, so that it can be nothing
  // else, even where it is smaller than Microsoft's rule allows (mkfs.fat -F 32 makes such).
  bool is32() const { return fatSectors16 == 0; }
};

Error damaged(const std::string& field) {
  return {Code::Corrupt, "the disk is damaged: its FAT boot sector has a wrong " + field, Reason::Damaged};
}

bool jumps(base::BytesView s) { return s[0] == std::byte{0xE9} || s[0] == std::byte{0xEB}; }

bool saysFat(base::BytesView s) {
  const std::string_view text = base::asText(s);
  return text.substr(54, 3) == "FAT" || text.substr(82, 5) == "FAT32";
}

bool soundSectorSize(std::uint32_t size) { return std::has_single_bit(size) && size >= 512 && size <= 4096; }
bool soundClusterSize(std::uint32_t sectors) { return std::has_single_bit(sectors) && sectors <= 128; }
bool soundMedia(std::uint32_t media) { return media == 0xF0 || (media >= 0xF8 && media <= 0xFF); }

// Whether most of the fields that only FAT has are there, so that a wrong rest is damage.
bool resemblesFat(base::BytesView s, const Bpb& bpb) {
  if (!jumps(s)) return false;
  if (saysFat(s)) return true;
  return soundSectorSize(bpb.sectorSize) && soundClusterSize(bpb.sectorsPerCluster) && bpb.reserved != 0 &&
         bpb.fats >= 1 && bpb.fats <= 4 && soundMedia(bpb.media);
}

// The name of the first field that cannot be, or an empty string.
std::string wrongField(const Bpb& bpb) {
  if (!soundSectorSize(bpb.sectorSize)) return "sector size";
  if (!soundClusterSize(bpb.sectorsPerCluster)) return "cluster size";
  if (bpb.reserved == 0) return "count of reserved sectors";
  if (bpb.fats < 1 || bpb.fats > 4) return "count of FATs";
  if (!soundMedia(bpb.media)) return "media byte";
  if (bpb.total == 0) return "count of sectors";
  if (bpb.is32() && bpb.fatSectors32 == 0) return "FAT size";
  if (bpb.is32() ? bpb.rootEntries != 0 : bpb.rootEntries == 0) return "count of root entries";
  if (bpb.is32() && bpb.version != 0) return "FAT32 version";
  return {};
}

// Sets the FATs to be read: all copies, or the one that FAT32's flags name.
bool placeFats(const Bpb& bpb, FatLayout& layout) {
  layout.fatOffset = std::uint64_t{bpb.reserved} * bpb.sectorSize;
  layout.fatSize = std::uint64_t{bpb.is32() ? bpb.fatSectors32 : bpb.fatSectors16} * bpb.sectorSize;
  layout.fats = bpb.fats;
  if (!bpb.is32() || (bpb.flags & 0x80U) == 0) return true;
  const unsigned active = bpb.flags & 0x0FU;
  layout.fatOffset += active * layout.fatSize;
  layout.fats = 1;
  return active < bpb.fats;
}

}  // namespace

base::Result<FatLayout> parseFatBoot(base::BytesView sector, std::uint64_t volumeSize) {
  if (sector.size() < 512)
    return Error{Code::Corrupt, "the disk is too small for a FAT volume", Reason::NotFat};
  const Bpb bpb(sector);
  if (!resemblesFat(sector, bpb)) return Error{Code::Corrupt, "the disk holds no FAT volume", Reason::NotFat};
  if (const std::string wrong = wrongField(bpb); !wrong.empty()) return damaged(wrong);

  FatLayout layout;
  layout.sectorSize = bpb.sectorSize;
  layout.clusterSize = bpb.sectorSize * bpb.sectorsPerCluster;
  if (!placeFats(bpb, layout)) return damaged("choice of the active FAT");
  layout.rootOffset =
      std::uint64_t{bpb.reserved} * bpb.sectorSize +
      std::uint64_t{bpb.fats} * (bpb.is32() ? bpb.fatSectors32 : bpb.fatSectors16) * bpb.sectorSize;
  layout.rootSize = bpb.rootEntries * 32;
  const std::uint64_t rootSectors = (layout.rootSize + bpb.sectorSize - 1) / bpb.sectorSize;
  layout.dataOffset = layout.rootOffset + rootSectors * bpb.sectorSize;

  const std::uint64_t size = std::uint64_t{bpb.total} * bpb.sectorSize;
  if (size > volumeSize) return damaged("size: it is larger than the medium or its partition");
  if (layout.dataOffset + layout.clusterSize > size) return damaged("size: it has no room for data");
  layout.clusters = static_cast<std::uint32_t>((size - layout.dataOffset) / layout.clusterSize);
  layout.type = bpb.is32() ? FatType::Fat32 : layout.clusters < kLeastFat16 ? FatType::Fat12 : FatType::Fat16;
  if (layout.type == FatType::Fat16 && layout.clusters >= kLeastFat32) return damaged("count of clusters");
  if (layout.clusters >= kMostFat32) return damaged("count of clusters");
  const std::uint64_t fatBits = (std::uint64_t{layout.clusters} + 2) * static_cast<unsigned>(layout.type);
  if ((fatBits + 7) / 8 > layout.fatSize) return damaged("FAT size: it is too small for the clusters");
  if (bpb.is32()) {
    layout.rootCluster = bpb.rootCluster;
    if (!layout.validCluster(layout.rootCluster)) return damaged("root directory cluster");
  }
  return layout;
}

}  // namespace hal
