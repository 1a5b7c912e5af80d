// SecretWriter: little-endian fields in memory that is wiped, for rows that hold private keys.
#pragma once

#include <array>

#include "kms/keys/open_keys.h"

namespace kms::pki {

// Throws std::bad_alloc where no memory can be locked (see kms/tokens/guarded.h).
class SecretWriter {
 public:
  explicit SecretWriter(std::size_t size) { out_.reserve(size); }
  void integer(std::uint64_t v, unsigned width) {
    for (unsigned i = 0; i < width; ++i) out_.push_back(static_cast<std::byte>(v >> (8 * i)));
  }
  void u8(std::uint8_t v) { integer(v, 1); }
  void i64(std::int64_t v) { integer(static_cast<std::uint64_t>(v), 8); }
  // A u32 length in bytes, then the bytes.
  void field(base::BytesView bytes) {
    integer(bytes.size(), 4);
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  SecretBytes take() && { return std::move(out_); }

 private:
  SecretBytes out_;
};

}  // namespace kms::pki
