// NewFile: a file that is there whole or not at all. It has no name until commit(), so whatever ends the
// program leaves nothing; where the file system cannot do that, a hidden name that goes with the object. A
// large one goes past the page cache, in pieces: what gathers there would be written at the end all at once,
// and whoever else waits for the disk would stand still. While a piece is written the next one is gathered.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <span>

#include "hal/base/bytes.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace kmsd {

class NewFile {
 public:
  // `size`: bytes that it will have. Errors: Invalid (no name, or a slash at its end); Conflict where there
  // is something of this name; Unavailable / NoSpace; as base::systemError.
  static base::Result<NewFile> create(const std::filesystem::path& path, std::uint64_t size);
  NewFile(NewFile&&) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  // Errors: Unavailable / NoSpace; as base::systemError.
  base::Result<void> write(base::BytesView bytes);
  // To the disk, without a name yet. Errors: as base::systemError.
  base::Result<void> sync();
  // Gives it its name, durably. Errors: Conflict where another came first; as base::systemError.
  base::Result<void> commit();

 private:
  struct Done {
    std::size_t bytes = 0;
    int failed = 0;  // errno
  };
  struct Free {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };
  NewFile(std::filesystem::path path, std::filesystem::path hidden, base::Fd fd)
      : path_(std::move(path)), hidden_(std::move(hidden)), fd_(std::move(fd)) {}
  static base::Result<NewFile> prepared(NewFile file, std::uint64_t size);
  base::Result<void> put(base::BytesView bytes);
  base::Result<void> settle();
  static Done writeAll(int fd, base::BytesView bytes) noexcept;
  base::Result<void> goOn(base::BytesView bytes, Done done);
  void useCache() noexcept;

  std::filesystem::path path_;
  std::filesystem::path hidden_;  // empty: it has no name
  base::Fd fd_;
  std::unique_ptr<std::byte, Free> piece_;  // of a large file: what is written next
  std::size_t gathered_ = 0;                // bytes in it
  std::unique_ptr<std::byte, Free> going_;  // the piece that is being written
  std::uint64_t size_ = 0;                  // bytes for which room was taken
  std::uint64_t written_ = 0;               // bytes
  std::future<Done> writing_;               // of going_; last, because it is waited for before the rest goes
};

// Errors: Unavailable / NoSpace where the directory has less room than `size` and a little more.
base::Result<void> checkSpace(const std::filesystem::path& directory, std::uint64_t size);

}  // namespace kmsd
