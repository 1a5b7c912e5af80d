#include "tests/virtual/cards/iso_card.h"

#include <algorithm>

namespace tests {

const IsoCard::Path IsoCard::kKeyPath = {0x4B4D, 0x4B01};
const IsoCard::Path IsoCard::kSerialPath = {0x2F02};

IsoCard::IsoCard(CardManner manner, std::size_t size) : VirtualCard(manner) {
  files[kKeyPath] = Bytes(size, std::byte{0xFF});
  files[kSerialPath] = tlv(0x5A, bigEndian(0x8949017200001234, 8));
}

void IsoCard::forget() {
  at_.clear();
  file_.reset();
  if (pin) pin->verified = false;
}

bool IsoCard::isFolder(const Path& path) const {
  return std::ranges::any_of(files, [&](const auto& entry) {
    return entry.first.size() > path.size() && std::equal(path.begin(), path.end(), entry.first.begin());
  });
}

bool IsoCard::denied() const { return file_ == kKeyPath && pin && !pin->verified; }

Answer IsoCard::select(const Apdu& apdu) {
  if (apdu.p1 == 0x08 && !knowsPaths) return {0x6A86};
  if ((apdu.p1 != 0x08 && apdu.p1 != 0) || apdu.data.size() % 2 != 0 || apdu.data.empty()) return {0x6A82};
  Path path = apdu.p1 == 0x08 ? Path() : at_;
  for (std::size_t i = 0; i < apdu.data.size(); i += 2) {
    const auto id = static_cast<std::uint16_t>(std::to_integer<unsigned>(apdu.data[i]) << 8U |
                                               std::to_integer<unsigned>(apdu.data[i + 1]));
    if (id == 0x3F00) {
      path.clear();
    } else {
      path.push_back(id);
    }
  }
  const auto file = files.find(path);
  if (file == files.end() && !isFolder(path)) return {0x6A82};
  file_.reset();
  if (file == files.end()) {
    at_ = path;
    return {};
  }
  file_ = path;
  at_.assign(path.begin(), path.end() - 1);
  if (apdu.p2 == 0x0C || !tellsSize) return {};
  return {0x9000,
          tlv(0x62, joined({tlv(0x80, bigEndian(file->second.size(), 2)), tlv(0x82, bigEndian(0x01, 1))}))};
}

Answer IsoCard::read(std::size_t offset, std::size_t expect) const {
  if (!file_) return {0x6986};
  if (denied()) return {0x6982};
  const Bytes& content = files.at(*file_);
  if (offset >= content.size()) return {0x6B00};
  const std::size_t size = std::min(expect, content.size() - offset);
  const auto from = content.begin() + static_cast<std::ptrdiff_t>(offset);
  return {static_cast<std::uint16_t>(size < expect && !manner().t0 ? 0x6282 : 0x9000),
          Bytes(from, from + static_cast<std::ptrdiff_t>(size))};
}

Answer IsoCard::update(std::size_t offset, const Bytes& data) {
  if (!file_) return {0x6986};
  if (denied()) return {0x6982};
  Bytes& content = files.at(*file_);
  if (offset > content.size() || data.size() > content.size() - offset) return {0x6A84};
  std::ranges::copy(data, content.begin() + static_cast<std::ptrdiff_t>(offset));
  return {};
}

Answer IsoCard::process(const Apdu& apdu) {
  switch (apdu.ins) {
    case 0xA4:
      return select(apdu);
    case 0xB0:
      return read(apdu.p(), apdu.expect.value_or(0));
    case 0xD6:
      return update(apdu.p(), apdu.data);
    case 0x20:
      return pin && apdu.p() == 0x0081 ? Answer{pin->verify(apdu.data)} : Answer{0x6A88};
    default:
      return {0x6D00};
  }
}

}  // namespace tests
