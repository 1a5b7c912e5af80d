// The 14 characters: 13 of Crockford's base32 for 64 bits and one zero bit, and a check character.
//
// Check: sum over GF(32) of weight(i) * digit(i), i = 0..13, is kCheckSum. GF(32) is built on x^5 + x^2 + 1;
// weight(i) is 2 to the power i + 1 for the 13 key digits and 1 for the check digit. The weights are distinct
// and not zero, so one wrong digit and two digits swapped always change the sum. kCheckSum is not zero, so 14
// zeros are wrong; it is the sum of all weights, so that of the strings of one repeated digit only '1' would
// sum to it, and that one has its spare bit set.
#include "hal/base/base32.h"
#include "hal/key_file.h"

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

unsigned checkDigit(std::span<const char> digits) {
  return kCheckSum ^ weightedSum([digits](std::size_t i) {
           return base::base32Value(digits[i], base::Base32Mode::Forgiving).value_or(0);
         });
}

base::Error damaged(const char* what) { return {base::Code::Corrupt, what, base::Reason::Damaged}; }

constexpr bool ignored(char c) noexcept { return c == ' ' || c == '\t' || c == '-'; }

std::span<char> chars(base::SecretBuffer& buffer) {
  return {reinterpret_cast<char*>(buffer.bytes().data()), buffer.size()};
}

}  // namespace

base::Result<base::SecretBuffer> formatPwd(const base::MasterKey& key) {
  auto text = base::SecretBuffer::create(kPwdLength);
  if (!text) return text;
  const std::span<char> out = chars(*text);
  base::encodeBase32(key.bytes(), out.first(kDigits));
  out[kDigits] = base::base32Digit(checkDigit(out.first(kDigits)));
  return text;
}

base::Result<base::MasterKey> parsePwd(std::string_view typed) {
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
  if (base::base32Value(digits[kDigits], base::Base32Mode::Forgiving) != checkDigit(digits.first(kDigits)))
    return damaged("the key's check character does not fit; a character was mistyped or has changed");
  auto bytes = base::SecretBuffer::create(base::MasterKey::kSize);
  if (!bytes) return std::move(bytes).error();
  if (!base::decodeBase32(text->text().substr(0, kDigits), bytes->bytes(), base::Base32Mode::Forgiving))
    return damaged("the key's last character but one has a bit that must be zero");
  return base::MasterKey::fromBytes(bytes->bytes().first<base::MasterKey::kSize>());
}

}  // namespace hal
