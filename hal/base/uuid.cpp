#include "hal/base/uuid.h"

#include <algorithm>

namespace base {
namespace {

std::optional<unsigned> hexValue(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

constexpr bool dashAt(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

Uuid Uuid::generate(Rng& rng) {
  Uuid id;
  rng.fill(id.bytes_);
  id.bytes_[6] = (id.bytes_[6] & std::byte{0x0F}) | std::byte{0x40};
  id.bytes_[8] = (id.bytes_[8] & std::byte{0x3F}) | std::byte{0x80};
  return id;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid id;
  std::size_t digit = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (dashAt(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const auto value = hexValue(text[i]);
    if (!value) return std::nullopt;
    std::byte& b = id.bytes_[digit / 2];
    b = (b << 4U) | static_cast<std::byte>(*value);
    ++digit;
  }
  return id;
}

std::optional<Uuid> Uuid::fromBytes(BytesView bytes) {
  if (bytes.size() != kSize) return std::nullopt;
  Uuid id;
  std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
  return id;
}

std::string Uuid::text() const {
  std::string out = toHex(bytes_);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) out.insert(at, 1, '-');
  return out;
}

}  // namespace base
