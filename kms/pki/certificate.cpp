#include "kms/pki/certificate.h"

#include <algorithm>

#include "kms/pki/base64.h"
#include "kms/pki/der.h"
#include "kms/pki/digest.h"
#include "kms/pki/extensions.h"
#include "kms/pki/name.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

constexpr std::size_t kSerialMost = 64;  // bytes
constexpr std::size_t kPemMost = 16;     // certificates
constexpr std::size_t kPemText = 2 * kPemMost * kMostDer;

base::Error invalid(const char* what) {
  return {base::Code::Invalid, std::string("this is not a certificate: ") + what};
}

base::Bytes copy(base::BytesView view) { return {view.begin(), view.end()}; }

// A serial number as it stands: foreign ones may be negative, which RFC 5280 asks programs to bear.
base::Bytes readSerial(DerReader& fields) {
  auto content = fields.value(kInteger);
  if (content.empty() || content.size() > kSerialMost) fields.fail();
  while (content.size() > 1 && content.front() == std::byte{0}) content = content.subspan(1);
  return copy(content);
}

// What the optional fields at the end of a certificate tell.
bool readExtensions(DerReader& fields, Certificate& certificate) {
  for (const unsigned number : {1U, 2U})
    if (fields.next(contextTag(number, false)))
      fields.value(contextTag(number, false));  // unique identifiers
  if (!fields.next(contextTag(3))) return fields.done();
  DerReader tagged = fields.enter(contextTag(3));
  const auto extensions = pki::readExtensions(tagged.element(kSequence));
  if (!extensions || !tagged.done() || !fields.done()) return false;
  for (const Extension& extension : *extensions) {
    DerReader value(extension.value);
    if (base::asText(extension.id) == oid::kBasicConstraints) {
      const auto constraints = readBasicConstraints(extension.value);
      if (!constraints) return false;
      certificate.authority = constraints->authority;
    } else if (base::asText(extension.id) == oid::kKeyIdentifier) {
      certificate.keyIdentifier = copy(value.value(kOctetString));
      if (!value.done()) return false;
    }
  }
  return true;
}

}  // namespace

std::string serialText(const Serial& serial) { return base::toHex(serial); }

std::optional<Serial> parseSerial(std::string_view text) {
  Serial serial{};
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == ':' && digits % 2 == 0 && digits > 0) continue;
    unsigned value = 0;
    if (c >= '0' && c <= '9')
      value = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = static_cast<unsigned>(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
      value = static_cast<unsigned>(c - 'A') + 10;
    else
      return std::nullopt;
    if (digits == 2 * serial.size()) return std::nullopt;
    serial[digits / 2] |= static_cast<std::byte>(digits % 2 == 0 ? value << 4U : value);
    ++digits;
  }
  if (digits != 2 * serial.size() || !goodSerial(serial)) return std::nullopt;
  return serial;
}

bool goodSerial(const Serial& serial) noexcept {
  return serial[0] >= std::byte{0x01} && serial[0] <= std::byte{0x7F};
}

std::optional<Serial> Certificate::ourSerial() const {
  Serial ours{};
  if (serial.size() != ours.size()) return std::nullopt;
  std::copy(serial.begin(), serial.end(), ours.begin());
  if (!goodSerial(ours)) return std::nullopt;
  return ours;
}

base::Result<Certificate> parseCertificate(base::BytesView der) {
  if (der.size() > kMostDer) return invalid("it is larger than 64 KiB");
  DerReader outer(der);
  DerReader whole = outer.enter(kSequence);
  DerReader fields = whole.enter(kSequence);
  const auto algorithm = whole.element(kSequence);
  whole.value(kBitString);
  if (!outer.done() || !whole.done()) return invalid("its DER is malformed");
  Certificate certificate;
  if (fields.next(contextTag(0))) {
    DerReader version = fields.enter(contextTag(0));
    if (version.small() > 2 || !version.done()) return invalid("its version is none of X.509");
  }
  certificate.serial = readSerial(fields);
  const auto inside = fields.element(kSequence);
  if (!std::equal(inside.begin(), inside.end(), algorithm.begin(), algorithm.end()))
    return invalid("it names two algorithms of its signature");  // RFC 5280, section 4.1.1.2
  certificate.issuer = copy(fields.element(kSequence));
  DerReader validity = fields.enter(kSequence);
  certificate.notBefore = validity.time();
  certificate.notAfter = validity.time();
  certificate.subject = copy(fields.element(kSequence));
  certificate.key = sha256(fields.element(kSequence));
  if (!validity.done()) return invalid("its validity is none");
  if (!readExtensions(fields, certificate)) return invalid("its DER is malformed");
  if (!readName(certificate.subject) || !readName(certificate.issuer))
    return invalid("a name in it is malformed");
  certificate.der = copy(der);
  return certificate;
}

base::Result<PublicKey> keyOf(const Certificate& certificate) {
  DerReader outer(certificate.der);
  DerReader whole = outer.enter(kSequence);
  DerReader fields = whole.enter(kSequence);
  if (fields.next(contextTag(0))) fields.any();
  fields.value(kInteger);
  for (int passed = 0; passed < 4; ++passed) fields.element(kSequence);  // up to the subject
  return PublicKey::parse(fields.element(kSequence));
}

base::Result<std::vector<Certificate>> parsePemCertificates(std::string_view text) {
  if (text.size() > kPemText) return invalid("the text is too long");
  const auto blocks = pemBlocks(text, {"CERTIFICATE"}, kPemMost);
  if (!blocks) return invalid("a PEM block is damaged, or there are more than 16");
  if (blocks->empty()) return invalid("there is no PEM block CERTIFICATE");
  std::vector<Certificate> certificates;
  for (const base::Bytes& block : *blocks) {
    auto certificate = parseCertificate(block);
    if (!certificate) return std::move(certificate).error();
    certificates.push_back(*std::move(certificate));
  }
  return certificates;
}

}  // namespace kms::pki
