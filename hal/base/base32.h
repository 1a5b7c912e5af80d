// Crockford's base32: digits 0-9 and capitals without I, L, O, U; five bits a digit, first bits first. Works
// on caller-owned spans, so that secrets never touch the heap. Source: crockford.com/base32.html.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hal/base/bytes.h"

namespace base {

enum class Base32Mode : std::uint8_t {
  Strict,    // the 32 capitals and digits only
  Forgiving  // small letters too; I and L read as 1, O as 0
};

// Digits that hold `bytes` bytes.
constexpr std::size_t base32Length(std::size_t bytes) noexcept { return (bytes * 8 + 4) / 5; }

char base32Digit(unsigned value) noexcept;  // REQUIRES: value < 32
std::optional<unsigned> base32Value(char digit, Base32Mode mode) noexcept;

// REQUIRES: out.size() == base32Length(in.size()). Spare bits of the last digit are zero.
void encodeBase32(BytesView in, std::span<char> out) noexcept;
std::string encodeBase32(BytesView in);  // for what is not secret

// False, with `out` wiped, unless `in` has exactly base32Length(out.size()) digits and its spare bits are
// zero.
bool decodeBase32(std::string_view in, std::span<std::byte> out, Base32Mode mode) noexcept;

}  // namespace base
