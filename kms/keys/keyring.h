// The keyring: random keys for tokens, accessors and look-ups. They lie in sealed rows, each with a
// generation number, so that they outlive the root key: a new root key seals them anew and ends no token. The
// newest generation makes; all of them verify. Which one a token is of, its sequence number tells: each
// generation begins at one, and they rise.
#pragma once

#include <cstdint>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/rng.h"
#include "hal/base/secret_buffer.h"
#include "kms/keys/crypto.h"
#include "kms/keys/open_keys.h"

namespace kms {

class KeyGeneration {
 public:
  static constexpr std::size_t kEncoded = 13 + 3 * kKeySize;  // bytes of the first generation
  static constexpr std::size_t kEncodedLater = kEncoded + 8;  // and of a later one
  static constexpr std::size_t kMost = 64;                    // generations in a database

  // New random keys. Errors: Unavailable (no locked memory).
  static base::Result<KeyGeneration> make(std::uint32_t generation, base::Time created, base::Rng& rng);
  // The one behind `before`, for tokens from this sequence number on. New random keys, but for the key of
  // look-ups: names that are filed are found under it. Errors: Unavailable.
  static base::Result<KeyGeneration> next(const KeyGeneration& before, std::int64_t firstSequence,
                                          base::Time created, base::Rng& rng);
  // The content of a keyring row. Errors: Unsupported (a newer form); Corrupt / DatabaseCorrupt; Unavailable.
  static base::Result<KeyGeneration> parse(base::BytesView plain);

  std::uint32_t generation() const noexcept;
  std::int64_t firstSequence() const noexcept;  // 0: from the first token on
  base::BytesView encoded() const noexcept { return encoded_.bytes(); }
  base::BytesView tokenMac() const noexcept { return key(0); }
  base::BytesView accessor() const noexcept { return key(1); }
  base::BytesView indexMac() const noexcept { return key(2); }

 private:
  explicit KeyGeneration(base::SecretBuffer encoded) noexcept : encoded_(std::move(encoded)) {}
  base::BytesView key(std::size_t at) const noexcept {
    return encoded().subspan(13 + at * kKeySize, kKeySize);
  }
  base::SecretBuffer encoded_;
};

using Keyring = std::vector<KeyGeneration>;  // rising generations, never empty

// KeyringCipher: what the services ask of the keyring. Not thread-safe: each shard of the open keys has one.
class KeyringCipher {
 public:
  // Errors: Unavailable.
  static base::Result<KeyringCipher> create(const Keyring& keyring);

  Mac tokenMac(base::BytesView token);  // under the newest generation
  // Under the generation of the token with this sequence number.
  Mac tokenMacOf(std::int64_t sequence, base::BytesView token);
  // Under that generation; nothing where there is none such.
  std::optional<Mac> tokenMac(std::uint32_t generation, base::BytesView token);
  Mac indexMac(Index index, base::BytesView value);
  std::string accessor(std::int64_t sequence);  // under the generation of that token
  std::optional<std::int64_t> sequenceOf(std::string_view accessor);
  // One block of the sequence number (8 bytes) and 8 random bytes that are not all zero, under the newest
  // generation; drawn again until its first byte is 01 to 7F.
  SerialNumber serial(std::int64_t sequence, base::Rng& rng);
  // A block under the wrong generation gives a number below kSequences with a chance of 2^-24.
  static constexpr std::int64_t kSequences = std::int64_t{1} << 40U;
  std::vector<std::int64_t> sequencesOf(const SerialNumber& serial);

 private:
  struct Ciphers {
    std::uint32_t generation;
    std::int64_t firstSequence;
    Hmac tokenMac;
    Aes accessor;
    Hmac indexMac;
    Aes serial;
  };
  Ciphers& of(std::int64_t sequence);
  std::vector<Ciphers> generations_;  // the newest first
};

}  // namespace kms
