// Keys of certificates: private ones in memory that is locked and wiped, public ones as their DER.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "hal/base/bytes.h"
#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY, so that its headers stay in .cpp files

namespace kms::pki {

// The numbers stand in sealed rows: append only.
enum class KeyKind : std::uint8_t {
  EcdsaP256 = 1,
  EcdsaP384 = 2,
  Rsa3072 = 3,
  Rsa4096 = 4,
  Ed25519 = 5,
  Rsa2048 = 6
};
std::string_view keyKindName(KeyKind kind) noexcept;  // "ecdsa-p256"
std::optional<KeyKind> parseKeyKind(std::string_view name) noexcept;

using KeyHash = std::array<std::byte, 32>;  // SHA-256 of the SubjectPublicKeyInfo

// A SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) that a certificate may carry.
class PublicKey {
 public:
  // RSA of 2048 to 8192 bits with an odd exponent above 2, ECDSA over P-256, P-384 or P-521, Ed25519.
  // Errors: Invalid, naming what is wrong with the key.
  static base::Result<PublicKey> parse(base::BytesView spki);
  base::BytesView spki() const noexcept { return spki_; }
  const KeyHash& hash() const noexcept { return hash_; }
  // SHA-1 of the subjectPublicKey BIT STRING: a key identifier (RFC 5280, section 4.2.1.2), not a protection.
  const std::array<std::byte, 20>& identifier() const noexcept { return identifier_; }
  bool canEncrypt() const noexcept { return canEncrypt_; }  // RSA and ECDSA keys; not Ed25519
  bool isRsa() const noexcept { return isRsa_; }
  // Whether `signature` of `algorithm` (an AlgorithmIdentifier, DER) is this key's over `data`. ECDSA or RSA
  // (PKCS#1 v1.5) with SHA-256, -384 or -512, and Ed25519. Errors: Invalid: another algorithm or one that is
  // not the key's; a bad signature.
  base::Result<void> verify(base::BytesView algorithm, base::BytesView data, base::BytesView signature) const;
  // For kms/pki alone.
  evp_pkey_st* raw() const noexcept { return key_.get(); }

 private:
  PublicKey() = default;
  std::shared_ptr<evp_pkey_st> key_;  // never changed once it is made
  base::Bytes spki_;
  KeyHash hash_{};
  std::array<std::byte, 20> identifier_{};
  bool canEncrypt_ = true;
  bool isRsa_ = false;
};

// Move-only; its numbers are cleansed when it is freed, and read and written without a copy that is not.
// Those of ECDSA lie in OpenSSL's secure heap where the program has made one. Those of RSA and Ed25519 do so
// only in a key that was generated: OpenSSL 3.0 takes them into its ordinary heap when it is given them, as
// it does for its RSA arithmetic. Signing is safe from several threads.
class PrivateKey {
 public:
  // Errors: Unavailable (no locked memory).
  static base::Result<PrivateKey> generate(KeyKind kind);
  // PKCS#8 (RFC 5958); of ECDSA with the public key. Errors: Corrupt (no key, or none of ours); Unavailable.
  static base::Result<PrivateKey> parse(base::BytesView pkcs8);
  base::Result<base::SecretBuffer> encode() const;  // PKCS#8
  KeyKind kind() const noexcept { return kind_; }
  const PublicKey& publicKey() const noexcept { return public_; }
  // ECDSA with SHA-256 (P-384: SHA-384), RSA (PKCS#1 v1.5) with SHA-256, or Ed25519. Errors: Internal.
  base::Result<base::Bytes> sign(base::BytesView data) const;
  // The AlgorithmIdentifier of sign(), DER.
  base::BytesView algorithm() const noexcept;
  // For kms/pki, and for TLS.
  evp_pkey_st* raw() const noexcept { return key_.get(); }

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const noexcept;
  };
  PrivateKey(std::unique_ptr<evp_pkey_st, Free> key, KeyKind kind, PublicKey publicKey)
      : key_(std::move(key)), kind_(kind), public_(std::move(publicKey)) {}
  std::unique_ptr<evp_pkey_st, Free> key_;
  KeyKind kind_;
  PublicKey public_;
};

}  // namespace kms::pki
