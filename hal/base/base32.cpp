#include "hal/base/base32.h"

#include <cassert>

namespace base {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

char forgive(char digit) noexcept {
  if (digit >= 'a' && digit <= 'z') digit = static_cast<char>(digit - 'a' + 'A');
  if (digit == 'I' || digit == 'L') return '1';
  if (digit == 'O') return '0';
  return digit;
}

}  // namespace

char base32Digit(unsigned value) noexcept {
  assert(value < kAlphabet.size());
  return kAlphabet[value];
}

std::optional<unsigned> base32Value(char digit, Base32Mode mode) noexcept {
  if (mode == Base32Mode::Forgiving) digit = forgive(digit);
  const std::size_t at = kAlphabet.find(digit);
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned>(at);
}

void encodeBase32(BytesView in, std::span<char> out) noexcept {
  assert(out.size() == base32Length(in.size()));
  unsigned held = 0;
  unsigned bits = 0;
  std::size_t at = 0;
  for (const std::byte b : in) {
    held = (held << 8U) | std::to_integer<unsigned>(b);
    for (bits += 8; bits >= 5; bits -= 5) out[at++] = kAlphabet[(held >> (bits - 5)) & 31U];
    held &= (1U << bits) - 1;
  }
  if (bits > 0) out[at] = kAlphabet[(held << (5 - bits)) & 31U];
}

std::string encodeBase32(BytesView in) {
  std::string out(base32Length(in.size()), '0');
  encodeBase32(in, std::span<char>(out));
  return out;
}

bool decodeBase32(std::string_view in, std::span<std::byte> out, Base32Mode mode) noexcept {
  bool good = in.size() == base32Length(out.size());
  unsigned held = 0;
  unsigned bits = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; good && i < in.size(); ++i) {
    const auto value = base32Value(in[i], mode);
    good = value.has_value();
    held = (held << 5U) | value.value_or(0);
    bits += 5;
    if (bits >= 8 && at < out.size()) {
      bits -= 8;
      out[at++] = static_cast<std::byte>(held >> bits);
      held &= (1U << bits) - 1;
    }
  }
  good = good && held == 0;  // the spare bits
  if (!good) wipe(out);
  return good;
}

}  // namespace base
