#include "daemon/ctl/seen_set.h"

#include <bit>

#include "hal/base/bytes.h"

namespace kmsd::ctl {
namespace {

constexpr std::size_t kFirst = 1024;  // places; always a power of two

struct SipState {
  std::uint64_t v0, v1, v2, v3;
  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

}  // namespace

std::uint64_t sipHash24(const std::array<std::uint64_t, 2>& key, std::string_view text) noexcept {
  SipState state{key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU, key[0] ^ 0x6c7967656e657261U,
                 key[1] ^ 0x7465646279746573U};
  const base::BytesView bytes = base::asBytes(text);
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) state.take(base::loadLe64(bytes.subspan(at, 8)));
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size() & 0xFFU) << 56U;
  for (std::size_t at = whole; at < bytes.size(); ++at)
    last |= std::to_integer<std::uint64_t>(bytes[at]) << (8 * (at - whole));
  state.take(last);
  state.v2 ^= 0xFFU;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

SeenSet::SeenSet(base::Rng& rng) : table_(kFirst) { rng.fill(std::as_writable_bytes(std::span(key_))); }

std::uint64_t SeenSet::hash(std::string_view text) const noexcept {
  const std::uint64_t hash = sipHash24(key_, text);
  return hash == 0 ? 1 : hash;
}

std::size_t SeenSet::placeOf(std::uint64_t hash) const noexcept {
  const std::size_t mask = table_.size() - 1;
  std::size_t place = static_cast<std::size_t>(hash) & mask;
  while (table_[place] != 0 && table_[place] != hash) place = (place + 1) & mask;
  return place;
}

bool SeenSet::insert(std::string_view text) {
  const std::uint64_t value = hash(text);
  const std::size_t place = placeOf(value);
  if (table_[place] != 0) return false;
  table_[place] = value;
  if (++size_ > table_.size() / 4 * 3) grow();
  return true;
}

bool SeenSet::contains(std::string_view text) const { return table_[placeOf(hash(text))] != 0; }

void SeenSet::grow() {
  std::vector<std::uint64_t> old(table_.size() * 2);
  old.swap(table_);
  for (const std::uint64_t value : old)
    if (value != 0) table_[placeOf(value)] = value;
}

}  // namespace kmsd::ctl
