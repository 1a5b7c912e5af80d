#include "hal/base/utf8.h"

#include <cstdint>

namespace base {
namespace {

constexpr std::uint32_t kBad = 0xFFFFFFFF;

// The code point at text[at], stepping past it; kBad where it is ill-formed.
std::uint32_t next(std::string_view text, std::size_t& at) noexcept {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4) return kBad;
  std::uint32_t point = lead & (0x3FU >> static_cast<unsigned>(more));
  for (int i = 0; i < more; ++i) {
    if (at >= text.size()) return kBad;
    const auto follow = static_cast<unsigned char>(text[at++]);
    if ((follow & 0xC0U) != 0x80) return kBad;
    point = (point << 6U) | (follow & 0x3FU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return point < kLeast[more] || surrogate || point > 0x10FFFF ? kBad : point;
}

}  // namespace

bool validUtf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    if (next(text, at) == kBad) return false;
  }
  return true;
}

bool hasControl(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const std::uint32_t point = next(text, at);
    if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return true;
  }
  return false;
}

}  // namespace base
