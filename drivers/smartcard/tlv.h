// BER-TLV as cards use it: a tag of one to three bytes, a definite length of one to four, the value. Pure and
// bounded: a length past the end is broken, whatever it says. Source: ISO/IEC 7816-4, 5.2.2.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "hal/base/bytes.h"

namespace drivers::smartcard {

struct Tlv {
  std::uint32_t tag = 0;  // its bytes as they stand: 0x53, 0x5F52
  base::BytesView value;
};

// The object at the start of `in`, which is stepped past it; bytes 00 and FF before an object are filling.
// Nothing at the end or where the bytes are no object.
std::optional<Tlv> takeTlv(base::BytesView& in) noexcept;
// The value of the first object with this tag on this level.
std::optional<base::BytesView> findTlv(base::BytesView in, std::uint32_t tag) noexcept;
// The same through constructed objects: {0x6E, 0x73, 0xC4}.
std::optional<base::BytesView> findTlv(base::BytesView in,
                                       std::initializer_list<std::uint32_t> path) noexcept;

// REQUIRES: value.size() < 65536.
base::Bytes makeTlv(std::uint32_t tag, base::BytesView value);

}  // namespace drivers::smartcard
