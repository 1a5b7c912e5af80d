// MasterKey: the 64-bit secret of a key medium. Nothing may test one except through scrypt (see
// kms/FORMATS.md), so it has no comparison, no hash and no text form of its own; hal/key_file.h writes it for
// a medium.
#pragma once

#include <algorithm>
#include <utility>

#include "hal/base/rng.h"
#include "hal/base/secret_buffer.h"

namespace base {

class MasterKey {
 public:
  static constexpr std::size_t kSize = 8;  // bytes

  static Result<MasterKey> generate(Rng& rng) {
    auto secret = SecretBuffer::create(kSize);
    if (!secret) return std::move(secret).error();
    rng.fill(secret->bytes());
    return MasterKey(*std::move(secret));
  }
  static Result<MasterKey> fromBytes(std::span<const std::byte, kSize> key) {
    auto secret = SecretBuffer::copyOf(key);
    if (!secret) return std::move(secret).error();
    return MasterKey(*std::move(secret));
  }

  std::span<const std::byte, kSize> bytes() const noexcept {
    return std::span<const std::byte, kSize>(secret_.bytes());
  }

 private:
  explicit MasterKey(SecretBuffer secret) noexcept : secret_(std::move(secret)) {}
  SecretBuffer secret_;
};

}  // namespace base
