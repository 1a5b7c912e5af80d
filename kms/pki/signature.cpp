// Signing and checking signatures, for PublicKey and PrivateKey.
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>

#include "kms/pki/der.h"
#include "kms/pki/key.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

using namespace std::string_view_literals;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

struct Algorithm {
  std::string_view oid;
  int key;             // EVP_PKEY_RSA...
  const char* digest;  // null: the algorithm has none beside it
};
constexpr Algorithm kAlgorithms[] = {
    {oid::kEcdsaSha256, EVP_PKEY_EC, "SHA256"}, {oid::kEcdsaSha384, EVP_PKEY_EC, "SHA384"},
    {oid::kEcdsaSha512, EVP_PKEY_EC, "SHA512"}, {oid::kRsaSha256, EVP_PKEY_RSA, "SHA256"},
    {oid::kRsaSha384, EVP_PKEY_RSA, "SHA384"},  {oid::kRsaSha512, EVP_PKEY_RSA, "SHA512"},
    {oid::kEd25519, EVP_PKEY_ED25519, nullptr}};

const unsigned char* in(base::BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

base::Error failed(base::Code code, std::string what) {
  ERR_clear_error();
  return {code, std::move(what)};
}

const Algorithm* find(base::BytesView der) {
  DerReader outer(der);
  DerReader fields = outer.enter(kSequence);
  const auto name = base::asText(fields.value(kOid));
  const auto* const found = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                         [&](const Algorithm& known) { return known.oid == name; });
  if (found == std::end(kAlgorithms)) return nullptr;
  if (found->key == EVP_PKEY_RSA && fields.more()) fields.value(kNull);  // RFC 4055, section 5: also absent
  return fields.done() && outer.done() ? found : nullptr;
}

// DER of each AlgorithmIdentifier that we sign with.
constexpr auto kEcdsaSha256 = "\x30\x0A\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x02"sv;
constexpr auto kEcdsaSha384 = "\x30\x0A\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x03"sv;
constexpr auto kRsaSha256 = "\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B\x05\x00"sv;
constexpr auto kEd25519 = "\x30\x05\x06\x03\x2B\x65\x70"sv;

const char* digestOf(KeyKind kind) {
  if (kind == KeyKind::Ed25519) return nullptr;
  return kind == KeyKind::EcdsaP384 ? "SHA384" : "SHA256";
}

}  // namespace

base::Result<void> PublicKey::verify(base::BytesView algorithm, base::BytesView data,
                                     base::BytesView signature) const {
  const Algorithm* const known = find(algorithm);
  if (known == nullptr)
    return failed(
        base::Code::Invalid,
        "signatures of this algorithm are not taken; sign with SHA-256, SHA-384 or SHA-512 (ECDSA or "
        "RSA PKCS#1 v1.5), or with Ed25519");
  if (EVP_PKEY_get_base_id(raw()) != known->key)
    return failed(base::Code::Invalid, "the signature's algorithm is not the key's");
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context ||
      EVP_DigestVerifyInit_ex(context.get(), nullptr, known->digest, nullptr, nullptr, raw(), nullptr) != 1)
    return failed(base::Code::Internal, "cannot check a signature: OpenSSL has refused the key");
  if (EVP_DigestVerify(context.get(), in(signature), signature.size(), in(data), data.size()) != 1)
    return failed(base::Code::Invalid, "the signature is not that of the key");
  return {};
}

base::BytesView PrivateKey::algorithm() const noexcept {
  switch (kind_) {
    case KeyKind::EcdsaP256:
      return base::asBytes(kEcdsaSha256);
    case KeyKind::EcdsaP384:
      return base::asBytes(kEcdsaSha384);
    case KeyKind::Ed25519:
      return base::asBytes(kEd25519);
    case KeyKind::Rsa2048:
    case KeyKind::Rsa3072:
    case KeyKind::Rsa4096:
      break;
  }
  return base::asBytes(kRsaSha256);
}

base::Result<base::Bytes> PrivateKey::sign(base::BytesView data) const {
  const auto most = EVP_PKEY_get_size(raw());
  base::Bytes signature(static_cast<std::size_t>(std::max(most, 0)));
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context ||
      EVP_DigestSignInit_ex(context.get(), nullptr, digestOf(kind_), nullptr, nullptr, raw(), nullptr) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, in(data),
                     data.size()) != 1)
    return failed(base::Code::Internal, "signing failed in OpenSSL");
  signature.resize(size);
  return signature;
}

}  // namespace kms::pki
