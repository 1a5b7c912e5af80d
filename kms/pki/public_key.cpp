#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

#include "kms/pki/der.h"
#include "kms/pki/digest.h"
#include "kms/pki/key.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

constexpr std::size_t kModulusLeast = 2048;  // bits
constexpr std::size_t kModulusMost = 8192;   // bits
constexpr std::size_t kExponentMost = 8;     // bytes: what OpenSSL takes with large moduli
constexpr std::size_t kEd25519Size = 32;     // bytes

struct Curve {
  std::string_view oid;
  const char* name;
  std::size_t field;  // bytes of a coordinate
};
constexpr Curve kCurves[] = {{oid::kP256, "P-256", 32}, {oid::kP384, "P-384", 48}, {oid::kP521, "P-521", 66}};

using Key = std::shared_ptr<EVP_PKEY>;
using Context = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

base::Error invalid(std::string what) {
  ERR_clear_error();
  return {base::Code::Invalid, std::move(what)};
}

std::size_t bitsOf(base::BytesView natural) {
  std::size_t bits = natural.size() * 8;
  for (unsigned top = natural.empty() ? 0x80U : std::to_integer<unsigned>(natural.front());
       (top & 0x80U) == 0; top <<= 1U)
    --bits;
  return bits;
}

bool odd(base::BytesView natural) {
  return !natural.empty() && (natural.back() & std::byte{1}) != std::byte{0};
}

// OpenSSL's parameters take numbers as the machine has them.
base::Bytes machineOrder(base::BytesView bigEndian) {
  base::Bytes bytes(bigEndian.begin(), bigEndian.end());
  std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

unsigned char* raw(base::Bytes& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

// A context serves one thread for all its keys: fetching one costs more than reading a key.
Key fromData(EVP_PKEY_CTX* context, OSSL_PARAM* parameters) {
  EVP_PKEY* made = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context) != 1 ||
      EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
    return {};
  return {made, EVP_PKEY_free};
}

Context contextOf(const char* type) {
  return {EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free};
}

base::Result<Key> readRsa(DerReader parameters, base::BytesView bits) {
  parameters.value(kNull);
  DerReader key(bits);
  DerReader inside = key.enter(kSequence);
  const auto modulus = inside.natural();
  const auto exponent = inside.natural();
  if (!parameters.done() || !inside.done() || !key.done()) return invalid("the RSA key is malformed");
  const std::size_t size = bitsOf(modulus);
  if (size < kModulusLeast || size > kModulusMost)
    return invalid("an RSA key must have 2048 to 8192 bits; this one has " + std::to_string(size));
  if (!odd(modulus)) return invalid("the RSA key's modulus is even");
  if (!odd(exponent) || exponent.size() > kExponentMost || bitsOf(exponent) < 2)
    return invalid("an RSA key's exponent must be odd, from 3 to 2^64; 65537 is usual");
  auto n = machineOrder(modulus);
  auto e = machineOrder(exponent);
  OSSL_PARAM data[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, raw(n), n.size()),
                       OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, raw(e), e.size()),
                       OSSL_PARAM_construct_end()};
  thread_local const Context context = contextOf("RSA");
  auto made = fromData(context.get(), data);
  if (!made) return invalid("the RSA key is malformed");
  return made;
}

// A key of the curve that has no point yet. Copying one costs a third of making one; each thread has its own.
EVP_PKEY* emptyKey(const Curve& curve) {
  thread_local std::array<Key, std::size(kCurves)> keys;
  Key& key = keys.at(static_cast<std::size_t>(&curve - kCurves));
  if (key) return key.get();
  const Context context = contextOf("EC");
  EVP_PKEY* made = nullptr;
  if (context && EVP_PKEY_paramgen_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_group_name(context.get(), curve.name) == 1)
    EVP_PKEY_paramgen(context.get(), &made);
  key.reset(made, EVP_PKEY_free);
  return key.get();
}

