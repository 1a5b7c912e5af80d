#include "hal/base/shamir.h"

namespace base {
namespace {

constexpr unsigned kPolynomial = 0x11D;  // x^8 + x^4 + x^3 + x^2 + 1
constexpr unsigned kBits = 8;

// Without a table or a branch: neither the cache nor the clock tells of a secret.
constexpr std::uint8_t multiply(std::uint8_t a, std::uint8_t b) noexcept {
  unsigned product = 0;
  unsigned shifted = a;
  for (unsigned bit = 0; bit < kBits; ++bit) {
    product ^= shifted & (0U - ((unsigned{b} >> bit) & 1U));
    shifted <<= 1U;
    shifted ^= kPolynomial & (0U - (shifted >> kBits));
  }
  return static_cast<std::uint8_t>(product);
}

// a^254, which is 1/a; 0 for 0.
constexpr std::uint8_t inverse(std::uint8_t a) noexcept {
  std::uint8_t power = a;
  std::uint8_t result = 1;
  for (unsigned bit = 1; bit < kBits; ++bit) {
    power = multiply(power, power);
    result = multiply(result, power);
  }
  return result;
}

static_assert(multiply(0x80, 2) == 0x1D && multiply(inverse(0x53), 0x53) == 1);

Error invalid(const char* what) { return {Code::Invalid, what}; }

Result<void> check(std::span<const SharePoint> points) {
  if (points.empty()) return invalid("there is no share to put together");
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].number == 0) return invalid("a share has the number 0, which no share has");
    if (points[i].value.size() != points[0].value.size()) return invalid("the shares are not of one length");
    for (std::size_t j = 0; j < i; ++j)
      if (points[i].number == points[j].number) return invalid("two shares have the same number");
  }
  return {};
}

// How much the point `i` counts at `at`, by Lagrange.
std::uint8_t weight(std::span<const SharePoint> points, std::size_t i, std::uint8_t at) noexcept {
  std::uint8_t over = 1;
  std::uint8_t under = 1;
  for (std::size_t j = 0; j < points.size(); ++j) {
    if (j == i) continue;
    over = multiply(over, at ^ points[j].number);
    under = multiply(under, points[i].number ^ points[j].number);
  }
  return multiply(over, inverse(under));
}

}  // namespace

Result<std::vector<SecretBuffer>> splitSecret(BytesView secret, unsigned threshold, unsigned total,
                                              Rng& rng) {
  if (secret.empty() || threshold < 2 || threshold > total || total > kMaxShareNumber)
    return invalid("a key is split into 2 to 255 shares, of which at least 2 and at most all are needed");
  // The polynomials' coefficients but the first, which is the secret: one row for each power.
  auto random = SecretBuffer::create(secret.size() * (threshold - 1));
  if (!random) return std::move(random).error();
  rng.fill(random->bytes());
  std::vector<SecretBuffer> shares;
  for (unsigned number = 1; number <= total; ++number) {
    auto share = SecretBuffer::create(secret.size());
    if (!share) return std::move(share).error();
    const std::span<std::byte> value = share->bytes();
    for (unsigned power = threshold; power-- > 0;) {  // by Horner's rule
      const BytesView row =
          power == 0 ? secret
                     : BytesView(random->bytes()).subspan((power - 1) * secret.size(), secret.size());
      for (std::size_t i = 0; i < value.size(); ++i)
        value[i] = row[i] ^ std::byte{multiply(std::to_integer<std::uint8_t>(value[i]),
                                               static_cast<std::uint8_t>(number))};
    }
    shares.push_back(*std::move(share));
  }
  return shares;
}

Result<SecretBuffer> joinShares(std::span<const SharePoint> points, std::uint8_t at) {
  if (auto sound = check(points); !sound) return std::move(sound).error();
  auto joined = SecretBuffer::create(points[0].value.size());
  if (!joined) return joined;
  const std::span<std::byte> out = joined->bytes();
  for (std::size_t p = 0; p < points.size(); ++p) {
    const std::uint8_t factor = weight(points, p, at);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] ^= std::byte{multiply(std::to_integer<std::uint8_t>(points[p].value[i]), factor)};
  }
  return joined;
}

}  // namespace base
