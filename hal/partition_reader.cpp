#include <algorithm>

#include "hal/base/secret_buffer.h"
#include "hal/partition.h"

namespace hal {
namespace {

constexpr std::size_t kMostLogical = 64;  // links of an extended partition's chain that are followed

// One device seen as sectors, with a locked buffer for what is read.
struct Sectors {
  BlockDevice& device;
  std::size_t size;  // bytes
  base::Deadline by;
  base::SecretBuffer buffer;

  std::uint64_t count() const { return device.size() / size; }
  // Empty where it cannot be read.
  base::BytesView read(std::uint64_t at) {
    const auto out = buffer.bytes().first(size);
    if (at >= count() || !device.read(at * size, out, by)) return {};
    return out;
  }
};

// Adds the piece of `length` sectors at `start`, cut to the device.
void add(std::vector<Extent>& volumes, const Sectors& sectors, std::uint64_t start, std::uint64_t length) {
  if (start == 0 || start >= sectors.count() || volumes.size() >= kMostPartitions) return;
  volumes.push_back({start * sectors.size, std::min(length, sectors.count() - start) * sectors.size});
}

// The logical partitions: a chain of partition sectors, each with one partition (relative to itself) and the
// next link (relative to the first).
void addLogical(std::vector<Extent>& volumes, Sectors& sectors, const MbrEntry& extended) {
  std::uint64_t link = 0;
  for (std::size_t i = 0; i < kMostLogical; ++i) {
    const std::uint64_t here = std::uint64_t{extended.start} + link;
    const auto entries = parseMbr(sectors.read(here));
    const MbrEntry* next = nullptr;
    for (const MbrEntry& entry : entries) {
      if (entry.extended()) {
        next = &entry;
      } else {
        add(volumes, sectors, here + entry.start, entry.sectors);
      }
    }
    if (next == nullptr || next->start <= link || next->start >= extended.sectors) return;
    link = next->start;  // only forward, so the chain cannot loop
  }
}

std::optional<std::vector<Extent>> readGpt(Sectors& sectors, std::uint64_t at) {
  const auto header = parseGptHeader(sectors.read(at), at, sectors.count());
  if (!header) return std::nullopt;
  const std::size_t size = std::size_t{header->entries} * header->entrySize;
  const std::uint64_t offset = header->arrayStart * sectors.size;
  auto array = base::SecretBuffer::create(size);
  if (!array || offset > sectors.device.size() || size > sectors.device.size() - offset) return std::nullopt;
  if (!sectors.device.read(offset, array->bytes(), sectors.by)) return std::nullopt;
  return parseGptEntries(array->bytes(), *header, sectors.size);
}

}  // namespace

base::Result<PartitionTable> readPartitions(BlockDevice& device, std::size_t sectorSize, base::Deadline by) {
  PartitionTable table;
  auto buffer = base::SecretBuffer::create(sectorSize);
  if (!buffer) return std::move(buffer).error();
  Sectors sectors{device, sectorSize, by, *std::move(buffer)};
  if (sectors.count() < 2) return table;
  const auto first = sectors.buffer.bytes().first(512);
  if (auto done = device.read(0, first, by); !done) return std::move(done).error();

  const auto entries = parseMbr(first);
  for (const MbrEntry& entry : entries) {
    if (entry.protective()) {
      auto found = readGpt(sectors, 1);
      if (!found) found = readGpt(sectors, sectors.count() - 1);  // the backup stands in the last sector
      table.damagedGpt = !found;
      if (found) table.volumes = *std::move(found);
      return table;
    }
  }
  for (const MbrEntry& entry : entries) {
    if (entry.extended()) {
      addLogical(table.volumes, sectors, entry);
    } else {
      add(table.volumes, sectors, entry.start, entry.sectors);
    }
  }
  return table;
}

}  // namespace hal
