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

Bytes OpenPgpCard::applicationData() const {
  const Bytes aid = joined({bigEndian(kRid, 6), bigEndian(0x0304, 2), bigEndian(0x0006, 2),
                            bigEndian(serial, 4), bigEndian(0, 2)});
  const Bytes abilities = joined({bigEndian(hasPrivate ? 0x7D : 0x75, 1), Bytes(9, std::byte{0})});
  const Bytes status =
      joined({bigEndian(0x00, 1), bigEndian(0x7F7F7F, 3), bigEndian(pin.left, 1), bigEndian(0x0003, 2)});
  const Bytes discretionary = joined({tlv(0xC0, abilities), tlv(0xC1, Bytes(6)), tlv(0xC4, status),
                                      tlv(0xC5, Bytes(60)), tlv(0xC6, Bytes(60)), tlv(0xCD, Bytes(12))});
  return tlv(0x6E, joined({tlv(0x4F, aid), tlv(0x5F52, historical()), tlv(0x73, discretionary)}));
}

Answer OpenPgpCard::getData(std::uint16_t tag) const {
  switch (tag) {
    case 0x006E:
      return tellsStatus ? Answer{0x9000, applicationData()} : Answer{0x6A88};
    case 0x0101:
      return {0x9000, open};
    case 0x0103:
      return pin.verified ? Answer{0x9000, secret} : Answer{0x6982};
    default:
      return {0x6A88};
  }
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
