// Searches all readable memory of this process (heap, stacks, mappings) for secrets, forwards and backwards.
// What it looks for is kept masked, so that it never finds itself.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "hal/base/bytes.h"

namespace tests {

class MemorySearch {
 public:
  void add(const std::string& name, base::BytesView secret);
  // The names of those found.
  std::set<std::string> found() const;

 private:
  struct Needle {
    std::string name;
    std::vector<unsigned char> masked;
  };
  void scan(const unsigned char* chunk, std::size_t size, std::set<std::string>& names) const;
  std::vector<Needle> needles_;
};

inline constexpr unsigned char kMask = 0xA7;
// The part of an AES-256 key schedule that is not the key itself: bytes 32 to 63. Source: FIPS 197, 5.2.
// `out` holds 32 bytes and is the caller's to wipe.
void aesSchedule(base::BytesView key, std::span<std::byte> out);

}  // namespace tests
