// The files of the audit log in their directory: their names, reading them line by line, and the one that is
// written. What a line means is known above (kms/audit/audit_line.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace kms {

// "000001.jsonl"
std::string segmentName(std::int64_t segment);
// Numbers of the files that have such names, rising; none where there is no directory. Errors: as
// base::systemError.
base::Result<std::vector<std::int64_t>> listSegments(const std::filesystem::path& directory);
// Bytes of a regular file. Errors: NotFound; Corrupt (no regular file); as base::systemError.
base::Result<std::int64_t> segmentSize(const std::filesystem::path& file);

// Reads the lines of [from, to) of a file, holding a bounded piece of it.
class SegmentReader {
 public:
  // Errors: as segmentSize.
  static base::Result<SegmentReader> open(const std::filesystem::path& file, std::int64_t from,
                                          std::int64_t to);

  // The next line, without its LF, valid until the next call; nothing at the end. Errors: Corrupt (a line
  // that is too long, or has no LF before `to`), after which nothing more can be read; as base::systemError.
  base::Result<std::optional<std::string_view>> next();
  std::int64_t lineAt() const noexcept { return lineAt_; }  // where the line that next() gave begins
  std::int64_t position() const noexcept { return at_; }    // behind that line

 private:
  SegmentReader(std::string name, base::Fd fd, std::int64_t from, std::int64_t to);
  base::Result<void> fill();

  std::string name_;
  base::Fd fd_;
  std::int64_t at_;      // of the next line
  std::int64_t lineAt_;  // of the last one
  std::int64_t end_;
  std::string buffer_;    // bytes from at_ on begin at used_
  std::size_t used_ = 0;  // bytes of buffer_ that are done with
};

// The last line of the first `length` bytes, without its LF. Errors: Corrupt (no whole line); as
// base::systemError. REQUIRES: length > 0.
base::Result<std::string> lastLine(const std::filesystem::path& file, std::int64_t length);

// How many lines begin before this byte, and one: the number of the line that begins there.
base::Result<std::int64_t> lineNumberAt(const std::filesystem::path& file, std::int64_t offset);

// The file that is written. Errors of all: as base::systemError, naming the file.
class SegmentFile {
 public:
  // Makes the file, mode 0600, and brings its name to the disk. Errors: Conflict where it is there.
  static base::Result<SegmentFile> create(const std::filesystem::path& file);
  // Opens the file, and cuts it off at `length`.
  static base::Result<SegmentFile> open(const std::filesystem::path& file, std::int64_t length);

  // Whether this file is there under its name still, and has this length. Errors: also NotFound (deleted or
  // moved away), Corrupt (another file has its name).
  base::Result<bool> inPlace(std::int64_t length) const;
  // Writes at this place, which is the end, and brings it to the disk. Errors: also Corrupt where it is not.
  base::Result<void> write(std::int64_t at, std::string_view bytes);

 private:
  SegmentFile(std::string name, base::Fd fd) : name_(std::move(name)), fd_(std::move(fd)) {}
  std::string name_;
  base::Fd fd_;
};

}  // namespace kms
