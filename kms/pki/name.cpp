#include "kms/pki/name.h"

#include <algorithm>

#include "hal/base/utf8.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

constexpr std::size_t kAttributesMost = 64;

std::optional<std::string> fromBmp(base::BytesView value) {
  if (value.size() % 2 != 0) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < value.size(); i += 2) {
    const unsigned unit = std::to_integer<unsigned>(value[i]) << 8U | std::to_integer<unsigned>(value[i + 1]);
    const auto put = [&](unsigned byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (unit < 0x80) {
      put(unit);
    } else if (unit < 0x800) {
      put(0xC0U | unit >> 6U);
      put(0x80U | (unit & 0x3FU));
    } else {
      put(0xE0U | unit >> 12U);
      put(0x80U | (unit >> 6U & 0x3FU));
      put(0x80U | (unit & 0x3FU));
    }
  }
  return text;  // a surrogate is no UTF-8, and found as such
}

bool isAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::optional<std::string> readText(base::BytesView element) {
  DerReader in(element);
  const std::uint8_t tag = in.peek();
  const auto value = in.value(tag);
  if (!in.done()) return std::nullopt;
  std::optional<std::string> text(base::asText(value));
  switch (tag) {
    case kUtf8String:
      break;
    case kBmpString:
      text = fromBmp(value);
      break;
    case kPrintableString:
    case kIa5String:
    case kTeletexString:
    case kNumericString:
    case kVisibleString:
      if (!isAscii(*text)) return std::nullopt;
      break;
    default:
      return std::nullopt;
  }
  if (!text || !base::validUtf8(*text) || base::hasControl(*text)) return std::nullopt;
  return text;
}

std::optional<std::vector<NameAttribute>> readName(base::BytesView der) {
  std::vector<NameAttribute> attributes;
  DerReader outer(der);
  DerReader name = outer.enter(kSequence);
  while (name.more()) {
    DerReader set = name.enter(kSet);
    bool joined = false;
    do {
      DerReader fields = set.enter(kSequence);
      NameAttribute attribute;
      attribute.type = fields.value(kOid);
      attribute.raw = fields.any();
      attribute.text = readText(attribute.raw);
      attribute.joined = std::exchange(joined, true);
      if (!fields.done() || !validOid(attribute.type) || attributes.size() == kAttributesMost)
        return std::nullopt;
      attributes.push_back(std::move(attribute));
    } while (set.more());
    if (!set.done()) return std::nullopt;
  }
  if (!outer.done() || !name.done()) return std::nullopt;
  return attributes;
}

void writeName(Der& der, const Subject& subject) {
  const auto attribute = [&](std::string_view type, std::string_view text) {
    if (text.empty()) return;
    der.nest(kSet, [&] {
      der.sequence([&] {
        der.oid(type);
        der.element(kUtf8String, text);
      });
    });
  };
  der.sequence([&] {
    attribute(oid::kOrganisation, subject.organisation);
    attribute(oid::kCommonName, subject.commonName);
  });
}

}  // namespace kms::pki
