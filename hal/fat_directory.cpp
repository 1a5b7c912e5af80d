#include "hal/fat_directory.h"

#include <algorithm>

namespace hal {
namespace {

constexpr unsigned kUnitsInPiece = 13;  // UTF-16 units
constexpr unsigned kMostPieces = 20;    // of a name of 255 units

constexpr char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::byte shortNameChecksum(std::span<const std::byte, 11> name) noexcept {
  unsigned sum = 0;
  for (const std::byte b : name)
    sum = (((sum & 1U) << 7U) + (sum >> 1U) + std::to_integer<unsigned>(b)) & 0xFFU;
  return static_cast<std::byte>(sum);
}

DirectoryParser::DirectoryParser(std::string_view name) noexcept : name_(name) {
  short_.fill(' ');
  const std::size_t dot = std::min(name.find('.'), name.size());
  for (std::size_t i = 0; i < dot && i < 8; ++i) short_[i] = upper(name[i]);
  for (std::size_t i = 0; dot + 1 + i < name.size() && i < 3; ++i) short_[8 + i] = upper(name[dot + 1 + i]);
}

std::optional<DirEntry> DirectoryParser::feed(std::span<const std::byte, kDirEntrySize> raw) noexcept {
  const auto first = std::to_integer<unsigned>(raw[0]);
  const auto attributes = std::to_integer<unsigned>(raw[11]);
  if (ended_ || first == 0x00) {
    ended_ = true;
    return std::nullopt;
  }
  if (first == 0xE5) {  // deleted
    ordinal_ = 0;
    return std::nullopt;
  }
  if ((attributes & 0x3FU) == 0x0F) {
    feedLongName(raw);
    return std::nullopt;
  }
  const bool longName = ordinal_ == 1 && longMatches_ && checksum_ == shortNameChecksum(raw.first<11>());
  ordinal_ = 0;
  if ((attributes & 0x08U) != 0) return std::nullopt;  // volume label
  const bool shortName = std::ranges::equal(base::asText(raw.first<11>()), short_, {}, upper);
  const std::uint32_t high = base::loadLe16(raw.subspan(20));
  return DirEntry{(attributes & 0x10U) != 0, longName || shortName,
                  (high << 16U) | base::loadLe16(raw.subspan(26)), base::loadLe32(raw.subspan(28))};
}

void DirectoryParser::feedLongName(std::span<const std::byte, kDirEntrySize> raw) noexcept {
  const auto order = std::to_integer<unsigned>(raw[0]);
  const unsigned ordinal = order & 0x3FU;
  if ((order & 0x40U) != 0 && ordinal >= 1 && ordinal <= kMostPieces) {  // the name's last piece comes first
    checksum_ = raw[13];
    longMatches_ = ordinal == (name_.size() + kUnitsInPiece - 1) / kUnitsInPiece;
  } else if (ordinal_ < 2 || order != ordinal_ - 1 || raw[13] != checksum_) {
    ordinal_ = 0;
    return;
  }
  ordinal_ = ordinal;
  longMatches_ = longMatches_ && pieceMatches(raw, ordinal);
}

bool DirectoryParser::pieceMatches(std::span<const std::byte, kDirEntrySize> raw,
                                   unsigned ordinal) const noexcept {
  constexpr std::size_t kUnitAt[kUnitsInPiece] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
  for (unsigned i = 0; i < kUnitsInPiece; ++i) {
    const std::size_t at = std::size_t{ordinal - 1} * kUnitsInPiece + i;
    if (at > name_.size()) break;  // padding
    const unsigned unit = base::loadLe16(raw.subspan(kUnitAt[i]));
    if (at == name_.size() ? unit != 0 : unit > 0x7F || upper(static_cast<char>(unit)) != upper(name_[at]))
      return false;
  }
  return true;
}

}  // namespace hal
