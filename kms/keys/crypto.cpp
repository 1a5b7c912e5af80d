#include "kms/keys/crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace kms {
namespace {

const unsigned char* in(base::BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* out(std::span<std::byte> bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
int length(base::BytesView bytes) { return static_cast<int>(bytes.size()); }

OSSL_PARAM octets(const char* name, base::BytesView bytes) {
  // OpenSSL takes input parameters as void*, and does not write to them. Empty ones must not be null.
  static std::byte none{};
  std::byte* const data = bytes.empty() ? &none : const_cast<std::byte*>(bytes.data());
  return OSSL_PARAM_construct_octet_string(name, data, bytes.size());
}

// The error queue belongs to the thread: what is left there would show up in the next TLS call.
base::Error failed(const std::string& what) {
  ERR_clear_error();
  return {base::Code::Unavailable, what};
}

base::Result<base::SecretBuffer> derive(const char* algorithm, const OSSL_PARAM* parameters, std::size_t size,
                                        const std::string& what) {
  auto key = base::SecretBuffer::create(size);
  if (!key) return std::move(key).error();
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, algorithm, nullptr),
                                                              EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr, EVP_KDF_CTX_free);
  if (!context || EVP_KDF_derive(context.get(), out(key->bytes()), size, parameters) != 1)
    return failed(what);
  return key;
}

}  // namespace

base::Result<base::SecretBuffer> scrypt(base::BytesView password, base::BytesView salt, unsigned logN,
                                        unsigned r, unsigned p, std::size_t size) {
  std::uint64_t n = std::uint64_t{1} << logN;
  std::uint32_t blocks = r;
  std::uint32_t lanes = p;
  const std::uint64_t work = 128 * n * r;
  std::uint64_t most = work + (std::uint64_t{1} << 20U);  // and the lanes' blocks
  const OSSL_PARAM parameters[] = {octets(OSSL_KDF_PARAM_PASSWORD, password),
                                   octets(OSSL_KDF_PARAM_SALT, salt),
                                   OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
                                   OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &blocks),
                                   OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &lanes),
                                   OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
                                   OSSL_PARAM_construct_end()};
  return derive("SCRYPT", parameters, size,
                "scrypt failed; it needs " + std::to_string(work >> 20U) + " MiB of memory: free some");
}

base::Result<base::SecretBuffer> hkdf(base::BytesView key, base::BytesView salt, base::BytesView info,
                                      std::size_t size) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                   octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, salt),
                                   octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  return derive("HKDF", parameters, size, "cannot derive a key: OpenSSL's HKDF failed");
}

void Gcm::Free::operator()(evp_cipher_ctx_st* context) const noexcept { EVP_CIPHER_CTX_free(context); }

base::Result<Gcm> Gcm::create(base::BytesView key) {
  Context context(EVP_CIPHER_CTX_new());
  if (!context || key.size() != kKeySize ||
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, in(key), nullptr) != 1)
    return failed("cannot set up AES-256-GCM");
  return Gcm(std::move(context));
}

bool Gcm::seal(base::BytesView nonce, base::BytesView aad, base::BytesView plain,
               std::span<std::byte> sealed) {
  int wrote = 0;
  EVP_CIPHER_CTX* const c = context_.get();
  const bool good = nonce.size() == kNonce && sealed.size() == plain.size() + kTag &&
                    EVP_EncryptInit_ex(c, nullptr, nullptr, nullptr, in(nonce)) == 1 &&
                    EVP_EncryptUpdate(c, nullptr, &wrote, in(aad), length(aad)) == 1 &&
                    EVP_EncryptUpdate(c, out(sealed), &wrote, in(plain), length(plain)) == 1 &&
                    EVP_EncryptFinal_ex(c, out(sealed.subspan(plain.size())), &wrote) == 1 &&
                    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, int{kTag}, &sealed[plain.size()]) == 1;
  if (!good) ERR_clear_error();
  return good;
}

