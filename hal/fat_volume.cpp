#include "hal/fat_volume.h"

#include <algorithm>

#include "hal/fat_directory.h"
#include "hal/fat_table.h"

namespace hal {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kChunk = 4096;                     // bytes of a directory read at once
constexpr std::uint64_t kMostDirectory = 65536ULL * 32;  // bytes that a directory may have

Error damaged(const std::string& what) {
  return {Code::Corrupt, "the disk is damaged: " + what, base::Reason::Damaged};
}

// Reads a directory piece by piece and keeps what the search has found.
class RootSearch {
 public:
  RootSearch(BlockDevice& device, std::string_view name, bool wide, base::SecretBuffer chunk,
             base::Deadline by)
      : device_(device), parser_(name), wide_(wide), chunk_(std::move(chunk)), by_(by) {}

  // Takes `size` bytes of directory at `offset`; true says that the search is over.
  Result<bool> take(std::uint64_t offset, std::uint64_t size) {
    while (size > 0) {
      const auto part = chunk_.bytes().first(static_cast<std::size_t>(std::min<std::uint64_t>(size, kChunk)));
      if (auto done = device_.read(offset, part, by_); !done) return std::move(done).error();
      for (std::size_t at = 0; at + kDirEntrySize <= part.size(); at += kDirEntrySize) {
        const auto raw = base::BytesView(part).subspan(at).first<kDirEntrySize>();
        if (const auto entry = parser_.feed(raw)) note(*entry);
        if (root_.file || parser_.ended()) return true;
      }
      offset += part.size();
      size -= part.size();
    }
    return false;
  }
  const FatVolume::Root& root() const { return root_; }

 private:
  void note(const DirEntry& entry) {
    root_.anything = true;
    const std::uint32_t first = wide_ ? entry.firstCluster : entry.firstCluster & 0xFFFFU;
    if (entry.matches && !entry.directory) root_.file = FatFile{first, entry.size};
  }

  BlockDevice& device_;
  DirectoryParser parser_;
  bool wide_;
  base::SecretBuffer chunk_;
  base::Deadline by_;
  FatVolume::Root root_;
};

}  // namespace

Result<FatVolume> FatVolume::open(BlockDevice& device, Extent where, base::Deadline by) {
  auto sector = base::SecretBuffer::create(512);
  if (!sector) return std::move(sector).error();
  if (where.size < sector->size()) return parseFatBoot({}, 0).error();
  if (auto done = device.read(where.offset, sector->bytes(), by); !done) return std::move(done).error();
  const auto layout = parseFatBoot(sector->bytes(), where.size);
  if (!layout) return layout.error();
  return FatVolume(device, where.offset, *layout);
}

Result<FatVolume::Root> FatVolume::searchRoot(std::string_view name, base::Deadline by) const {
  auto chunk = base::SecretBuffer::create(kChunk);
  if (!chunk) return std::move(chunk).error();
  RootSearch search(*device_, name, layout_.type == FatType::Fat32, *std::move(chunk), by);
  if (layout_.type != FatType::Fat32) {
    const auto over = search.take(start_ + layout_.rootOffset, layout_.rootSize);
    if (!over) return over.error();
    return search.root();
  }
  auto table = FatTable::create(*device_, layout_, start_);
  if (!table) return std::move(table).error();
  std::optional<std::uint32_t> cluster = layout_.rootCluster;
  // A chain that loops runs into the largest size that a directory may have.
  for (std::uint64_t seen = 0; cluster; seen += layout_.clusterSize) {
    if (seen >= kMostDirectory || seen / layout_.clusterSize >= layout_.clusters)
      return damaged("the root directory has no end");
    const auto over = search.take(start_ + layout_.clusterOffset(*cluster), layout_.clusterSize);
    if (!over) return over.error();
    if (*over) break;
    auto next = table->next(*cluster, by);
    if (!next) return std::move(next).error();
    cluster = *next;
  }
  return search.root();
}

std::optional<Extent> FatVolume::firstCluster(const FatFile& file) const noexcept {
  if (!layout_.validCluster(file.firstCluster)) return std::nullopt;
  return Extent{start_ + layout_.clusterOffset(file.firstCluster), layout_.clusterSize};
}

Result<std::optional<Extent>> FatVolume::onePiece(const FatFile& file, base::Deadline by) const {
  constexpr std::uint32_t kMost = 64 * 1024;  // bytes; such files are small
  if (file.size == 0 || file.size > kMost || !layout_.validCluster(file.firstCluster))
    return std::optional<Extent>();
  auto table = FatTable::create(*device_, layout_, start_);
  if (!table) return std::move(table).error();
  std::uint32_t cluster = file.firstCluster;
  for (std::uint64_t covered = layout_.clusterSize;; covered += layout_.clusterSize) {
    auto next = table->next(cluster, by);
    if (!next && next.error().code == Code::Corrupt) return std::optional<Extent>();
    if (!next) return std::move(next).error();
    if (covered >= file.size) {
      if (*next) return std::optional<Extent>();
      return std::optional(Extent{start_ + layout_.clusterOffset(file.firstCluster), file.size});
    }
    if (!*next || **next != cluster + 1 || !layout_.validCluster(**next)) return std::optional<Extent>();
    cluster = **next;
  }
}

Result<base::SecretBuffer> FatVolume::readFile(const FatFile& file, std::size_t most,
                                               base::Deadline by) const {
  if (file.size > most) return damaged("the key file is larger than " + std::to_string(most) + " bytes");
  auto content = base::SecretBuffer::create(file.size);
  if (!content) return content;
  auto table = FatTable::create(*device_, layout_, start_);
  if (!table) return std::move(table).error();

  std::span<std::byte> rest = content->bytes();
  std::optional<std::uint32_t> cluster = file.firstCluster;
  if (file.firstCluster == 0) cluster.reset();  // how an empty file is written
  while (!rest.empty()) {
    if (!cluster || !layout_.validCluster(*cluster))
      return damaged("the key file's clusters are fewer than its size needs, or not there");
    const auto part = rest.first(std::min<std::size_t>(rest.size(), layout_.clusterSize));
    if (auto done = device_->read(start_ + layout_.clusterOffset(*cluster), part, by); !done)
      return std::move(done).error();
    rest = rest.subspan(part.size());
    auto next = table->next(*cluster, by);
    if (!next) return std::move(next).error();
    cluster = *next;
  }
  if (cluster) return damaged("the key file has more clusters than its size needs");
  return content;
}

}  // namespace hal