base::Result<Key> readEc(DerReader parameters, base::BytesView bits) {
  if (!parameters.next(kOid))
    return invalid("an ECDSA key must name its curve; P-256, P-384 and P-521 are taken");
  const auto name = base::asText(parameters.value(kOid));
  const auto* const curve = std::find_if(std::begin(kCurves), std::end(kCurves),
                                         [&](const Curve& known) { return known.oid == name; });
  if (!parameters.done() || curve == std::end(kCurves))
    return invalid("the key's curve is not taken; use P-256, P-384 or P-521");
  if (bits.size() != 1 + 2 * curve->field || bits.front() != std::byte{4})
    return invalid("the ECDSA key is not an uncompressed point of its curve");
  EVP_PKEY* const empty = emptyKey(*curve);
  Key made(empty == nullptr ? nullptr : EVP_PKEY_dup(empty), EVP_PKEY_free);
  if (!made) return base::Error{base::Code::Internal, "OpenSSL does not know the key's curve"};
  if (EVP_PKEY_set1_encoded_public_key(made.get(), reinterpret_cast<const unsigned char*>(bits.data()),
                                       bits.size()) != 1)
    return invalid("the ECDSA key is not a point of its curve");
  return made;
}

// Under keys of these points, of an order of 8 or less, anybody can sign anything. Each is looked for in
// every form in which it is read; the sign is in the highest bit.
bool hasSmallOrder(base::BytesView point) {
  using namespace std::string_view_literals;
  constexpr std::string_view kEighths[] = {
      "\x26\xE8\x95\x8F\xC2\xB2\x27\xB0\x45\xC3\xF4\x89\xF2\xEF\x98\xF0"
      "\xD5\xDF\xAC\x05\xD3\xC6\x33\x39\xB1\x38\x02\x88\x6D\x53\xFC\x05"sv,
      "\xC7\x17\x6A\x70\x3D\x4D\xD8\x4F\xBA\x3C\x0B\x76\x0D\x10\x67\x0F"
      "\x2A\x20\x53\xFA\x2C\x39\xCC\xC6\x4E\xC7\xFD\x77\x92\xAC\x03\x7A"sv};
  base::Bytes y(point.begin(), point.end());
  y.back() &= std::byte{0x7F};
  if (base::asText(y) == kEighths[0] || base::asText(y) == kEighths[1]) return true;
  const auto between = [&](unsigned value) {
    return std::all_of(y.begin() + 1, y.end() - 1, [=](std::byte b) { return b == std::byte(value); });
  };
  const auto first = std::to_integer<unsigned>(y.front());
  if (between(0) && y.back() == std::byte{0}) return first <= 1;
  // p - 1; p and p + 1, which are read as 0 and 1 (p = 2^255 - 19)
  return between(0xFF) && y.back() == std::byte{0x7F} && first >= 0xEC && first <= 0xEE;
}

base::Result<Key> readEd25519(const DerReader& parameters, base::BytesView bits) {
  if (!parameters.done() || bits.size() != kEd25519Size) return invalid("the Ed25519 key is malformed");
  if (hasSmallOrder(bits)) return invalid("the Ed25519 key is one for which everybody can sign");
  base::Bytes point(bits.begin(), bits.end());
  OSSL_PARAM data[] = {OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, raw(point), point.size()),
                       OSSL_PARAM_construct_end()};
  thread_local const Context context = contextOf("ED25519");
  auto made = fromData(context.get(), data);
  if (!made) return invalid("the Ed25519 key is malformed");
  return made;
}

}  // namespace

base::Result<PublicKey> PublicKey::parse(base::BytesView spki) {
  DerReader outer(spki);
  DerReader fields = outer.enter(kSequence);
  DerReader algorithm = fields.enter(kSequence);
  const auto type = base::asText(algorithm.value(kOid));
  const auto bits = fields.bits();
  if (!outer.done() || !fields.done() || !algorithm.ok()) return invalid("the public key is malformed");
  PublicKey key;
  base::Result<Key> read = Key{};
  if (type == oid::kRsa) {
    read = readRsa(algorithm, bits);
    key.isRsa_ = true;
  } else if (type == oid::kEc) {
    read = readEc(algorithm, bits);
  } else if (type == oid::kEd25519) {
    read = readEd25519(algorithm, bits);
    key.canEncrypt_ = false;
  } else {
    return invalid("keys of this kind are not taken; use RSA, ECDSA (P-256, P-384, P-521) or Ed25519");
  }
  if (!read) return std::move(read).error();
  key.key_ = *std::move(read);
  key.spki_.assign(spki.begin(), spki.end());
  key.hash_ = sha256(spki);
  key.identifier_ = sha1(bits);
  return key;
}

}  // namespace kms::pki
