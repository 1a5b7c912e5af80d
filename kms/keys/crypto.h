// The few primitives of the key hierarchy, over OpenSSL. Contexts hold key schedules: they live as long as
// the keys may, and OpenSSL cleanses them when they are freed. None of the classes is thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "hal/base/bytes.h"
#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"

struct evp_cipher_ctx_st;  // OpenSSL's, so that its headers stay in crypto.cpp
struct evp_mac_ctx_st;

namespace kms {

inline constexpr std::size_t kKeySize = 32;  // bytes of every key but the master key

// RFC 7914. N = 2^logN; takes 128 * r * N bytes of memory. REQUIRES: bounded parameters.
// Errors: Unavailable (not that much memory).
base::Result<base::SecretBuffer> scrypt(base::BytesView password, base::BytesView salt, unsigned logN,
                                        unsigned r, unsigned p, std::size_t size = kKeySize);

// HKDF-SHA256, extract and expand (RFC 5869). An empty salt counts as zeros.
// Errors: Unavailable (no locked memory).
base::Result<base::SecretBuffer> hkdf(base::BytesView key, base::BytesView salt, base::BytesView info,
                                      std::size_t size = kKeySize);

// AES-256-GCM with 96-bit nonces and 128-bit tags (NIST SP 800-38D).
class Gcm {
 public:
  static constexpr std::size_t kNonce = 12;  // bytes
  static constexpr std::size_t kTag = 16;    // bytes, behind the ciphertext

  static base::Result<Gcm> create(base::BytesView key);
  // REQUIRES: out.size() == plain.size() + kTag; a nonce never used with this key.
  bool seal(base::BytesView nonce, base::BytesView aad, base::BytesView plain, std::span<std::byte> out);
  // False, with `out` wiped, where the tag does not fit. REQUIRES: sealed.size() == out.size() + kTag.
  bool open(base::BytesView nonce, base::BytesView aad, base::BytesView sealed, std::span<std::byte> out);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const noexcept;
  };
  using Context = std::unique_ptr<evp_cipher_ctx_st, Free>;
  explicit Gcm(Context context) noexcept : context_(std::move(context)) {}
  Context context_;
  friend class Aes;
};

// One block of AES-256, a permutation of 16 bytes (FIPS 197).
class Aes {
 public:
  static constexpr std::size_t kBlock = 16;  // bytes
  using Block = std::array<std::byte, kBlock>;

  static base::Result<Aes> create(base::BytesView key);
  Block encrypt(const Block& block);
  Block decrypt(const Block& block);

 private:
  explicit Aes(Gcm::Context encrypt, Gcm::Context decrypt) noexcept
      : encrypt_(std::move(encrypt)), decrypt_(std::move(decrypt)) {}
  Gcm::Context encrypt_;
  Gcm::Context decrypt_;
};

// HMAC-SHA256 (RFC 2104).
class Hmac {
 public:
  using Mac = std::array<std::byte, 32>;

  static base::Result<Hmac> create(base::BytesView key);
  // Over `first` and `second`, one behind the other.
  Mac compute(base::BytesView first, base::BytesView second = {});

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const noexcept;
  };
  using Context = std::unique_ptr<evp_mac_ctx_st, Free>;
  explicit Hmac(Context context) noexcept : context_(std::move(context)) {}
  Context context_;
};

// Overwrites the stack below the caller, where called functions may have left pieces of keys.
void wipeStack() noexcept;

}  // namespace kms
