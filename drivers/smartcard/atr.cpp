#include "drivers/smartcard/atr.h"

#include <bit>
#include <cstdint>

namespace drivers::smartcard {
namespace {

unsigned at(base::BytesView bytes, std::size_t index) noexcept {
  return std::to_integer<unsigned>(bytes[index]);
}

}  // namespace

base::BytesView historicalBytes(base::BytesView atr) noexcept {
  if (atr.size() < 2) return {};
  const std::size_t count = at(atr, 1) & 0x0FU;
  unsigned follow = at(atr, 1) >> 4U;  // which of TA, TB, TC, TD come next
  std::size_t next = 2;
  while (follow != 0) {
    const bool more = (follow & 0x8U) != 0;
    next += static_cast<std::size_t>(std::popcount(follow));
    if (next > atr.size()) return {};
    follow = more ? at(atr, next - 1) >> 4U : 0;
  }
  return next + count <= atr.size() ? atr.subspan(next, count) : base::BytesView{};
}

CardCapabilities cardCapabilities(base::BytesView historical) noexcept {
  if (historical.empty() || (at(historical, 0) != 0x00 && at(historical, 0) != 0x80)) return {};
  for (base::BytesView rest = historical.subspan(1); !rest.empty();) {
    const unsigned tag = at(rest, 0) >> 4U;
    const std::size_t length = at(rest, 0) & 0x0FU;
    if (length >= rest.size()) break;
    if (tag == 7 && length == 3) return {(at(rest, 3) & 0x80U) != 0, (at(rest, 3) & 0x40U) != 0};
    rest = rest.subspan(1 + length);
  }
  return {};
}

}  // namespace drivers::smartcard
