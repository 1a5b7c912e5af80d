#include "kms/pki/extensions.h"

#include <algorithm>

namespace kms::pki {
namespace {

constexpr std::size_t kExtensionsMost = 64;
constexpr std::size_t kNamesMost = 1000;

// The tags of GeneralName that we know.
constexpr std::uint8_t kMailTag = contextTag(1, false);
constexpr std::uint8_t kDnsTag = contextTag(2, false);

// Printable ASCII without a blank, as mail addresses and host names are.
std::optional<std::string> readWord(base::BytesView value) {
  const auto text = base::asText(value);
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; }))
    return std::nullopt;
  return std::string(text);
}

}  // namespace

std::optional<std::vector<Extension>> readExtensions(base::BytesView der) {
  std::vector<Extension> extensions;
  DerReader outer(der);
  DerReader list = outer.enter(kSequence);
  while (list.more()) {
    DerReader fields = list.enter(kSequence);
    Extension extension;
    extension.id = fields.value(kOid);
    extension.critical = fields.next(kBoolean) && fields.boolean();
    extension.value = fields.value(kOctetString);
    const bool twice = std::any_of(extensions.begin(), extensions.end(), [&](const Extension& other) {
      return std::equal(other.id.begin(), other.id.end(), extension.id.begin(), extension.id.end());
    });
    if (!fields.done() || !validOid(extension.id) || twice || extensions.size() == kExtensionsMost)
      return std::nullopt;
    extensions.push_back(extension);
  }
  if (!outer.done() || !list.done()) return std::nullopt;
  return extensions;
}

std::optional<BasicConstraints> readBasicConstraints(base::BytesView value) {
  DerReader outer(value);
  DerReader fields = outer.enter(kSequence);
  BasicConstraints constraints;
  if (fields.next(kBoolean)) constraints.authority = fields.boolean();
  if (fields.more()) fields.natural();
  if (!outer.done() || !fields.done()) return std::nullopt;
  return constraints;
}

std::optional<std::uint16_t> readKeyUsage(base::BytesView value) {
  DerReader in(value);
  const std::uint16_t set = in.flags();
  if (!in.done()) return std::nullopt;
  return set;
}

std::optional<std::vector<base::BytesView>> readExtendedUsage(base::BytesView value) {
  std::vector<base::BytesView> uses;
  DerReader outer(value);
  DerReader list = outer.enter(kSequence);
  while (list.more()) {
    uses.push_back(list.value(kOid));
    if (!validOid(uses.back()) || uses.size() > kNamesMost) list.fail();
  }
  if (!outer.done() || !list.done()) return std::nullopt;
  return uses;
}

std::optional<AlternativeNames> readAlternativeNames(base::BytesView value) {
  AlternativeNames names;
  DerReader outer(value);
  DerReader list = outer.enter(kSequence);
  std::size_t count = 0;
  while (list.more()) {
    const std::uint8_t tag = list.peek();
    if (++count > kNamesMost) return std::nullopt;
    if (tag != kMailTag && tag != kDnsTag) {
      list.any();
      names.others = true;
      continue;
    }
    auto word = readWord(list.value(tag));
    if (!word) return std::nullopt;
    (tag == kMailTag ? names.mails : names.dns).push_back(*std::move(word));
  }
  if (!outer.done() || !list.done()) return std::nullopt;
  return names;
}

}  // namespace kms::pki
