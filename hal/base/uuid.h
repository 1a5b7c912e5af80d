// Uuid: a random (version 4) identifier of a server or a medium. Source: RFC 9562, section 5.4.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "hal/base/bytes.h"
#include "hal/base/rng.h"

namespace base {

class Uuid {
 public:
  static constexpr std::size_t kSize = 16;  // bytes

  static Uuid generate(Rng& rng);
  // 8-4-4-4-12 hexadecimal digits, any case; nothing else.
  static std::optional<Uuid> parse(std::string_view text);
  static std::optional<Uuid> fromBytes(BytesView bytes);

  Uuid() = default;  // the nil UUID
  std::string text() const;
  BytesView bytes() const noexcept { return bytes_; }
  bool nil() const noexcept { return *this == Uuid(); }
  auto operator<=>(const Uuid&) const = default;

 private:
  std::array<std::byte, kSize> bytes_{};
};

}  // namespace base
