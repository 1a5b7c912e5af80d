#include "hal/fat_table.h"

namespace hal {

base::Result<FatTable> FatTable::create(BlockDevice& device, const FatLayout& layout, std::uint64_t start) {
  auto sector = base::SecretBuffer::create(layout.sectorSize);
  if (!sector) return std::move(sector).error();
  return FatTable(device, layout, start, *std::move(sector));
}

base::Result<void> FatTable::load(std::uint64_t index, base::Deadline by) {
  if (loaded_ == index) return {};
  loaded_.reset();
  base::Result<void> done;
  for (unsigned copy = 0; copy < layout_.fats; ++copy) {
    const std::uint64_t at = start_ + layout_.fatOffset + copy * layout_.fatSize + index * layout_.sectorSize;
    done = device_->read(at, sector_.bytes(), by);
    if (done) loaded_ = index;
    if (done || done.error().code != base::Code::Io) return done;
  }
  return done;
}

// The raw entry. One of FAT12 takes 12 bits and may lie across two sectors.
base::Result<std::uint32_t> FatTable::entry(std::uint32_t cluster, base::Deadline by) {
  const auto bits = static_cast<std::uint64_t>(layout_.type);
  const std::uint64_t at = cluster * bits / 8;
  const unsigned width = layout_.type == FatType::Fat32 ? 4 : 2;
  std::uint32_t value = 0;
  for (unsigned i = 0; i < width; ++i) {
    if (auto done = load((at + i) / layout_.sectorSize, by); !done) return std::move(done).error();
    const std::byte b = sector_.bytes()[static_cast<std::size_t>((at + i) % layout_.sectorSize)];
    value |= std::to_integer<std::uint32_t>(b) << (8 * i);
  }
  if (layout_.type == FatType::Fat12) return (cluster % 2 == 0 ? value : value >> 4U) & 0xFFFU;
  return layout_.type == FatType::Fat16 ? value : value & 0x0FFFFFFFU;
}

base::Result<std::optional<std::uint32_t>> FatTable::next(std::uint32_t cluster, base::Deadline by) {
  const auto value = entry(cluster, by);
  if (!value) return value.error();
  const std::uint32_t mask = layout_.type == FatType::Fat12   ? 0xFFF
                             : layout_.type == FatType::Fat16 ? 0xFFFF
                                                              : 0x0FFFFFFF;
  if (*value >= mask - 7) return std::optional<std::uint32_t>();  // ...8 to ...F end a chain
  if (layout_.validCluster(*value)) return std::optional(*value);
  return base::Error{base::Code::Corrupt,
                     "the disk is damaged: the FAT leads to a cluster that is free, bad or not there",
                     base::Reason::Damaged};
}

}  // namespace hal
