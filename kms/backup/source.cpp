#include "kms/backup/source.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <utility>

#include "hal/base/file.h"
#include "kms/backup/sha256.h"

namespace kms::backup {
namespace {

using base::BytesView;
using base::Code;
using base::Error;
using base::Result;

ChunkHead headAt(const PartFile& part, std::uint64_t offset, std::uint64_t number) {
  const std::uint64_t left = part.length - offset;
  return {number,
          part.part,
          part.segment,
          static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kChunkMost)),
          {}};
}

Result<base::Fd> openPart(const PartFile& part) {
  base::Fd fd(::open(part.file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return base::systemError("cannot read " + part.file.string(), errno);
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return fd;
}

Result<void> readAt(const PartFile& part, int fd, std::uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::systemError("cannot read " + part.file.string(), errno);
    if (got == 0) return Error{Code::Io, part.file.string() + " has become shorter"};
    offset += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Source>> Source::create(Header header, std::vector<PartFile> parts, const Sign& sign,
                                               const std::atomic<bool>& stop) {
  std::erase_if(parts, [](const PartFile& part) { return part.length == 0; });
  std::unique_ptr<Source> source(new Source(std::move(parts)));
  source->header_ = std::move(header);
  source->header_.bytes = 0;
  if (auto hashed = source->hashAll(stop); !hashed) return std::move(hashed).error();
  Header& made = source->header_;
  made.mac = sign ? std::optional(Hash{}) : std::nullopt;
  auto bytes = encodeHeader(made);  // its length counts too
  if (!bytes) return std::move(bytes).error();
  made.bytes += bytes->size();
  if (sign) {
    auto mac = sign(signedPart(made));
    if (!mac) return std::move(mac).error();
    made.mac = *mac;
  }
  bytes = encodeHeader(made);
  if (!bytes) return std::move(bytes).error();
  source->head_ = *std::move(bytes);
  return source;
}

// Every second chunk from `first` on.
Result<void> Source::hashHalf(std::size_t first, const std::vector<Place>& places,
                              const std::atomic<bool>& stop) {
  base::Bytes data;
  base::Fd fd;
  const PartFile* open = nullptr;
  for (std::size_t i = first; i < places.size(); i += 2) {
    if (stop) return Error{Code::Unavailable, "the server is stopping"};
    const auto [part, offset] = places[i];
    if (std::exchange(open, part) != part) {
      auto opened = openPart(*part);
      if (!opened) return std::move(opened).error();
      fd = *std::move(opened);
    }
    const ChunkHead head = headAt(*part, offset, i + 1);
    data.resize(head.length);
    if (auto read = readAt(*part, fd.get(), offset, data); !read) return read;
    hashes_[i] = chunkHash(header_.id, head, data);
  }
  return {};
}

Result<void> Source::hashAll(const std::atomic<bool>& stop) {
  std::vector<Place> places;
  for (const PartFile& part : parts_) {
    header_.bytes += part.length;
    for (std::uint64_t offset = 0; offset < part.length; offset += kChunkMost)
      places.push_back({&part, offset});
  }
  header_.chunks = places.size();
  header_.bytes += kChunkHead * places.size();
  hashes_.resize(places.size());
  // By two threads, where another one is to be had.
  auto other =
      std::async(std::launch::async | std::launch::deferred, [&] { return hashHalf(1, places, stop); });
  auto hashed = hashHalf(0, places, stop);
  auto others = other.get();
  if (!hashed) return hashed;
  if (!others) return others;
  Sha256 root;
  for (const Hash& hash : hashes_) root.add(hash);
  header_.root = root.take();
  return {};
}

// Goes on with the next chunk, where there is one.
Result<void> Source::next() {
  while (part_ < parts_.size() && offset_ == parts_[part_].length) {
    ++part_;
    offset_ = 0;
    file_.reset();
  }
  if (part_ == parts_.size()) return {};
  if (!file_) {
    auto fd = openPart(parts_[part_]);
    if (!fd) return std::move(fd).error();
    file_ = *std::move(fd);
  }
  ChunkHead head = headAt(parts_[part_], offset_, ++number_);
  head.hash = hashes_[number_ - 1];
  const auto encoded = encodeChunkHead(head);
  head_.assign(encoded.begin(), encoded.end());
  headUsed_ = 0;
  dataLeft_ = head.length;
  return {};
}

Result<std::size_t> Source::read(std::span<std::byte> out) {
  const std::size_t room = out.size();
  while (!out.empty()) {
    if (headUsed_ == head_.size() && dataLeft_ == 0) {
      if (auto begun = next(); !begun) return std::move(begun).error();
      if (headUsed_ == head_.size() && dataLeft_ == 0) break;  // the end
    }
    const std::size_t head = std::min(head_.size() - headUsed_, out.size());
    std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(headUsed_), head, out.begin());
    headUsed_ += head;
    out = out.subspan(head);
    const std::size_t data = std::min<std::size_t>(dataLeft_, out.size());
    if (data == 0) continue;
    if (auto read = readAt(parts_[part_], file_.get(), offset_, out.first(data)); !read)
      return std::move(read).error();
    offset_ += data;
    dataLeft_ -= static_cast<std::uint32_t>(data);
    out = out.subspan(data);
  }
  return room - out.size();
}

}  // namespace kms::backup
