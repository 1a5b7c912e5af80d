#include "drivers/smartcard/tlv.h"

#include <cassert>

namespace drivers::smartcard {
namespace {

constexpr std::size_t kMostTagBytes = 3;
constexpr std::size_t kMostLengthBytes = 3;  // behind the first

std::optional<unsigned> takeByte(base::BytesView& in) noexcept {
  if (in.empty()) return std::nullopt;
  const auto byte = std::to_integer<unsigned>(in.front());
  in = in.subspan(1);
  return byte;
}

std::optional<std::uint32_t> takeTag(base::BytesView& in) noexcept {
  auto byte = takeByte(in);
  if (!byte) return std::nullopt;
  std::uint32_t tag = *byte;
  if ((*byte & 0x1FU) != 0x1F) return tag;
  for (std::size_t more = 1; more < kMostTagBytes; ++more) {
    byte = takeByte(in);
    if (!byte) return std::nullopt;
    tag = tag << 8U | *byte;
    if ((*byte & 0x80U) == 0) return tag;
  }
  return std::nullopt;
}

std::optional<std::size_t> takeLength(base::BytesView& in) noexcept {
  const auto first = takeByte(in);
  if (!first) return std::nullopt;
  if (*first < 0x80) return *first;
  const std::size_t count = *first & 0x7FU;
  if (count == 0 || count > kMostLengthBytes) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto byte = takeByte(in);
    if (!byte) return std::nullopt;
    length = length << 8U | *byte;
  }
  return length;
}

}  // namespace

std::optional<Tlv> takeTlv(base::BytesView& in) noexcept {
  while (!in.empty() && (in.front() == std::byte{0} || in.front() == std::byte{0xFF})) in = in.subspan(1);
  const auto tag = takeTag(in);
  if (!tag) return std::nullopt;
  const auto length = takeLength(in);
  if (!length || *length > in.size()) return std::nullopt;
  const Tlv object{*tag, in.first(*length)};
  in = in.subspan(*length);
  return object;
}

std::optional<base::BytesView> findTlv(base::BytesView in, std::uint32_t tag) noexcept {
  while (const auto object = takeTlv(in)) {
    if (object->tag == tag) return object->value;
  }
  return std::nullopt;
}

std::optional<base::BytesView> findTlv(base::BytesView in,
                                       std::initializer_list<std::uint32_t> path) noexcept {
  std::optional<base::BytesView> at = in;
  for (const std::uint32_t tag : path) {
    at = findTlv(*at, tag);
    if (!at) break;
  }
  return at;
}

base::Bytes makeTlv(std::uint32_t tag, base::BytesView value) {
  assert(value.size() < 65536);
  base::Bytes out;
  for (int shift = 16; shift >= 0; shift -= 8) {
    if (const auto byte = tag >> static_cast<unsigned>(shift); byte != 0 || shift == 0)
      out.push_back(static_cast<std::byte>(byte & 0xFFU));
  }
  const std::size_t size = value.size();
  if (size >= 0x100) {
    out.push_back(std::byte{0x82});
    out.push_back(static_cast<std::byte>(size >> 8U));
  } else if (size >= 0x80) {
    out.push_back(std::byte{0x81});
  }
  out.push_back(static_cast<std::byte>(size & 0xFFU));
  out.insert(out.end(), value.begin(), value.end());
  return out;
}

}  // namespace drivers::smartcard
