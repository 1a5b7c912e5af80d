#include "kms/keys/keyring.h"

#include <algorithm>

#include "hal/base/base32.h"

namespace kms {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kLaterVersion = 2;  // with the sequence number of its first token
constexpr std::array<std::byte, 8> kZeros{};

// Of the key for serial numbers, which is made of the accessor key: rows of the keyring that are there
// already have none of their own.
constexpr std::string_view kSerialLabel = "keydisk/1/serial";

}  // namespace

// version 1 | generation 4 | created 8 | token-mac 32 | accessor 32 | index-mac 32
base::Result<KeyGeneration> KeyGeneration::make(std::uint32_t generation, base::Time created,
                                                base::Rng& rng) {
  auto buffer = base::SecretBuffer::create(kEncoded);
  if (!buffer) return std::move(buffer).error();
  const std::span<std::byte> bytes = buffer->bytes();
  bytes[0] = std::byte{kVersion};
  base::storeLe32(bytes.subspan(1), generation);
  base::storeLe64(bytes.subspan(5), static_cast<std::uint64_t>(created.time_since_epoch().count()));
  rng.fill(bytes.subspan(13));
  return KeyGeneration(*std::move(buffer));
}

// version 2, as above, and first sequence 8
base::Result<KeyGeneration> KeyGeneration::next(const KeyGeneration& before, std::int64_t firstSequence,
                                                base::Time created, base::Rng& rng) {
  auto buffer = base::SecretBuffer::create(kEncodedLater);
  if (!buffer) return std::move(buffer).error();
  auto fresh = make(before.generation() + 1, created, rng);
  if (!fresh) return fresh;
  const std::span<std::byte> bytes = buffer->bytes();
  std::ranges::copy(fresh->encoded(), bytes.begin());
  bytes[0] = std::byte{kLaterVersion};
  std::ranges::copy(before.indexMac(), bytes.subspan(13 + 2 * kKeySize).begin());
  base::storeLe64(bytes.subspan(kEncoded), static_cast<std::uint64_t>(firstSequence));
  return KeyGeneration(*std::move(buffer));
}

base::Result<KeyGeneration> KeyGeneration::parse(base::BytesView plain) {
  const bool later = !plain.empty() && plain[0] == std::byte{kLaterVersion};
  if (!plain.empty() && !later && plain[0] != std::byte{kVersion})
    return base::Error{base::Code::Unsupported, "the keyring was made by a newer version; use a newer kmsd"};
  if (plain.size() != (later ? kEncodedLater : kEncoded))
    return base::Error{base::Code::Corrupt, "the database is damaged: a keyring row is not of its size",
                       base::Reason::DatabaseCorrupt};
  auto buffer = base::SecretBuffer::copyOf(plain);
  if (!buffer) return std::move(buffer).error();
  return KeyGeneration(*std::move(buffer));
}

std::uint32_t KeyGeneration::generation() const noexcept { return base::loadLe32(encoded().subspan(1)); }

std::int64_t KeyGeneration::firstSequence() const noexcept {
  if (encoded().size() != kEncodedLater) return 0;
  return static_cast<std::int64_t>(base::loadLe64(encoded().subspan(kEncoded)));
}

base::Result<KeyringCipher> KeyringCipher::create(const Keyring& keyring) {
  KeyringCipher all;
  for (const KeyGeneration& keys : keyring) {
    auto token = Hmac::create(keys.tokenMac());
    if (!token) return std::move(token).error();
    auto accessor = Aes::create(keys.accessor());
    if (!accessor) return std::move(accessor).error();
    auto index = Hmac::create(keys.indexMac());
    if (!index) return std::move(index).error();
    auto serialKey = hkdf(keys.accessor(), {}, base::asBytes(kSerialLabel));
    if (!serialKey) return std::move(serialKey).error();
    auto serial = Aes::create(serialKey->bytes());
    if (!serial) return std::move(serial).error();
    all.generations_.push_back({keys.generation(), keys.firstSequence(), *std::move(token),
                                *std::move(accessor), *std::move(index), *std::move(serial)});
  }
  std::reverse(all.generations_.begin(), all.generations_.end());
  return all;
}

Mac KeyringCipher::tokenMac(base::BytesView token) { return generations_.front().tokenMac.compute(token); }

KeyringCipher::Ciphers& KeyringCipher::of(std::int64_t sequence) {
  for (Ciphers& ciphers : generations_)
    if (sequence >= ciphers.firstSequence) return ciphers;
  return generations_.back();
}

Mac KeyringCipher::tokenMacOf(std::int64_t sequence, base::BytesView token) {
  return of(sequence).tokenMac.compute(token);
}

std::optional<Mac> KeyringCipher::tokenMac(std::uint32_t generation, base::BytesView token) {
  for (Ciphers& ciphers : generations_)
    if (ciphers.generation == generation) return ciphers.tokenMac.compute(token);
  return std::nullopt;
}

Mac KeyringCipher::indexMac(Index index, base::BytesView value) {
  const std::array<std::byte, 1> which{static_cast<std::byte>(index)};
  return generations_.front().indexMac.compute(which, value);
}

std::string KeyringCipher::accessor(std::int64_t sequence) {
  Aes::Block block{};
  base::storeLe64(block, static_cast<std::uint64_t>(sequence));
  return base::encodeBase32(of(sequence).accessor.encrypt(block));
}

std::optional<std::int64_t> KeyringCipher::sequenceOf(std::string_view accessor) {
  Aes::Block block{};
  if (!base::decodeBase32(accessor, block, base::Base32Mode::Strict)) return std::nullopt;
  for (Ciphers& ciphers : generations_) {
    const Aes::Block plain = ciphers.accessor.decrypt(block);
    if (base::equalConstantTime(base::BytesView(plain).subspan(8), kZeros))
      return static_cast<std::int64_t>(base::loadLe64(plain));
  }
  return std::nullopt;
}

SerialNumber KeyringCipher::serial(std::int64_t sequence, base::Rng& rng) {
  for (;;) {
    Aes::Block block{};
    const std::span<std::byte> random = std::span(block).subspan(8);
    base::storeLe64(block, static_cast<std::uint64_t>(sequence));
    rng.fill(random);
    if (base::loadLe64(random) == 0) continue;
    const SerialNumber serial = generations_.front().serial.encrypt(block);
    if (serial[0] >= std::byte{0x01} && serial[0] <= std::byte{0x7F}) return serial;
  }
}

std::vector<std::int64_t> KeyringCipher::sequencesOf(const SerialNumber& serial) {
  std::vector<std::int64_t> out;
  for (Ciphers& ciphers : generations_) {
    const Aes::Block plain = ciphers.serial.decrypt(serial);
    const auto sequence = static_cast<std::int64_t>(base::loadLe64(plain));
    const bool random = base::loadLe64(base::BytesView(plain).subspan(8)) != 0;
    if (random && sequence > 0 && sequence < kSequences) out.push_back(sequence);
  }
  return out;
}

}  // namespace kms
