#include <algorithm>

#include "tests/virtual/cards/card.h"

namespace tests {
namespace {

std::size_t at(BytesView bytes, std::size_t index) { return std::to_integer<std::size_t>(bytes[index]); }
std::size_t pair(BytesView bytes, std::size_t index) { return at(bytes, index) << 8U | at(bytes, index + 1); }
std::size_t orMost(std::size_t length, std::size_t most) { return length == 0 ? most : length; }

bool parseExtended(Apdu& apdu, BytesView body) {
  if (body.size() == 3) {
    apdu.expect = orMost(pair(body, 1), 65536);
    return true;
  }
  if (body.size() < 4) return false;
  const std::size_t size = pair(body, 1);
  const BytesView rest = body.subspan(3);
  if (size == 0 || rest.size() < size || (rest.size() != size && rest.size() != size + 2)) return false;
  apdu.data.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
  if (rest.size() == size + 2) apdu.expect = orMost(pair(rest, size), 65536);
  return true;
}

bool parseShort(Apdu& apdu, BytesView body, bool t0) {
  if (body.size() == 1) {
    apdu.expect = orMost(at(body, 0), 256);
    return true;
  }
  const std::size_t size = at(body, 0);
  const BytesView rest = body.subspan(1);
  if (size == 0 || rest.size() < size || rest.size() > size + 1) return false;
  apdu.data.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
  if (rest.size() == size + 1) {
    if (t0) return false;  // T=0 has no length behind data
    apdu.expect = orMost(at(rest, size), 256);
  }
  return true;
}

}  // namespace

std::optional<Apdu> parseApdu(BytesView bytes, const CardManner& manner) {
  if (bytes.size() < 4 || (manner.t0 && bytes.size() < 5)) return std::nullopt;
  Apdu apdu;
  apdu.cla = std::to_integer<std::uint8_t>(bytes[0]);
  apdu.ins = std::to_integer<std::uint8_t>(bytes[1]);
  apdu.p1 = std::to_integer<std::uint8_t>(bytes[2]);
  apdu.p2 = std::to_integer<std::uint8_t>(bytes[3]);
  const BytesView body = bytes.subspan(4);
  if (body.empty()) return apdu;
  const bool extended = body.size() > 1 && body[0] == std::byte{0};
  if (extended && (!manner.extended || manner.t0)) return std::nullopt;
  const bool good = extended ? parseExtended(apdu, body) : parseShort(apdu, body, manner.t0);
  return good ? std::optional(std::move(apdu)) : std::nullopt;
}

Bytes bytesOf(std::string_view text) {
  const auto bytes = base::asBytes(text);
  return {bytes.begin(), bytes.end()};
}

Bytes bigEndian(std::uint64_t number, std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i)
    out[size - 1 - i] = static_cast<std::byte>(number >> (8 * i) & 0xFFU);
  return out;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Bytes tlv(std::uint32_t tag, const Bytes& value) {
  const std::size_t tagSize = tag > 0xFFFF ? 3 : tag > 0xFF ? 2 : 1;
  const std::size_t size = value.size();
  const Bytes length = size < 0x80    ? bigEndian(size, 1)
                       : size < 0x100 ? bigEndian(0x8100 | size, 2)
                                      : bigEndian(0x820000 | size, 3);
  return joined({bigEndian(tag, tagSize), length, value});
}

}  // namespace tests
