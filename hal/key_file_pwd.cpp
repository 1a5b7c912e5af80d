// The 14 characters: 13 of Crockford's base32 for 64 bits and one zero bit, and a check character.
//
// Check: sum over GF(32) of weight(i) * digit(i), i = 0..13, is kCheckSum. GF(32) is built on x^5 + x^2 + 1;
// weight(i) is 2 to the power i + 1 for the 13 key digits and 1 for the check digit. The weights are distinct
// and not zero, so one wrong digit and two digits swapped always change the sum. kCheckSum is not zero, so 14
// zeros are wrong; it is the sum of all weights, so that of the strings of one repeated digit only '1' would
// sum to it, and that one has its spare bit set. The sum of a share also has its number in it.
#include <algorithm>
#include <charconv>

#include "hal/base/base32.h"
#include "hal/key_file.h"
#include "hal/key_file_lines.h"

namespace hal {
namespace {

constexpr unsigned kPolynomial = 0x25;  // x^5 + x^2 + 1, primitive: 2 generates all 31 non-zero elements
constexpr std::size_t kDigits = kPwdLength - 1;

constexpr unsigned timesTwo(unsigned a) noexcept {
  a <<= 1U;
  return (a & 32U) != 0 ? a ^ kPolynomial : a;
}

// By Horner's rule: the digits' weighted sum, the first digit's weight being 2, the last's 2^13. `digitAt`
// gives a digit, so that none is kept in memory of ours.
template <class DigitAt>
constexpr unsigned weightedSum(DigitAt digitAt) {
  unsigned sum = 0;
  for (std::size_t i = kDigits; i-- > 0;) sum = timesTwo(sum ^ digitAt(i));
  return sum;
}

constexpr unsigned kCheckSum = weightedSum([](std::size_t) { return 1U; }) ^ 1U;
static_assert(kCheckSum != 0);

// What a share's number adds: never nothing, and the same again only 31 numbers on.
constexpr unsigned markOf(std::uint8_t share) noexcept { return share == 0 ? 0U : 1U + (share - 1U) % 31U; }

unsigned checkDigit(std::span<const char> digits, std::uint8_t share) {
  return kCheckSum ^ markOf(share) ^ weightedSum([digits](std::size_t i) {
           return base::base32Value(digits[i], base::Base32Mode::Forgiving).value_or(0);
         });
}

base::Error damaged(const char* what) { return {base::Code::Corrupt, what, base::Reason::Damaged}; }

constexpr bool ignored(char c) noexcept { return c == ' ' || c == '\t' || c == '-'; }

std::span<char> chars(base::SecretBuffer& buffer) {
  return {reinterpret_cast<char*>(buffer.bytes().data()), buffer.size()};
}

// The number before the colon; nothing where it is none that a share has.
std::optional<std::uint8_t> shareNumber(std::string_view text) {
  text = trimBlanks(text);
  std::uint8_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

base::Result<base::MasterKey> parseDigits(std::string_view typed, std::uint8_t share) {
  auto text = base::SecretBuffer::create(kPwdLength);
  if (!text) return std::move(text).error();
  const std::span<char> digits = chars(*text);
  std::size_t count = 0;
  for (const char c : typed) {
    if (ignored(c)) continue;
    if (!base::base32Value(c, base::Base32Mode::Forgiving))
      return damaged("the key has a character that no key has; compare it with the original");
    if (count == kPwdLength) return damaged("the key has more than 14 characters");
    digits[count++] = c;
  }
  if (count < kPwdLength) return damaged("the key has fewer than 14 characters");
  const auto check = base::base32Value(digits[kDigits], base::Base32Mode::Forgiving);
  if (check != checkDigit(digits.first(kDigits), share))
    return damaged(share == 0
                       ? "the key's check character does not fit; a character was mistyped or has changed"
                       : "the share's check character does not fit; a character or its number was mistyped "
                         "or has changed");
  auto bytes = base::SecretBuffer::create(base::MasterKey::kSize);
  if (!bytes) return std::move(bytes).error();
  if (!base::decodeBase32(text->text().substr(0, kDigits), bytes->bytes(), base::Base32Mode::Forgiving))
    return damaged("the key's last character but one has a bit that must be zero");
  return base::MasterKey::fromBytes(bytes->bytes().first<base::MasterKey::kSize>());
}

}  // namespace

base::Result<base::SecretBuffer> formatPwd(const base::MasterKey& key, std::uint8_t share) {
  const std::string number = share == 0 ? std::string() : std::to_string(share) + ":";
  auto text = base::SecretBuffer::create(number.size() + kPwdLength);
  if (!text) return text;
  const std::span<char> all = chars(*text);
  std::ranges::copy(number, all.begin());
  const std::span<char> out = all.subspan(number.size());
  base::encodeBase32(key.bytes(), out.first(kDigits));
  out[kDigits] = base::base32Digit(checkDigit(out.first(kDigits), share));
  return text;
}

base::Result<TypedKey> parseTyped(std::string_view typed) {
  const std::size_t colon = typed.find(':');
  std::uint8_t share = 0;
  if (colon != std::string_view::npos) {
    const auto number = shareNumber(typed.substr(0, colon));
    if (!number) return damaged("before the colon stands no number of a share, which is 1 to 255");
    share = *number;
    typed.remove_prefix(colon + 1);
  }
  auto key = parseDigits(typed, share);
  if (!key) return std::move(key).error();
  return TypedKey{*std::move(key), share};
}

base::Result<base::MasterKey> parsePwd(std::string_view typed) {
  auto parsed = parseTyped(typed);
  if (!parsed) return std::move(parsed).error();
  if (parsed->share != 0) return damaged("this is one share of a key, and not a whole key");
  return std::move(parsed->key);
}

}  // namespace hal
