#include "tests/virtual/cards/openpgp_card.h"

#include <algorithm>

namespace tests {
namespace {

constexpr std::uint64_t kRid = 0xD27600012401;
constexpr std::size_t kMostObject = 254;

}  // namespace

OpenPgpCard::OpenPgpCard(CardManner manner, std::uint32_t number) : VirtualCard(manner), serial(number) {}

void OpenPgpCard::forget() {
  selected_ = false;
  pin.verified = false;
}

// Category 00, card capabilities (chaining, and extended lengths where it has them), life cycle, 9000.
Bytes OpenPgpCard::historical() const {
  return joined(
      {bigEndian(0x0073, 2), bigEndian(manner().extended ? 0x0000C0 : 0x000080, 3), bigEndian(0x059000, 3)});
}

// What the application tells of itself, by tag. RSA 2048 for each of the three keys, none of them there.
std::map<std::uint32_t, Bytes> OpenPgpCard::objects() const {
  std::map<std::uint32_t, Bytes> all;
  all[0x4F] = joined({bigEndian(kRid, 6), bigEndian(0x0304, 2), bigEndian(0x0006, 2), bigEndian(serial, 4),
                      bigEndian(0, 2)});
  all[0x5F52] = historical();
  all[0xC0] = joined({bigEndian(hasPrivate ? 0x7D : 0x75, 1), bigEndian(0, 1), bigEndian(0x00FF, 2),
                      bigEndian(0x0800, 2), bigEndian(0x00FE, 2), bigEndian(0, 2)});
  for (const std::uint32_t key : {0xC1U, 0xC2U, 0xC3U}) all[key] = bigEndian(0x010800002000, 6);
  all[0xC4] =
      joined({bigEndian(0x00, 1), bigEndian(0x7F7F7F, 3), bigEndian(pin.left, 1), bigEndian(0x0003, 2)});
  all[0xC5] = Bytes(60);
  all[0xC6] = Bytes(60);
  all[0xCD] = Bytes(12);
  Bytes discretionary;
  for (const std::uint32_t tag : {0xC0U, 0xC1U, 0xC2U, 0xC3U, 0xC4U, 0xC5U, 0xC6U, 0xCDU})
    discretionary = joined({discretionary, tlv(tag, all[tag])});
  all[0x6E] = tlv(0x6E, joined({tlv(0x4F, all[0x4F]), tlv(0x5F52, all[0x5F52]), tlv(0x73, discretionary)}));
  all[0x65] = tlv(
      0x65, joined({tlv(0x5B, bytesOf("Doe<<Jane")), tlv(0x5F2D, bytesOf("en")), tlv(0x5F35, bytesOf("9"))}));
  all[0x7A] = tlv(0x7A, tlv(0x93, bigEndian(0, 3)));
  all[0x5E] = bytesOf("jane");
  all[0x5F50] = bytesOf("https://example.org/jane");
  return all;
}

Answer OpenPgpCard::getData(std::uint16_t tag) const {
  if (tag == 0x0101) return {0x9000, open};
  if (tag == 0x0103) return pin.verified ? Answer{0x9000, secret} : Answer{0x6982};
  if (!tellsStatus) return {0x6A88};
  const auto all = objects();
  const auto at = all.find(tag);
  return at == all.end() ? Answer{0x6A88} : Answer{0x9000, at->second};
}

Answer OpenPgpCard::putData(std::uint16_t tag, const Bytes& data) {
  if (!pin.verified) return {0x6982};
  if (data.size() > kMostObject) return {0x6700};
  if (tag == 0x0101) {
    open = data;
  } else if (tag == 0x0103) {
    secret = data;
  } else {
    return {0x6A88};
  }
  return {};
}

Answer OpenPgpCard::process(const Apdu& apdu) {
  if (apdu.ins == 0xA4) {
    const Bytes rid = bigEndian(kRid, 6);
    const bool ours = apdu.p1 == 0x04 && apdu.data.size() >= rid.size() &&
                      std::equal(rid.begin(), rid.end(), apdu.data.begin());
    selected_ = selected_ || ours;
    return {static_cast<std::uint16_t>(ours ? 0x9000 : 0x6A82)};
  }
  if (!selected_) return {0x6D00};
  switch (apdu.ins) {
    case 0x20:
      return apdu.p() == 0x0082 ? Answer{pin.verify(apdu.data)} : Answer{0x6A88};
    case 0xCA:
      return getData(apdu.p());
    case 0xDA:
      return putData(apdu.p(), apdu.data);
    default:
      return {0x6D00};
  }
}

}  // namespace tests
