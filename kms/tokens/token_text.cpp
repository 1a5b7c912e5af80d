#include "kms/tokens/token_text.h"

#include <algorithm>
#include <array>

#include "hal/base/base32.h"
#include "hal/base/crc32.h"
#include "kms/keys/open_keys.h"
#include "kms/tokens/guarded.h"

namespace kms {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kBlock = 16;   // bytes of the accessor
constexpr std::size_t kRandom = 20;  // bytes
constexpr std::size_t kBody = 48;    // base64url characters
constexpr std::size_t kChecks = 6;   // base32 characters
constexpr std::size_t kTypedMost = 64;
static_assert((kBlock + kRandom) * 4 == kBody * 3);
static_assert(kAccessPrefix.size() + kBody + kChecks == kAccessLength);

// The check characters behind `before`.
std::array<char, kChecks> checksOf(std::string_view before) {
  const std::uint32_t crc = base::crc32(base::asBytes(before));
  std::array<char, kChecks> out{};
  for (std::size_t i = 0; i < kChecks; ++i)
    out[i] = base::base32Digit((crc >> (5 * (kChecks - 1 - i))) & 31U);
  return out;
}

// The value of a base64url character; kNone for every other byte.
constexpr std::uint8_t kNone = 64;
constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> out{};
  out.fill(kNone);
  for (std::uint8_t i = 0; i < kAlphabet.size(); ++i) out[static_cast<unsigned char>(kAlphabet[i])] = i;
  return out;
}();

void appendBase64Url(base::BytesView in, base::SecretText& out) {
  unsigned held = 0;
  unsigned bits = 0;
  for (const std::byte b : in) {
    held = ((held << 8U) | std::to_integer<unsigned>(b)) & 0x3FFFU;
    for (bits += 8; bits >= 6; bits -= 6) out.push_back(kAlphabet[(held >> (bits - 6)) & 63U]);
  }
}

// The accessor's 16 bytes out of the first 22 of the characters; false where any of `body` is no base64url.
// The random part is looked at, never decoded.
bool decodeBlock(std::string_view body, std::span<std::byte, kBlock> out) {
  unsigned held = 0;
  unsigned bits = 0;
  std::size_t at = 0;
  for (const char c : body) {
    const unsigned value = kValues[static_cast<unsigned char>(c)];
    if (value == kNone) return false;
    if (at == kBlock) continue;
    held = ((held << 6U) | value) & 0x3FFFU;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[at++] = static_cast<std::byte>(held >> bits);
  }
  return at == kBlock;
}

}  // namespace

base::Error notAToken() {
  return {base::Code::Invalid,
          "this is not a token, or it was mistyped: an access token has 58 characters and begins with kms_, "
          "a one-time "
          "token has 12 letters and digits"};
}

base::Result<base::SecretText> makeAccessToken(std::string_view accessor, base::Rng& rng) {
  return guarded([&]() -> base::Result<base::SecretText> {
    SecretBytes raw(kBlock + kRandom);
    if (!base::decodeBase32(accessor, std::span(raw).first(kBlock), base::Base32Mode::Strict))
      return base::Error{base::Code::Invalid, "an accessor has 26 base32 characters"};
    rng.fill(std::span(raw).subspan(kBlock));
    base::SecretText text;
    text.reserve(kAccessLength);
    text.insert(text.end(), kAccessPrefix.begin(), kAccessPrefix.end());
    appendBase64Url(raw, text);
    const auto checks = checksOf({text.data(), text.size()});
    text.insert(text.end(), checks.begin(), checks.end());
    return text;
  });
}

std::optional<std::string> accessorIn(std::string_view token) {
  if (token.size() != kAccessLength || !looksLikeAccessToken(token)) return std::nullopt;
  const std::string_view before = token.substr(0, kAccessLength - kChecks);
  const auto checks = checksOf(before);
  if (!std::equal(checks.begin(), checks.end(), token.begin() + before.size())) return std::nullopt;
  std::array<std::byte, kBlock> block{};
  if (!decodeBlock(before.substr(kAccessPrefix.size()), block)) return std::nullopt;
  return base::encodeBase32(block);
}

base::Result<base::SecretText> makeOneTimeToken(base::Rng& rng) {
  return guarded([&]() -> base::Result<base::SecretText> {
    SecretBytes raw(kOneTimeLength);
    rng.fill(raw);
    base::SecretText text;
    text.reserve(kOneTimeLength);
    for (const std::byte b : raw) text.push_back(base::base32Digit(std::to_integer<unsigned>(b) & 31U));
    return text;
  });
}

base::Result<base::SecretText> showOneTimeToken(std::string_view plain) {
  return guarded([&]() -> base::Result<base::SecretText> {
    base::SecretText text;
    text.reserve(kOneTimeLength + 2);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      if (i > 0 && i % 4 == 0) text.push_back('-');
      text.push_back(plain[i]);
    }
    return text;
  });
}

base::Result<base::SecretText> parseOneTimeToken(std::string_view typed) {
  if (typed.size() > kTypedMost) return notAToken();
  return guarded([&]() -> base::Result<base::SecretText> {
    base::SecretText text;
    text.reserve(kOneTimeLength);
    for (const char c : typed) {
      if (c == '-' || c == ' ') continue;
      const auto value = base::base32Value(c, base::Base32Mode::Forgiving);
      if (!value || text.size() == kOneTimeLength) return notAToken();
      text.push_back(base::base32Digit(*value));
    }
    if (text.size() != kOneTimeLength) return notAToken();
    return text;
  });
}

}  // namespace kms
