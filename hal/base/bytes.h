// Bytes: views, hexadecimal, constant-time comparison, and bounded readers and writers of little-endian
// fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;

inline BytesView asBytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view asText(BytesView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string toHex(BytesView bytes);

// True if both are equal; takes the same time wherever they differ. Lengths are not secret.
bool equalConstantTime(BytesView a, BytesView b) noexcept;

// Overwrites memory in a way no compiler drops.
void wipe(std::span<std::byte> bytes) noexcept;

// Appends fixed-width little-endian integers and length-prefixed fields to a byte vector.
class ByteWriter {
 public:
  void u8(std::uint8_t v) { integer(v, 1); }
  void u16(std::uint16_t v) { integer(v, 2); }
  void u32(std::uint32_t v) { integer(v, 4); }
  void u64(std::uint64_t v) { integer(v, 8); }
  void raw(BytesView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  // A u32 length in bytes, then the bytes.
  void field(BytesView bytes) {
    u32(static_cast<std::uint32_t>(bytes.size()));
    raw(bytes);
  }
  void field(std::string_view text) { field(asBytes(text)); }

  const Bytes& bytes() const noexcept { return out_; }
  Bytes take() && { return std::move(out_); }

 private:
  void integer(std::uint64_t v, int width) {
    for (int i = 0; i < width; ++i) out_.push_back(static_cast<std::byte>(v >> (8 * i)));
  }
  Bytes out_;
};

// Reads what ByteWriter wrote. Past the end every read yields zero or empty and ok() turns false for good, so
// a parser may read a whole record and ask once.
class ByteReader {
 public:
  explicit ByteReader(BytesView in) noexcept : in_(in) {}
  std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() noexcept { return integer(8); }
  BytesView raw(std::size_t size) noexcept;
  // REQUIRES: nothing; a length above `most` counts as past the end.
  BytesView field(std::size_t most) noexcept;
  std::string text(std::size_t most) { return std::string(asText(field(most))); }

  bool ok() const noexcept { return ok_; }
  bool atEnd() const noexcept { return ok_ && in_.empty(); }
  BytesView rest() const noexcept { return in_; }

 private:
  std::uint64_t integer(std::size_t width) noexcept;
  BytesView in_;
  bool ok_ = true;
};

// Fixed-width integers at the start of a span of sufficient size, as on-disk structures hold them.
std::uint16_t loadLe16(BytesView at) noexcept;
std::uint32_t loadLe32(BytesView at) noexcept;
std::uint64_t loadLe64(BytesView at) noexcept;
void storeLe16(std::span<std::byte> at, std::uint16_t v) noexcept;
void storeLe32(std::span<std::byte> at, std::uint32_t v) noexcept;
void storeLe64(std::span<std::byte> at, std::uint64_t v) noexcept;

}  // namespace base
