#include "hal/base/bytes.h"

#include <strings.h>

#include <cassert>
#include <cstring>

namespace base {
namespace {

std::uint64_t loadLe(BytesView at, std::size_t width) noexcept {
  assert(at.size() >= width);
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < width; ++i) v |= std::to_integer<std::uint64_t>(at[i]) << (8 * i);
  return v;
}

void storeLe(std::span<std::byte> at, std::uint64_t v, std::size_t width) noexcept {
  assert(at.size() >= width);
  for (std::size_t i = 0; i < width; ++i) at[i] = static_cast<std::byte>(v >> (8 * i));
}

}  // namespace

std::string toHex(BytesView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    out += kDigits[std::to_integer<unsigned>(b) >> 4U];
    out += kDigits[std::to_integer<unsigned>(b) & 15U];
  }
  return out;
}

bool equalConstantTime(BytesView a, BytesView b) noexcept {
  if (a.size() != b.size()) return false;
  volatile unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = difference | std::to_integer<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

void wipe(std::span<std::byte> bytes) noexcept {
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

BytesView ByteReader::raw(std::size_t size) noexcept {
  if (!ok_ || size > in_.size()) {
    ok_ = false;
    return {};
  }
  const BytesView out = in_.first(size);
  in_ = in_.subspan(size);
  return out;
}

BytesView ByteReader::field(std::size_t most) noexcept {
  const std::size_t size = u32();
  if (size > most) ok_ = false;
  return raw(size);
}

std::uint64_t ByteReader::integer(std::size_t width) noexcept {
  const BytesView at = raw(width);
  return at.empty() ? 0 : loadLe(at, width);
}

std::uint16_t loadLe16(BytesView at) noexcept { return static_cast<std::uint16_t>(loadLe(at, 2)); }
std::uint32_t loadLe32(BytesView at) noexcept { return static_cast<std::uint32_t>(loadLe(at, 4)); }
std::uint64_t loadLe64(BytesView at) noexcept { return loadLe(at, 8); }
void storeLe16(std::span<std::byte> at, std::uint16_t v) noexcept { storeLe(at, v, 2); }
void storeLe32(std::span<std::byte> at, std::uint32_t v) noexcept { storeLe(at, v, 4); }
void storeLe64(std::span<std::byte> at, std::uint64_t v) noexcept { storeLe(at, v, 8); }

}  // namespace base
