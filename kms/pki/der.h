// DER (X.690): a strict reader for strangers' bytes, and a writer into memory of the caller's kind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hal/base/bytes.h"
#include "hal/base/clock.h"

namespace kms::pki {

// Identifier octets.
enum Tag : std::uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kNull = 0x05,
  kOid = 0x06,
  kEnumerated = 0x0A,
  kUtf8String = 0x0C,
  kNumericString = 0x12,
  kPrintableString = 0x13,
  kTeletexString = 0x14,
  kIa5String = 0x16,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kVisibleString = 0x1A,
  kBmpString = 0x1E,
  kSequence = 0x30,
  kSet = 0x31
};
constexpr std::uint8_t contextTag(unsigned number, bool constructed = true) {
  return static_cast<std::uint8_t>((constructed ? 0xA0U : 0x80U) | number);
}

// Reads definite, minimal lengths of at most 3 bytes and tags of one byte; nothing else is DER here. A
// mismatch makes ok() false for good and every further read empty, so that a parser may ask once. What it
// gives points into `in`.
class DerReader {
 public:
  explicit DerReader(base::BytesView in) noexcept : in_(in) {}

  std::uint8_t peek() const noexcept;  // the next tag; 0 at the end
  bool next(std::uint8_t tag) const noexcept { return peek() == tag; }
  base::BytesView value(std::uint8_t tag) noexcept;    // what is inside
  base::BytesView element(std::uint8_t tag) noexcept;  // with tag and length
  base::BytesView any() noexcept;                      // an element of whatever tag
  // A reader of what is inside. It must be asked for itself.
  DerReader enter(std::uint8_t tag) noexcept;
  bool boolean() noexcept;
  // The content of an INTEGER of 0 or more, without a leading zero (empty: zero).
  base::BytesView natural() noexcept;
  // One that fits; more fails.
  std::uint64_t small() noexcept;
  // A BIT STRING of whole bytes.
  base::BytesView bits() noexcept;
  // A BIT STRING of at most 16 bits; bit 0, which stands first, is the lowest of the result.
  std::uint16_t flags() noexcept;
  // UTCTime or GeneralizedTime as RFC 5280 writes them: to the second, ending in Z.
  base::Time time() noexcept;

  void fail() noexcept;
  bool ok() const noexcept { return ok_; }
  bool done() const noexcept { return ok_ && in_.empty(); }  // and nothing is left
  bool more() const noexcept { return ok_ && !in_.empty(); }

 private:
  struct Element {
    base::BytesView whole;
    base::BytesView value;
  };
  Element take() noexcept;
  base::BytesView in_;
  bool ok_ = true;
};

bool validOid(base::BytesView content) noexcept;
std::string oidText(base::BytesView content);  // "2.5.4.3"; REQUIRES: validOid
// The text of UTCTime before 2050, of GeneralizedTime from then on (RFC 5280, section 4.1.2.5). Nothing
// before 1950 and after 9999.
struct DerTime {
  std::uint8_t tag;
  std::string text;
};
std::optional<DerTime> derTime(base::Time time);

// Appends to `Out`, a vector of bytes: base::Bytes, or SecretBytes where a key is written.
template <class Out>
class DerWriter {
 public:
  DerWriter() { out_.reserve(kRoom); }

  void raw(base::BytesView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void raw(std::string_view bytes) { raw(base::asBytes(bytes)); }
  void byte(std::uint8_t value) { out_.push_back(std::byte{value}); }

  void element(std::uint8_t tag, base::BytesView value) {
    byte(tag);
    length(value.size(), out_.size());
    raw(value);
  }
  void element(std::uint8_t tag, std::string_view value) { element(tag, base::asBytes(value)); }
  // An element of all that `write` writes.
  template <class Write>
  void nest(std::uint8_t tag, Write write) {
    byte(tag);
    const std::size_t at = out_.size();
    write();
    length(out_.size() - at, at);
  }
  template <class Write>
  void sequence(Write write) {
    nest(kSequence, write);
  }

  void oid(std::string_view content) { element(kOid, content); }
  void null() { element(kNull, base::BytesView{}); }
  void yes() { element(kBoolean, std::string_view("\xFF", 1)); }
  // From big-endian bytes of an unsigned number.
  void natural(base::BytesView value, std::uint8_t tag = kInteger) {
    while (!value.empty() && value.front() == std::byte{0}) value = value.subspan(1);
    const bool pad = value.empty() || (value.front() & std::byte{0x80}) != std::byte{0};
    byte(tag);
    length(value.size() + (pad ? 1U : 0U), out_.size());
    if (pad) byte(0);
    raw(value);
  }
  void small(std::uint64_t value, std::uint8_t tag = kInteger) {
    std::byte bytes[8];
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(value >> (56U - 8U * i));
    natural(bytes, tag);
  }
  void bits(base::BytesView value) {
    byte(kBitString);
    length(value.size() + 1, out_.size());
    byte(0);
    raw(value);
  }
  // Named bits (X.690, section 11.2.2): bit 0 stands first, trailing zeros are left out.
  void flags(std::uint16_t set);
  // REQUIRES: derTime(time).
  void time(base::Time time) {
    const auto at = derTime(time);
    if (at) element(at->tag, at->text);
  }

  std::size_t size() const noexcept { return out_.size(); }
  base::BytesView view() const noexcept { return out_; }
  Out take() && { return std::move(out_); }

 private:
  static constexpr std::size_t kRoom = 1024;  // most certificates and keys fit

  // Puts the length in front of what begins at `at`.
  void length(std::size_t size, std::size_t at) {
    std::byte bytes[5];
    std::size_t count = 0;
    if (size < 0x80) {
      bytes[count++] = static_cast<std::byte>(size);
    } else {
      unsigned wide = 1;  // bytes, to 4 GiB
      while (wide < 4 && size >> (8U * wide) != 0) ++wide;
      bytes[count++] = static_cast<std::byte>(0x80U | wide);
      for (unsigned i = wide; i-- > 0;) bytes[count++] = static_cast<std::byte>(size >> (8U * i));
    }
    out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(at), bytes, bytes + count);
  }
  Out out_;
};

template <class Out>
void DerWriter<Out>::flags(std::uint16_t set) {
  std::byte bytes[2] = {};
  unsigned last = 0;
  for (unsigned i = 0; i < 16; ++i) {
    if ((set >> i & 1U) == 0) continue;
    bytes[i / 8] |= static_cast<std::byte>(0x80U >> (i % 8));
    last = i;
  }
  const std::size_t size = set == 0 ? 0 : last / 8 + 1;
  byte(kBitString);
  length(size + 1, out_.size());
  byte(static_cast<std::uint8_t>(set == 0 ? 0 : 7 - last % 8));
  raw(base::BytesView(bytes, size));
}

using Der = DerWriter<base::Bytes>;

}  // namespace kms::pki
