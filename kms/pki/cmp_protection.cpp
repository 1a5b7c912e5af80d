#include "kms/pki/cmp_protection.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <memory>

#include "kms/pki/cmp_oids.h"

namespace kms::pki {
namespace {

constexpr std::size_t kSaltLeast = 8;  // bytes
constexpr std::size_t kSaltMost = 64;

struct Known {
  std::string_view oid;
  const char* digest;
};
constexpr Known kOwfs[] = {
    {oid::kSha1, "SHA1"}, {oid::kSha256, "SHA256"}, {oid::kSha384, "SHA384"}, {oid::kSha512, "SHA512"}};
constexpr Known kMacs[] = {{oid::kHmacSha1Ipsec, "SHA1"},
                           {oid::kHmacSha1, "SHA1"},
                           {oid::kHmacSha256, "SHA256"},
                           {oid::kHmacSha384, "SHA384"},
                           {oid::kHmacSha512, "SHA512"}};

base::Error invalid(const char* what) { return {base::Code::Invalid, what}; }
base::Error failed() {
  ERR_clear_error();
  return {base::Code::Internal, "OpenSSL has refused a digest"};
}

const unsigned char* in(base::BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// The digest of an AlgorithmIdentifier whose parameters are NULL or missing; null where it is not known.
template <std::size_t N>
const char* digestIn(const Known (&known)[N], base::BytesView algorithm) {
  DerReader outer(algorithm);
  DerReader fields = outer.enter(kSequence);
  const auto name = base::asText(fields.value(kOid));
  if (fields.more()) fields.value(kNull);
  if (!fields.done() || !outer.done()) return nullptr;
  const auto* const found =
      std::find_if(std::begin(known), std::end(known), [&](const Known& one) { return one.oid == name; });
  return found == std::end(known) ? nullptr : found->digest;
}

}  // namespace

bool isPbm(base::BytesView algorithm) noexcept {
  DerReader outer(algorithm);
  return base::asText(outer.enter(kSequence).value(kOid)) == oid::kPasswordBasedMac;
}

base::Result<Pbm> parsePbm(base::BytesView algorithm) {
  DerReader outer(algorithm);
  DerReader fields = outer.enter(kSequence);
  fields.value(kOid);
  DerReader parameters = fields.enter(kSequence);
  Pbm pbm;
  pbm.salt = parameters.value(kOctetString);
  pbm.owf = parameters.element(kSequence);
  pbm.iterations = parameters.small();
  pbm.mac = parameters.element(kSequence);
  if (!outer.done() || !fields.done() || !parameters.done())
    return invalid("the parameters of PasswordBasedMac are malformed");
  pbm.owfDigest = digestIn(kOwfs, pbm.owf);
  pbm.macDigest = digestIn(kMacs, pbm.mac);
  if (pbm.owfDigest == nullptr || pbm.macDigest == nullptr)
    return invalid("PasswordBasedMac is taken with SHA-1, SHA-256, SHA-384 or SHA-512 only");
  if (pbm.iterations < kLeastIterations || pbm.iterations > kMostIterations)
    return invalid("PasswordBasedMac is taken with 100 to 100,000 iterations only");
  if (pbm.salt.size() < kSaltLeast || pbm.salt.size() > kSaltMost)
    return invalid("PasswordBasedMac is taken with a salt of 8 to 64 bytes only");
  return pbm;
}

base::Bytes writePbm(const Pbm& pbm, base::BytesView salt) {
  Der der;
  der.sequence([&] {
    der.oid(oid::kPasswordBasedMac);
    der.sequence([&] {
      der.element(kOctetString, salt);
      der.raw(pbm.owf);
      der.small(pbm.iterations);
      der.raw(pbm.mac);
    });
  });
  return std::move(der).take();
}

base::Result<SecretBytes> pbmKey(const Pbm& pbm, base::BytesView salt, std::string_view secret) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> digest(EVP_MD_fetch(nullptr, pbm.owfDigest, nullptr),
                                                               EVP_MD_free);
  SecretBytes key(EVP_MAX_MD_SIZE);
  auto* const out = reinterpret_cast<unsigned char*>(key.data());
  unsigned size = 0;
  if (!context || !digest || EVP_DigestInit_ex2(context.get(), digest.get(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), secret.data(), secret.size()) != 1 ||
      EVP_DigestUpdate(context.get(), salt.data(), salt.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out, &size) != 1)
    return failed();
  for (std::uint64_t i = 1; i < pbm.iterations; ++i)
    if (EVP_DigestInit_ex2(context.get(), nullptr, nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), out, size) != 1 || EVP_DigestFinal_ex(context.get(), out, &size) != 1)
      return failed();
  key.resize(size);
  return key;
}

base::Result<base::Bytes> hmac(const char* digest, base::BytesView key, base::BytesView data) {
  base::Bytes mac(EVP_MAX_MD_SIZE);
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, digest, nullptr, key.data(), key.size(), in(data), data.size(),
                reinterpret_cast<unsigned char*>(mac.data()), mac.size(), &size) == nullptr)
    return failed();
  mac.resize(size);
  return mac;
}

base::Result<base::Bytes> digestOf(const char* digest, base::BytesView data) {
  base::Bytes hash(EVP_MAX_MD_SIZE);
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, digest, nullptr, data.data(), data.size(),
                   reinterpret_cast<unsigned char*>(hash.data()), &size) != 1)
    return failed();
  hash.resize(size);
  return hash;
}

base::BytesView signerOf(const CmpMessage& message) {
  if (message.senderKid.empty()) return {};
  for (const auto der : message.extraCerts) {
    const auto certificate = parseCertificate(der);
    if (certificate && std::ranges::equal(certificate->keyIdentifier, message.senderKid)) return der;
  }
  return {};
}

base::Result<void> checkSignature(const CmpMessage& message, base::BytesView certificate) {
  DerReader outer(certificate);
  DerReader whole = outer.enter(kSequence);
  DerReader fields = whole.enter(kSequence);
  if (fields.next(contextTag(0))) fields.any();  // version
  fields.value(kInteger);
  for (int i = 0; i < 4; ++i) fields.value(kSequence);  // signature, issuer, validity, subject
  const auto key = PublicKey::parse(fields.element(kSequence));
  if (!key) return key.error();
  return key->verify(message.algorithm, cmpProtectedPart(message.header, message.body), message.protection);
}

}  // namespace kms::pki
