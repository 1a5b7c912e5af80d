#include "kms/pki/bundle.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "hal/base/rng.h"
#include "hal/base/utf8.h"
#include "kms/keys/crypto.h"
#include "kms/keys/open_keys.h"
#include "kms/pki/der.h"
#include "kms/pki/oids.h"
#include "kms/tokens/guarded.h"

namespace kms::pki {
namespace {

// A typed password takes this long to try, and no program that we know of refuses as many.
constexpr unsigned kIterations = 100'000;
constexpr std::size_t kSalt = 16;            // bytes
constexpr std::size_t kBlock = 16;           // bytes of AES
constexpr std::size_t kPasswordMost = 1024;  // bytes
constexpr std::size_t kEntriesMost = 10'000;
constexpr int kMacKey = 3;  // the use of a derived key, RFC 7292, appendix B.3

using Salt = std::array<std::byte, kSalt>;

unsigned char* raw(std::span<std::byte> bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

base::Error invalid(const char* what) { return {base::Code::Invalid, what}; }
base::Error internal(const char* what) {
  ERR_clear_error();
  return {base::Code::Internal, what};
}

// UTF-16, big-endian, as BMPStrings are. REQUIRES: validUtf8(text).
template <class Out>
Out utf16(std::string_view text) {
  Out out;
  const auto unit = [&](unsigned value) {
    out.push_back(static_cast<std::byte>(value >> 8U));
    out.push_back(static_cast<std::byte>(value));
  };
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    const unsigned more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    unsigned value = more == 0 ? lead : lead & (0x3FU >> more);
    for (unsigned j = 0; j < more; ++j) value = value << 6U | (static_cast<unsigned char>(text[i++]) & 0x3FU);
    if (value < 0x10000) {
      unit(value);
    } else {
      unit(0xD800U + ((value - 0x10000U) >> 10U));
      unit(0xDC00U + ((value - 0x10000U) & 0x3FFU));
    }
  }
  return out;
}

bool derive(const char* algorithm, std::span<std::byte> password, Salt& salt, SecretBytes& key) {
  unsigned iterations = kIterations;
  int use = kMacKey;
  char digest[] = "SHA256";
  const bool mac = std::string_view(algorithm) == "PKCS12KDF";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, raw(password), password.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, raw(salt), salt.size()),
      OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iterations),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      mac ? OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS12_ID, &use) : OSSL_PARAM_construct_end(),
      OSSL_PARAM_construct_end()};
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, algorithm, nullptr),
                                                              EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr, EVP_KDF_CTX_free);
  return context && EVP_KDF_derive(context.get(), raw(key), key.size(), parameters) == 1;
}

// Encrypts under one key of the password; each piece has an initialisation vector of its own.
class Shroud {
 public:
  static base::Result<Shroud> create(std::string_view password) {
    Shroud shroud;
    base::systemRng().fill(shroud.salt_);
    const auto bytes = base::asBytes(password);
    SecretBytes typed(bytes.begin(), bytes.end());
    if (!derive("PBKDF2", typed, shroud.salt_, shroud.key_)) return internal("OpenSSL's PBKDF2 failed");
    return shroud;
  }

  struct Sealed {
    std::array<std::byte, kBlock> vector{};
    base::Bytes content;
  };
  base::Result<Sealed> seal(base::BytesView plain) {
    Sealed sealed;
    base::systemRng().fill(sealed.vector);
    sealed.content.resize(plain.size() + kBlock);
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  EVP_CIPHER_CTX_free);
    int wrote = 0;
    int last = 0;
    if (!context ||
        EVP_EncryptInit_ex(context.get(), EVP_aes_256_cbc(), nullptr, raw(key_), raw(sealed.vector)) != 1 ||
        EVP_EncryptUpdate(context.get(), raw(sealed.content), &wrote,
                          reinterpret_cast<const unsigned char*>(plain.data()),
                          static_cast<int>(plain.size())) != 1 ||
        EVP_EncryptFinal_ex(context.get(), raw(sealed.content) + wrote, &last) != 1)
      return internal("OpenSSL's AES failed");
    sealed.content.resize(static_cast<std::size_t>(wrote) + static_cast<std::size_t>(last));
    return sealed;
  }

  // AlgorithmIdentifier of PBES2 (RFC 8018, appendix A.4).
  void writeAlgorithm(Der& der, const Sealed& sealed) const {
    der.sequence([&] {
      der.oid(oid::kPbes2);
      der.sequence([&] {
        der.sequence([&] {
          der.oid(oid::kPbkdf2);
          der.sequence([&] {
            der.element(kOctetString, salt_);
            der.small(kIterations);
            der.sequence([&] {
              der.oid(oid::kHmacSha256);
              der.null();
            });
          });
        });
        der.sequence([&] {
          der.oid(oid::kAes256Cbc);
          der.element(kOctetString, sealed.vector);
        });
      });
    });
  }

 private:
  Salt salt_{};
  SecretBytes key_ = SecretBytes(kKeySize);
};

// A SafeBag; `id` joins a key and its certificate.
template <class Write>
void writeBag(Der& der, std::string_view type, std::string_view name, base::BytesView id, Write write) {
  const auto attribute = [&](std::string_view what, std::uint8_t tag, base::BytesView value) {
    if (value.empty()) return;
    der.sequence([&] {
      der.oid(what);
      der.nest(kSet, [&] { der.element(tag, value); });
    });
  };
  der.sequence([&] {
    der.oid(type);
    der.nest(contextTag(0), write);
    if (name.empty() && id.empty()) return;
    der.nest(kSet, [&] {
      attribute(oid::kFriendlyName, kBmpString, utf16<base::Bytes>(name));
      attribute(oid::kLocalKeyId, kOctetString, id);
    });
  });
}

