#include "kms/pki/private_key_der.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

#include "kms/keys/open_keys.h"
#include "kms/pki/der.h"
#include "kms/pki/oids.h"
#include "kms/tokens/guarded.h"

namespace kms::pki {
namespace {

using Context = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;
using SecretDer = DerWriter<SecretBytes>;

constexpr std::size_t kEd25519Size = 32;
constexpr std::size_t kNumberMost = 1024;  // bytes of an RSA number: 8192 bits
constexpr std::size_t kPointMost = 133;    // bytes of a public key of P-521
// In the order in which RSAPrivateKey has them (RFC 8017, appendix A.1.2).
constexpr const char* kRsaNumbers[] = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                       OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                       OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                       OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
constexpr std::size_t kRsaCount = std::size(kRsaNumbers);

struct Curve {
  KeyKind kind;
  std::string_view oid;
  const char* name;
  std::size_t size;  // bytes of the private number
};
constexpr Curve kCurves[] = {{KeyKind::EcdsaP256, oid::kP256, "P-256", 32},
                             {KeyKind::EcdsaP384, oid::kP384, "P-384", 48}};

const Curve* curveOf(KeyKind kind) {
  const auto* const found = std::find_if(std::begin(kCurves), std::end(kCurves),
                                         [&](const Curve& curve) { return curve.kind == kind; });
  return found == std::end(kCurves) ? nullptr : found;
}

base::Error internal() {
  ERR_clear_error();
  return {base::Code::Internal, "a key cannot be written: OpenSSL does not give its numbers"};
}
base::Error corrupt(const char* what) {
  ERR_clear_error();
  return {base::Code::Corrupt, std::string("a private key is damaged: ") + what};
}

// A number of the key, big-endian in all of `out`.
bool number(EVP_PKEY* key, const char* name, std::span<std::byte> out) {
  OSSL_PARAM wanted[] = {
      OSSL_PARAM_construct_BN(name, reinterpret_cast<unsigned char*>(out.data()), out.size()),
      OSSL_PARAM_construct_end()};
  if (EVP_PKEY_get_params(key, wanted) != 1 || wanted[0].return_size > out.size()) return false;
  const auto given = out.first(wanted[0].return_size);
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(given.size()), out.end(), std::byte{0});
  std::reverse(out.begin(), out.end());
  return true;
}

bool octets(EVP_PKEY* key, const char* name, std::span<std::byte> out, std::size_t& size) {
  return EVP_PKEY_get_octet_string_param(key, name, reinterpret_cast<unsigned char*>(out.data()), out.size(),
                                         &size) == 1;
}

template <class Writer>
void writeAlgorithm(Writer& der, KeyKind kind) {
  der.sequence([&] {
    if (const Curve* const curve = curveOf(kind)) {
      der.oid(oid::kEc);
      der.oid(curve->oid);
    } else if (kind == KeyKind::Ed25519) {
      der.oid(oid::kEd25519);
    } else {
      der.oid(oid::kRsa);
      der.null();
    }
  });
}

// The subjectPublicKey of a key that is not RSA's.
bool point(EVP_PKEY* key, base::Bytes& out) {
  out.resize(kPointMost);
  std::size_t size = 0;
  if (!octets(key, OSSL_PKEY_PARAM_PUB_KEY, out, size) || size > out.size()) return false;
  out.resize(size);
  return true;
}

bool writeRsa(EVP_PKEY* key, SecretDer& der) {
  bool good = true;
  SecretBytes value(kNumberMost);
  der.sequence([&] {
    der.small(0);
    for (const char* const name : kRsaNumbers) {
      good = good && number(key, name, value);
      der.natural(value);
    }
  });
  return good;
}

bool writeEc(EVP_PKEY* key, const Curve& curve, SecretDer& der) {
  SecretBytes value(curve.size);
  base::Bytes shown;
  if (!number(key, OSSL_PKEY_PARAM_PRIV_KEY, value) || !point(key, shown)) return false;
  der.sequence([&] {
    der.small(1);
    der.element(kOctetString, value);
    der.nest(contextTag(1), [&] { der.bits(shown); });
  });
  return true;
}

bool writeEd25519(EVP_PKEY* key, SecretDer& der) {
  SecretBytes value(kEd25519Size);
  std::size_t size = value.size();
  if (EVP_PKEY_get_raw_private_key(key, reinterpret_cast<unsigned char*>(value.data()), &size) != 1 ||
      size != value.size())
    return false;
  der.element(kOctetString, value);
  return true;
}

base::Result<EVP_PKEY*> fromData(const char* type, OSSL_PARAM* parameters) {
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* made = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters) != 1)
    return corrupt("its numbers make no key");
  return made;
}

