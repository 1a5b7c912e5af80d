#include "kms/pki/subject.h"

#include <arpa/inet.h>

#include <algorithm>

#include "hal/base/utf8.h"
#include "kms/pki/name.h"
#include "kms/pki/oids.h"
#include "kms/tokens/fields.h"

namespace kms::pki {
namespace {

constexpr std::size_t kTextMost = 64;    // characters: ub-common-name, ub-organization-name
constexpr std::size_t kNamesMost = 100;  // alternative names of a kind

struct Short {
  std::string_view oid;
  std::string_view name;
};
constexpr Short kShort[] = {{oid::kCommonName, "CN"}, {oid::kOrganisation, "O"},
                            {oid::kUnit, "OU"},       {oid::kCountry, "C"},
                            {oid::kLocality, "L"},    {oid::kState, "ST"},
                            {oid::kStreet, "STREET"}, {oid::kDomain, "DC"},
                            {oid::kUserId, "UID"},    {oid::kSurname, "SN"},
                            {oid::kGivenName, "GN"},  {oid::kTitle, "T"},
                            {oid::kMail, "E"},        {oid::kSerialNumber, "serialNumber"}};

base::Error invalid(std::string what) { return {base::Code::Invalid, std::move(what)}; }

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

base::Result<void> checkOrganisation(std::string_view name) {
  if (!base::validUtf8(name)) return invalid("an organisation's name must be valid UTF-8");
  if (base::hasControl(name)) return invalid("an organisation's name must not hold control characters");
  if (characters(name) > kTextMost) return invalid("an organisation's name must have at most 64 characters");
  return {};
}

base::Result<void> checkHost(std::string_view name) {
  constexpr std::string_view kWild = "*.";
  if (name.starts_with(kWild)) name.remove_prefix(kWild.size());
  return checkDnsName(name);
}

std::string escaped(std::string_view text) {
  constexpr std::string_view kSpecial = "\"+,;<>\\=";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool first = i == 0 && (text[i] == '#' || text[i] == ' ');
    const bool last = i + 1 == text.size() && text[i] == ' ';
    if (first || last || kSpecial.find(text[i]) != std::string_view::npos) out += '\\';
    out += text[i];
  }
  return out;
}

std::string shown(const NameAttribute& attribute) {
  const auto* const known = std::find_if(std::begin(kShort), std::end(kShort), [&](const Short& row) {
    return row.oid == base::asText(attribute.type);
  });
  std::string out(known == std::end(kShort) ? oidText(attribute.type) : std::string(known->name));
  return out + '=' + (attribute.text ? escaped(*attribute.text) : '#' + base::toHex(attribute.raw));
}

}  // namespace

base::Result<void> checkSubject(const Subject& subject) {
  if (subject.commonName.empty()) return invalid("a certificate needs a common name");
  if (auto good = checkCommonName(subject.commonName); !good) return good;
  if (auto good = checkOrganisation(subject.organisation); !good) return good;
  if (auto good = checkMail(subject.mail); !good) return good;
  if (subject.dns.size() > kNamesMost || subject.addresses.size() > kNamesMost)
    return invalid("a certificate can have at most 100 DNS names");
  for (const auto& name : subject.dns)
    if (auto good = checkHost(name); !good) return good;
  for (const auto& address : subject.addresses)
    if (!addressBytes(address)) return invalid("an address must be IPv4 or IPv6; " + address + " is neither");
  return {};
}

std::optional<base::Bytes> addressBytes(const std::string& text) {
  base::Bytes bytes(sizeof(in6_addr));
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(sizeof(in_addr));
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

std::string shownName(base::BytesView nameDer) {
  const auto attributes = readName(nameDer);
  if (!attributes) return "#" + base::toHex(nameDer);
  std::string out;
  std::string part;  // one RelativeDistinguishedName; RFC 4514 begins with the last
  const auto put = [&] { out = part + (part.empty() || out.empty() ? "" : ",") + out; };
  for (const NameAttribute& attribute : *attributes) {
    if (!attribute.joined) put();
    part = attribute.joined ? part + '+' + shown(attribute) : shown(attribute);
  }
  put();
  return out;
}

}  // namespace kms::pki
