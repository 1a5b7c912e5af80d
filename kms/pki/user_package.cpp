#include "kms/pki/user_package.h"

#include <algorithm>

#include "hal/base/utf8.h"
#include "kms/keys/crypto.h"
#include "kms/pki/row_fields.h"
#include "kms/pki/secret_writer.h"

namespace kms::pki {
namespace {

using namespace std::string_view_literals;
using base::Result;

constexpr auto kDocument = "KDMOVE\0\1"sv;
constexpr auto kPackage = "KDUSER\0\1"sv;
constexpr auto kReceipt = "KDTAKEN\1"sv;
constexpr auto kSigned = "keydisk/1/user-package\n"sv;  // what a signature is made over begins with it
constexpr std::size_t kTextMost = 1024;                 // bytes
constexpr std::size_t kDnsMost = 64;
constexpr std::size_t kKeyMost = 8 * 1024;    // bytes of PKCS#8
constexpr std::size_t kSignatureMost = 1024;  // bytes, of an RSA key of 8192 bits

base::Error invalid(const char* what) { return {base::Code::Invalid, what}; }

template <class Array>
void takeInto(base::ByteReader& in, Array& out) {
  const auto bytes = in.raw(out.size());
  std::copy(bytes.begin(), bytes.end(), out.begin());
}

base::Bytes takeField(base::ByteReader& in, std::size_t most) {
  const auto bytes = in.field(most);
  return {bytes.begin(), bytes.end()};
}

bool isText(const std::string& text) { return text.size() <= kTextMost; }

bool fits(const User& user) {
  return isText(user.name) && isText(user.mail) && isText(user.commonName) && user.dns.size() <= kDnsMost &&
         std::ranges::all_of(user.dns, isText);
}

// Nothing is taken that would be written otherwise.
bool takeInstant(base::ByteReader& in, base::Time& out) {
  const base::BytesView bytes = in.raw(8);
  if (bytes.size() != 8) return false;
  base::ByteReader again(bytes);
  out = takeTime(again);
  return in.ok() && out == base::Time(std::chrono::seconds(static_cast<std::int64_t>(base::loadLe64(bytes))));
}

bool goodItem(const MovedCertificate& one) {
  return one.profile >= Profile::Signing && one.profile <= Profile::Server &&
         one.state >= CertificateState::Active && one.state <= CertificateState::Held &&
         one.reason <= RevocationReason::PrivilegeWithdrawn && static_cast<std::uint8_t>(one.reason) != 7 &&
         !one.der.empty();
}

Result<MovedCertificate> takeItem(base::ByteReader& in) {
  MovedCertificate one;
  one.profile = static_cast<Profile>(in.u8());
  one.state = static_cast<CertificateState>(in.u8());
  one.reason = static_cast<RevocationReason>(in.u8());
  const bool inRange = takeInstant(in, one.issued) && takeInstant(in, one.revokedAt);
  one.der = takeField(in, kMostDer);
  const auto key = in.field(kKeyMost);
  if (!in.ok() || !inRange || !goodItem(one))
    return invalid("a certificate in the user's document has a wrong form");
  if (key.empty()) return one;
  auto copy = base::SecretBuffer::copyOf(key);
  if (!copy) return std::move(copy).error();
  one.key = *std::move(copy);
  return one;
}

base::Bytes headOf(const UserPackage& package) {
  base::ByteWriter out;
  out.raw(base::asBytes(kPackage));
  out.raw(package.id);
  out.raw(package.recipient);
  out.field(package.source);
  out.field(package.envelope);
  return std::move(out).take();
}

base::Bytes signedPart(const UserPackage& package) {
  base::ByteWriter out;
  out.raw(base::asBytes(kSigned));
  out.raw(headOf(package));
  return std::move(out).take();
}

base::Bytes receiptHead(const MoveReceipt& receipt) {
  base::ByteWriter out;
  out.raw(base::asBytes(kReceipt));
  out.raw(receipt.id);
  out.raw(receipt.recipient);
  out.field(receipt.name);
  return std::move(out).take();
}

}  // namespace

std::size_t itemSize(const MovedCertificate& one) { return one.der.size() + one.key.size() + 32; }

std::size_t documentSize(const MoveDocument& document) {
  std::size_t size = 512 + document.user.name.size() + document.user.mail.size();
  for (const std::string& name : document.user.dns) size += name.size() + 4;
  for (const MovedCertificate& one : document.certificates) size += itemSize(one);
  return size + document.user.commonName.size();
}

Result<SecretBytes> encodeDocument(const MoveDocument& document) {
  const std::size_t size = documentSize(document);
  if (size > kDocumentMost || document.certificates.size() > kMovedMost)
    return invalid("a certificate and the names of this user are more than one package takes");
  if (!fits(document.user)) return invalid("this user's names are too long for a package");
  SecretWriter out(size);
  const auto raw = [&out](base::BytesView bytes) {
    for (const std::byte one : bytes) out.u8(std::to_integer<std::uint8_t>(one));
  };
  raw(base::asBytes(kDocument));
  raw(document.id);
  raw(document.recipient);
  raw(document.source);
  raw(document.claim);
  raw(document.origin);
  raw(document.after);
  out.u8(document.last ? 1 : 0);
  out.u8(static_cast<std::uint8_t>(document.user.role));
  for (const std::string* text : {&document.user.name, &document.user.mail, &document.user.commonName})
    out.field(base::asBytes(*text));
  out.u8(static_cast<std::uint8_t>(document.user.dns.size()));
  for (const std::string& name : document.user.dns) out.field(base::asBytes(name));
  out.integer(document.certificates.size(), 2);
  for (const MovedCertificate& one : document.certificates) {
    out.u8(static_cast<std::uint8_t>(one.profile));
    out.u8(static_cast<std::uint8_t>(one.state));
    out.u8(static_cast<std::uint8_t>(one.reason));
    out.i64(one.issued.time_since_epoch().count());
    out.i64(one.revokedAt.time_since_epoch().count());
    out.field(one.der);
    out.field(one.key.bytes());
  }
  return std::move(out).take();
}

Result<MoveDocument> decodeDocument(base::BytesView plain) {
  if (plain.size() > kDocumentMost) return invalid("the user's document is too long");
  base::ByteReader in(plain);
  MoveDocument out;
  if (base::asText(in.raw(kDocument.size())) != kDocument)
    return invalid("this is no user's document of a version that is known here");
  takeInto(in, out.id);
  takeInto(in, out.recipient);
  takeInto(in, out.source);
  takeInto(in, out.claim);
  takeInto(in, out.origin);
  takeInto(in, out.after);
  const unsigned last = in.u8();
  out.last = last == 1;
  out.user.role = static_cast<Role>(in.u8());
  out.user.name = in.text(kTextMost);
  out.user.mail = in.text(kTextMost);
  out.user.commonName = in.text(kTextMost);
  const unsigned dns = in.u8();
  for (unsigned i = 0; i < dns && in.ok(); ++i) out.user.dns.push_back(in.text(kTextMost));
  const unsigned count = in.u16();
  if (!in.ok() || last > 1 || dns > kDnsMost || count > kMovedMost || out.user.role < Role::User ||
      out.user.role > Role::Admin || out.user.name.empty())
    return invalid("the user's document has a wrong form");
  for (unsigned i = 0; i < count; ++i) {
    auto one = takeItem(in);
    if (!one) return std::move(one).error();
    out.certificates.push_back(*std::move(one));
  }
  if (!in.atEnd()) return invalid("the user's document has a wrong length");
  return out;
}

base::Bytes encodePackage(const UserPackage& package) {
  base::ByteWriter out;
  out.raw(headOf(package));
  out.field(package.algorithm);
  out.field(package.signature);
  return std::move(out).take();
}

Result<UserPackage> decodePackage(base::BytesView file) {
  base::ByteReader in(file.first(std::min(file.size(), kPackageMost + 1)));
  UserPackage out;
  if (base::asText(in.raw(kPackage.size())) != kPackage)
    return invalid("this is no user's package of a version that is known here");
  takeInto(in, out.id);
  takeInto(in, out.recipient);
  out.source = takeField(in, kMostDer);
  out.envelope = takeField(in, kPackageMost);
  out.algorithm = takeField(in, kSignatureMost);
  out.signature = takeField(in, kSignatureMost);
  if (!in.atEnd() || file.size() > kPackageMost || out.source.empty() || out.envelope.empty() ||
      out.algorithm.empty() || out.signature.empty())
    return invalid("the user's package is cut, longer than it says, or altered");
  return out;
}

Result<void> signPackage(UserPackage& package, const PrivateKey& key) {
  auto signature = key.sign(signedPart(package));
  if (!signature) return std::move(signature).error();
  package.algorithm.assign(key.algorithm().begin(), key.algorithm().end());
  package.signature = *std::move(signature);
  return {};
}

Result<void> verifyPackage(const UserPackage& package) {
  auto certificate = parseCertificate(package.source);
  if (!certificate || !certificate->authority || certificate->der != package.source)
    return invalid("the user's package names no authority that has signed it");
  auto key = keyOf(*certificate);
  if (!key) return std::move(key).error();
  if (!key->verify(package.algorithm, signedPart(package), package.signature))
    return invalid("the user's package is altered: the signature of its authority does not fit");
  return {};
}

base::Bytes encodeReceipt(const MoveReceipt& receipt) {
  base::ByteWriter out;
  out.raw(receiptHead(receipt));
  out.raw(receipt.mac);
  return std::move(out).take();
}

Result<MoveReceipt> decodeReceipt(base::BytesView bytes) {
  base::ByteReader in(bytes);
  MoveReceipt out;
  const bool known = base::asText(in.raw(kReceipt.size())) == kReceipt;
  takeInto(in, out.id);
  takeInto(in, out.recipient);
  out.name = in.text(kTextMost);
  takeInto(in, out.mac);
  // The name is shown before any server has looked at the receipt.
  const bool shown = base::validUtf8(out.name) && !base::hasControl(out.name);
  if (!known || !in.atEnd() || bytes.size() > kReceiptMost || out.name.empty() || !shown)
    return invalid("this is no receipt of a user's import, or it is cut or altered");
  return out;
}

Result<std::array<std::byte, 32>> receiptMac(const MoveReceipt& receipt, const MoveClaim& claim) {
  auto mac = Hmac::create(claim);
  if (!mac) return std::move(mac).error();
  return mac->compute(receiptHead(receipt));
}

}  // namespace kms::pki