unsigned char* raw(std::span<std::byte> bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

base::Result<EVP_PKEY*> readRsa(base::BytesView key, KeyKind& kind) {
  DerReader outer(key);
  DerReader fields = outer.enter(kSequence);
  if (fields.small() != 0) fields.fail();
  std::array<SecretBytes, kRsaCount> numbers;
  std::array<OSSL_PARAM, kRsaCount + 1> parameters{};
  for (std::size_t i = 0; i < kRsaCount; ++i) {
    const auto value = fields.natural();
    numbers[i].assign(value.rbegin(), value.rend());
    parameters[i] = OSSL_PARAM_construct_BN(kRsaNumbers[i], raw(numbers[i]), numbers[i].size());
    if (value.empty() || value.size() > kNumberMost) fields.fail();
  }
  parameters[kRsaCount] = OSSL_PARAM_construct_end();
  if (!outer.done() || !fields.done()) return corrupt("no RSA key");
  switch (numbers[0].size() * 8) {
    case 2048:
      kind = KeyKind::Rsa2048;
      break;
    case 3072:
      kind = KeyKind::Rsa3072;
      break;
    case 4096:
      kind = KeyKind::Rsa4096;
      break;
    default:
      return corrupt("its RSA modulus is of another size");
  }
  return fromData("RSA", parameters.data());
}

base::Result<EVP_PKEY*> readEc(base::BytesView key, const Curve& curve) {
  DerReader outer(key);
  DerReader fields = outer.enter(kSequence);
  if (fields.small() != 1) fields.fail();
  const auto secret = fields.value(kOctetString);
  if (fields.next(contextTag(0))) fields.value(contextTag(0));  // the curve again
  DerReader tagged = fields.enter(contextTag(1));
  const auto shown = tagged.bits();
  if (!outer.done() || !fields.done() || !tagged.done() || secret.size() != curve.size)
    return corrupt("no ECDSA key with its public key");
  SecretBytes value(secret.rbegin(), secret.rend());
  base::Bytes at(shown.begin(), shown.end());
  std::string group(curve.name);
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, raw(at), at.size()),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, raw(value), value.size()),
      OSSL_PARAM_construct_end()};
  auto made = fromData("EC", parameters);
  if (!made) return made;
  const Context check(EVP_PKEY_CTX_new_from_pkey(nullptr, *made, nullptr), EVP_PKEY_CTX_free);
  if (!check || EVP_PKEY_pairwise_check(check.get()) != 1) {
    EVP_PKEY_free(*made);
    return corrupt("its public key is another's");
  }
  return made;
}

base::Result<EVP_PKEY*> readEd25519(base::BytesView key) {
  DerReader outer(key);
  const auto secret = outer.value(kOctetString);
  if (!outer.done() || secret.size() != kEd25519Size) return corrupt("no Ed25519 key");
  SecretBytes value(secret.begin(), secret.end());
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, raw(value), value.size()),
      OSSL_PARAM_construct_end()};
  return fromData("ED25519", parameters);
}

}  // namespace

base::Result<base::Bytes> encodePublicKey(evp_pkey_st* key, KeyKind kind) {
  base::Bytes bits;
  if (curveOf(kind) != nullptr || kind == KeyKind::Ed25519) {
    if (!point(key, bits)) return internal();
  } else {
    base::Bytes modulus(kNumberMost);
    base::Bytes exponent(kNumberMost);
    if (!number(key, OSSL_PKEY_PARAM_RSA_N, modulus) || !number(key, OSSL_PKEY_PARAM_RSA_E, exponent))
      return internal();
    Der der;
    der.sequence([&] {
      der.natural(modulus);
      der.natural(exponent);
    });
    bits = std::move(der).take();
  }
  Der der;
  der.sequence([&] {
    writeAlgorithm(der, kind);
    der.bits(bits);
  });
  return std::move(der).take();
}

base::Result<base::SecretBuffer> writePkcs8(evp_pkey_st* key, KeyKind kind) {
  return guarded([&]() -> base::Result<base::SecretBuffer> {
    bool good = true;
    SecretDer der;
    der.sequence([&] {
      der.small(0);
      writeAlgorithm(der, kind);
      der.nest(kOctetString, [&] {
        if (const Curve* const curve = curveOf(kind))
          good = writeEc(key, *curve, der);
        else
          good = kind == KeyKind::Ed25519 ? writeEd25519(key, der) : writeRsa(key, der);
      });
    });
    if (!good) return internal();
    return base::SecretBuffer::copyOf(der.view());
  });
}

base::Result<evp_pkey_st*> readPkcs8(base::BytesView der, KeyKind& kind) {
  return guarded([&]() -> base::Result<evp_pkey_st*> {
    DerReader outer(der);
    DerReader fields = outer.enter(kSequence);
    if (fields.small() > 1) fields.fail();
    DerReader algorithm = fields.enter(kSequence);
    const auto type = base::asText(algorithm.value(kOid));
    const auto key = fields.value(kOctetString);
    if (fields.next(contextTag(0))) fields.value(contextTag(0));                // attributes
    if (fields.next(contextTag(1, false))) fields.value(contextTag(1, false));  // the public key
    if (!outer.done() || !fields.done() || !algorithm.ok()) return corrupt("no PKCS#8");
    if (type == oid::kRsa) return readRsa(key, kind);
    if (type == oid::kEd25519) {
      kind = KeyKind::Ed25519;
      return readEd25519(key);
    }
    const auto name = type == oid::kEc ? base::asText(algorithm.value(kOid)) : std::string_view();
    for (const Curve& curve : kCurves) {
      if (curve.oid != name) continue;
      kind = curve.kind;
      return readEc(key, curve);
    }
    return corrupt("its kind is none of ours");
  });
}

}  // namespace kms::pki