void writeCertificate(Der& der, base::BytesView certificate, std::string_view name, base::BytesView id) {
  writeBag(der, oid::kCertificateBag, name, id, [&] {
    der.sequence([&] {
      der.oid(oid::kX509Certificate);
      der.nest(contextTag(0), [&] { der.element(kOctetString, certificate); });
    });
  });
}

struct Pair {
  const BundleEntry* entry;
  PublicKey key;
};

base::Result<std::vector<Pair>> checkEntries(const std::vector<BundleEntry>& entries) {
  if (entries.empty() || entries.size() > kEntriesMost) return invalid("a PKCS#12 holds 1 to 10000 keys");
  std::vector<Pair> pairs;
  for (const BundleEntry& entry : entries) {
    const auto certificate = parseCertificate(entry.certificate);
    if (!certificate) return certificate.error();
    const auto key = PrivateKey::parse(entry.key);
    if (!key) return invalid("a private key for the PKCS#12 is damaged, or of a kind that is not known");
    if (key->publicKey().hash() != certificate->key)
      return invalid("a private key for the PKCS#12 is not that of its certificate");
    if (!base::validUtf8(entry.name)) return invalid("a name in a PKCS#12 must be valid UTF-8");
    pairs.push_back({&entry, key->publicKey()});
  }
  return pairs;
}

// AuthenticatedSafe: the certificates, encrypted as a whole, and the keys, each encrypted.
base::Result<base::Bytes> writeSafe(const std::vector<Pair>& pairs, const std::vector<base::Bytes>& chain,
                                    Shroud& shroud) {
  Der bags;
  bags.sequence([&] {
    for (const Pair& pair : pairs)
      writeCertificate(bags, pair.entry->certificate, pair.entry->name, pair.key.identifier());
    for (const base::Bytes& above : chain) writeCertificate(bags, above, {}, {});
  });
  const auto certificates = shroud.seal(bags.view());
  if (!certificates) return certificates.error();
  std::vector<Shroud::Sealed> keys;
  for (const Pair& pair : pairs) {
    auto sealed = shroud.seal(pair.entry->key);
    if (!sealed) return std::move(sealed).error();
    keys.push_back(*std::move(sealed));
  }
  Der der;
  der.sequence([&] {
    der.sequence([&] {
      der.oid(oid::kEncryptedData);
      der.nest(contextTag(0), [&] {
        der.sequence([&] {
          der.small(0);
          der.sequence([&] {
            der.oid(oid::kData);
            shroud.writeAlgorithm(der, *certificates);
            der.element(contextTag(0, false), certificates->content);
          });
        });
      });
    });
    der.sequence([&] {
      der.oid(oid::kData);
      der.nest(contextTag(0), [&] {
        der.nest(kOctetString, [&] {
          der.sequence([&] {
            for (std::size_t i = 0; i < pairs.size(); ++i)
              writeBag(der, oid::kShroudedKeyBag, pairs[i].entry->name, pairs[i].key.identifier(), [&] {
                der.sequence([&] {
                  shroud.writeAlgorithm(der, keys[i]);
                  der.element(kOctetString, keys[i].content);
                });
              });
          });
        });
      });
    });
  });
  return std::move(der).take();
}

base::Result<base::Bytes> writeFile(const base::Bytes& safe, std::string_view password) {
  Salt salt{};
  base::systemRng().fill(salt);
  auto typed = utf16<SecretBytes>(password);
  typed.resize(typed.size() + 2);  // it ends with a NUL here, RFC 7292, appendix B.1
  SecretBytes key(kKeySize);
  if (!derive("PKCS12KDF", typed, salt, key)) return internal("OpenSSL's PKCS#12 key derivation failed");
  auto hmac = Hmac::create(key);
  if (!hmac) return std::move(hmac).error();
  Der der;
  der.sequence([&] {
    der.small(3);
    der.sequence([&] {
      der.oid(oid::kData);
      der.nest(contextTag(0), [&] { der.element(kOctetString, safe); });
    });
    der.sequence([&] {
      der.sequence([&] {
        der.sequence([&] {
          der.oid(oid::kSha256);
          der.null();
        });
        der.element(kOctetString, hmac->compute(safe));
      });
      der.element(kOctetString, salt);
      der.small(kIterations);
    });
  });
  return std::move(der).take();
}

}  // namespace

base::Result<base::SecretBuffer> makeBundle(const std::vector<BundleEntry>& entries,
                                            const std::vector<base::Bytes>& chain,
                                            std::string_view password) {
  if (password.empty() || password.size() > kPasswordMost || !base::validUtf8(password))
    return invalid("the password of a PKCS#12 must be 1 to 1024 bytes of UTF-8");
  return guarded([&]() -> base::Result<base::SecretBuffer> {
    const auto pairs = checkEntries(entries);
    if (!pairs) return pairs.error();
    auto shroud = Shroud::create(password);
    if (!shroud) return std::move(shroud).error();
    const auto safe = writeSafe(*pairs, chain, *shroud);
    if (!safe) return safe.error();
    const auto file = writeFile(*safe, password);
    if (!file) return file.error();
    return base::SecretBuffer::copyOf(*file);
  });
}

}  // namespace kms::pki
