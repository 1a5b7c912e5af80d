#include "hal/fat_foreign.h"

#include <algorithm>

namespace hal {
namespace {

struct Signature {
  std::size_t at;
  std::string_view bytes;
  std::string_view name;
};

using namespace std::string_view_literals;

constexpr Signature kSignatures[] = {
    {3, "NTFS    "sv, "NTFS"},
    {3, "EXFAT   "sv, "exFAT"},
    {1080, "\x53\xEF"sv, "ext2/3/4"},
    {0, "XFSB"sv, "XFS"},
    {0, "LUKS\xBA\xBE"sv, "LUKS"},
    {0, "hsqs"sv, "SquashFS"},
    {1024, "H+\0\x04"sv, "HFS+"},
    {1024, "HX\0\x05"sv, "HFS+"},
    {1024, "\x10\x20\xF5\xF2"sv, "F2FS"},
    {4086, "SWAPSPACE2"sv, "Linux swap"},
};

}  // namespace

bool looksUnformatted(base::BytesView start) noexcept {
  if (start.empty()) return true;
  const std::byte fill = start.front();
  if (fill != std::byte{0x00} && fill != std::byte{0xF6} && fill != std::byte{0xFF}) return false;
  return std::ranges::all_of(start, [fill](std::byte b) { return b == fill; });
}

std::string_view foreignName(base::BytesView start) noexcept {
  const std::string_view text = base::asText(start);
  for (const Signature& known : kSignatures) {
    if (text.size() >= known.at + known.bytes.size() &&
        text.substr(known.at, known.bytes.size()) == known.bytes)
      return known.name;
  }
  return {};
}

bool looksLikeIso(base::BytesView descriptor) noexcept {
  return descriptor.size() >= 6 && base::asText(descriptor.subspan(1, 5)) == "CD001";
}

}  // namespace hal
