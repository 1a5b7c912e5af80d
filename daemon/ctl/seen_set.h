// SeenSet: remembers which of very many texts were there already, by eight bytes of each. Two texts look
// alike once in 2^64 pairs, and nobody can look for such a pair beforehand, because each set hashes with a
// key of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "hal/base/rng.h"

namespace kmsd::ctl {

class SeenSet {
 public:
  explicit SeenSet(base::Rng& rng);
  // False where the text was there already.
  bool insert(std::string_view text);
  bool contains(std::string_view text) const;
  std::size_t size() const noexcept { return size_; }

 private:
  std::uint64_t hash(std::string_view text) const noexcept;
  // Where the hash stands, or the empty place where it belongs.
  std::size_t placeOf(std::uint64_t hash) const noexcept;
  void grow();

  std::array<std::uint64_t, 2> key_{};
  std::vector<std::uint64_t> table_;  // open addressing; 0: empty
  std::size_t size_ = 0;
};

// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
std::uint64_t sipHash24(const std::array<std::uint64_t, 2>& key, std::string_view text) noexcept;

}  // namespace kmsd::ctl
