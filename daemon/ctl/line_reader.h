// LineReader: the items of a list, one a line, from a file or standard input, however long it is. Blank lines
// and lines that begin with # are passed over; blanks at both ends, CR LF and a byte order mark are forgiven.
// What it reads may be tokens, so it lies in locked memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/ctl/interrupt.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"
#include "hal/base/secret_pool.h"

namespace kmsd::ctl {

struct Line {
  std::uint64_t number = 0;  // from 1, all lines counted
  base::SecretText text;     // empty where it is too long
  bool tooLong = false;
};

class LineReader {
 public:
  static constexpr std::size_t kLineMost = 4096;  // bytes

  // "-" is standard input. `interrupt` may be null. Errors: as systemError; Unavailable (no locked memory).
  static base::Result<LineReader> open(const std::string& path, const Interrupt* interrupt);

  // Whether next() will not have to wait for more input, waiting for that at most this long.
  bool ready(std::chrono::milliseconds most);
  // Nothing at the end, and where an interrupt came. Errors: as systemError.
  base::Result<std::optional<Line>> next();

 private:
  LineReader() = default;
  base::Result<void> fill();
  std::optional<Line> takeLine();

  base::Fd own_;
  int fd_ = -1;
  std::string name_;
  const Interrupt* interrupt_ = nullptr;
  base::SecretText buffer_;
  std::size_t begin_ = 0;  // of what is not taken yet
  std::size_t end_ = 0;
  std::uint64_t lines_ = 0;
  bool ended_ = false;
  bool skipping_ = false;  // the rest of a line that is too long
};

// The items of a regular file; nothing for what cannot be read twice, or not at all.
std::optional<std::uint64_t> countItems(const std::string& path);

}  // namespace kmsd::ctl
