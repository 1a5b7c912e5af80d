#include "tests/virtual/cards/piv_card.h"

#include <algorithm>

namespace tests {
namespace {

constexpr std::uint32_t kKeyObject = 0x5FC109;
constexpr std::uint32_t kChuid = 0x5FC102;

}  // namespace

PivCard::PivCard(CardManner manner, std::string_view guid) : VirtualCard(manner) {
  objects[kChuid] =
      joined({tlv(0x30, Bytes(25)), tlv(0x34, bytesOf(guid)), tlv(0x35, bytesOf("20300101")), tlv(0xFE, {})});
}

void PivCard::forget() {
  selected_ = false;
  pin.verified = false;
  management_.forget();
}

Answer PivCard::getData(const Bytes& list) const {
  if (list.size() != 5 || list[0] != std::byte{0x5C} || list[1] != std::byte{3}) return {0x6A80};
  std::uint32_t tag = 0;
  for (std::size_t i = 2; i < 5; ++i) tag = tag << 8U | std::to_integer<std::uint32_t>(list[i]);
  if (tag == kKeyObject && keyNeedsPin && !pin.verified) return {0x6982};
  const auto at = objects.find(tag);
  if (at == objects.end()) return {0x6A82};
  return {0x9000, tlv(0x53, at->second)};
}

// 5C 03 and the tag, then 53, a length and the object.
Answer PivCard::putData(const Bytes& object) {
  if (!management_.open()) return {0x6982};
  const auto at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(object.at(i)); };
  if (object.size() < 7 || at(0) != 0x5C || at(1) != 3 || at(5) != 0x53) return {0x6A80};
  const std::size_t more = at(6) < 0x80 ? 0 : at(6) - 0x80;  // bytes of a long length
  std::size_t size = more == 0 ? at(6) : 0;
  if (more > 2 || object.size() < 7 + more) return {0x6A80};
  for (std::size_t i = 7; i < 7 + more; ++i) size = size << 8U | at(i);
  if (size != object.size() - 7 - more) return {0x6A80};
  put(at(2) << 16U | at(3) << 8U | at(4),
      Bytes(object.end() - static_cast<std::ptrdiff_t>(size), object.end()));
  return {};
}

Answer PivCard::process(const Apdu& apdu) {
  if (apdu.ins == 0xA4) {
    const Bytes aid = joined({bigEndian(0xA000000308, 5), bigEndian(0x00001000, 4)});
    // The whole of it, or its beginning from the five bytes of who registered it.
    const bool ours = apdu.p1 == 0x04 && apdu.data.size() >= 5 &&
                      std::equal(aid.begin(), aid.begin() + std::min(std::ssize(aid), std::ssize(apdu.data)),
                                 apdu.data.begin());
    selected_ = selected_ || ours;  // one that is not there changes nothing
    return ours ? Answer{0x9000,
                         tlv(0x61, tlv(0x4F, joined({bigEndian(0x00001000, 4), bigEndian(0x0100, 2)})))}
                : Answer{0x6A82};
  }
  if (!selected_) return {0x6D00};
  if (apdu.ins == 0x20) return apdu.p() == 0x0080 ? Answer{pin.verify(apdu.data)} : Answer{0x6A88};
  if (apdu.ins == 0x87 && apdu.p() == 0x039B) return management_.authenticate(apdu.data);
  if (apdu.ins == 0xDB && apdu.p() == 0x3FFF) return putData(apdu.data);
  if (apdu.ins == 0xFD) return {0x9000, bigEndian(0x040305, 3)};  // Yubico's: the version
  if (apdu.ins == 0xCB && apdu.p() == 0x3FFF) return getData(apdu.data);
  return {0x6D00};
}

}  // namespace tests
