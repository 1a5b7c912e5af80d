// Directory entries of FAT, fed one at a time, and the search for one name among them. Names are compared in
// place and never copied. Sources: Microsoft's FAT specification 1.03, sections on directories and long
// names.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hal/base/bytes.h"

namespace hal {

inline constexpr std::size_t kDirEntrySize = 32;  // bytes

struct DirEntry {
  bool directory = false;
  bool matches = false;            // its short or its long name is the one searched for
  std::uint32_t firstCluster = 0;  // with the high half, which only FAT32 uses
  std::uint32_t size = 0;          // bytes
};

class DirectoryParser {
 public:
  // `name` is an 8.3 name in ASCII that outlives the parser; it is found in any case.
  explicit DirectoryParser(std::string_view name) noexcept;

  // Takes the next entry. Gives back the files and directories; nothing for deleted entries, volume labels
  // and pieces of a long name, nor after the directory's end. Pieces of a long name that are out of order or
  // do not carry the checksum of the short name behind them are ignored.
  std::optional<DirEntry> feed(std::span<const std::byte, kDirEntrySize> raw) noexcept;
  bool ended() const noexcept { return ended_; }

 private:
  void feedLongName(std::span<const std::byte, kDirEntrySize> raw) noexcept;
  bool pieceMatches(std::span<const std::byte, kDirEntrySize> raw, unsigned ordinal) const noexcept;

  std::string_view name_;
  std::array<char, 11> short_;  // the name as a short entry holds it
  bool ended_ = false;
  // The long name that is being collected: the ordinal seen last (0: none), its checksum, and whether all
  // pieces so far fit the name.
  unsigned ordinal_ = 0;
  std::byte checksum_{};
  bool longMatches_ = false;
};

// The checksum of a short name that its long name's pieces carry.
std::byte shortNameChecksum(std::span<const std::byte, 11> name) noexcept;

}  // namespace hal
