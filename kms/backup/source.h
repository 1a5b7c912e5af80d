// Source: the bytes of a backup, made of files while they are read; it holds one hash for each chunk and no
// data. The files are read twice, first for the hashes, so that the header stands in front with the root hash
// and its MAC: whoever reads the backup as a stream knows from the first bytes what it is, and a backup goes
// to a pipe or a socket as it goes to a file.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>

#include "hal/base/fd.h"
#include "kms/backup/backup_format.h"

namespace kms::backup {

// The first `length` bytes of a file, which do not change any more.
struct PartFile {
  Part part = Part::Database;
  std::uint64_t segment = 0;
  std::filesystem::path file;
  std::uint64_t length = 0;
};

// The MAC under the backup key. Errors: as Vault::hold.
using Sign = std::function<base::Result<Hash>(base::BytesView signedPart)>;

class Source {
 public:
  // Sets chunks, bytes, root and mac of the header. `parts` stand in the order of the format; empty ones are
  // left out. Without `sign` the backup is unsigned. Once `stop` is true it ends with Unavailable. Errors: as
  // encodeHeader, `sign` and base::systemError.
  static base::Result<std::unique_ptr<Source>> create(Header header, std::vector<PartFile> parts,
                                                      const Sign& sign, const std::atomic<bool>& stop);

  const Header& header() const noexcept { return header_; }
  std::uint64_t size() const noexcept { return header_.bytes; }
  // The next bytes; fewer than there is room for only at the end. Errors: as base::systemError; Io where a
  // file has become shorter.
  base::Result<std::size_t> read(std::span<std::byte> out);

 private:
  explicit Source(std::vector<PartFile> parts) : parts_(std::move(parts)) {}
  struct Place {  // of a chunk
    const PartFile* part;
    std::uint64_t offset;
  };
  base::Result<void> hashHalf(std::size_t first, const std::vector<Place>& places,
                              const std::atomic<bool>& stop);
  base::Result<void> hashAll(const std::atomic<bool>& stop);
  base::Result<void> next();

  const std::vector<PartFile> parts_;
  Header header_;
  std::vector<Hash> hashes_;
  base::Bytes head_;            // of the header, then of the chunk that is read
  std::size_t headUsed_ = 0;    // bytes of head_ that are given
  std::uint32_t dataLeft_ = 0;  // of the chunk that is read
  std::size_t part_ = 0;
  std::uint64_t offset_ = 0;  // in the part
  std::uint64_t number_ = 0;  // of the chunk that is read
  base::Fd file_;
};

}  // namespace kms::backup