bool Gcm::open(base::BytesView nonce, base::BytesView aad, base::BytesView sealed,
               std::span<std::byte> plain) {
  int wrote = 0;
  EVP_CIPHER_CTX* const c = context_.get();
  std::array<std::byte, kTag> tag{};
  bool good = nonce.size() == kNonce && sealed.size() == plain.size() + kTag;
  if (good) std::copy_n(sealed.end() - kTag, kTag, tag.begin());
  // OpenSSL takes a null output for associated data, so an empty plaintext needs a place of its own.
  std::byte none{};
  const std::span<std::byte> into = plain.empty() ? std::span(&none, 1) : plain;
  good = good && EVP_DecryptInit_ex(c, nullptr, nullptr, nullptr, in(nonce)) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, int{kTag}, tag.data()) == 1 &&
         EVP_DecryptUpdate(c, nullptr, &wrote, in(aad), length(aad)) == 1 &&
         EVP_DecryptUpdate(c, out(into), &wrote, in(sealed), static_cast<int>(plain.size())) == 1 &&
         EVP_DecryptFinal_ex(c, out(into), &wrote) == 1;
  if (!good) {
    base::wipe(plain);
    ERR_clear_error();
  }
  return good;
}

base::Result<Aes> Aes::create(base::BytesView key) {
  Gcm::Context encrypt(EVP_CIPHER_CTX_new());
  Gcm::Context decrypt(EVP_CIPHER_CTX_new());
  if (!encrypt || !decrypt || key.size() != kKeySize ||
      EVP_EncryptInit_ex(encrypt.get(), EVP_aes_256_ecb(), nullptr, in(key), nullptr) != 1 ||
      EVP_DecryptInit_ex(decrypt.get(), EVP_aes_256_ecb(), nullptr, in(key), nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(encrypt.get(), 0) != 1 || EVP_CIPHER_CTX_set_padding(decrypt.get(), 0) != 1)
    return failed("cannot set up AES-256");
  return Aes(std::move(encrypt), std::move(decrypt));
}

Aes::Block Aes::encrypt(const Block& block) {
  Block done{};
  int wrote = 0;
  if (EVP_EncryptUpdate(encrypt_.get(), out(done), &wrote, in(block), length(block)) != 1) std::abort();
  return done;
}

Aes::Block Aes::decrypt(const Block& block) {
  Block done{};
  int wrote = 0;
  if (EVP_DecryptUpdate(decrypt_.get(), out(done), &wrote, in(block), length(block)) != 1) std::abort();
  return done;
}

void Hmac::Free::operator()(evp_mac_ctx_st* context) const noexcept { EVP_MAC_CTX_free(context); }

base::Result<Hmac> Hmac::create(base::BytesView key) {
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr),
                                                              EVP_MAC_free);
  Context context(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_end()};
  if (!context || EVP_MAC_init(context.get(), in(key), key.size(), parameters) != 1)
    return failed("cannot set up HMAC-SHA256");
  return Hmac(std::move(context));
}

Hmac::Mac Hmac::compute(base::BytesView first, base::BytesView second) {
  Mac mac{};
  std::size_t wrote = 0;
  EVP_MAC_CTX* const c = context_.get();
  // Starting again without a key keeps the one that create() set. A MAC that was not made must never pass
  // for one, so what cannot fail ends the process where it does.
  if (EVP_MAC_init(c, nullptr, 0, nullptr) != 1 || EVP_MAC_update(c, in(first), first.size()) != 1 ||
      EVP_MAC_update(c, in(second), second.size()) != 1 ||
      EVP_MAC_final(c, out(mac), &wrote, mac.size()) != 1 || wrote != mac.size())
    std::abort();
  return mac;
}

[[gnu::noinline]] void wipeStack() noexcept {
  std::array<std::byte, 32 * 1024> below;
  base::wipe(below);
}

}  // namespace kms
