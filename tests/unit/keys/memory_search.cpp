#include "tests/unit/keys/memory_search.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "hal/base/fd.h"

namespace tests {
namespace {

constexpr std::size_t kChunk = 1 << 20;
constexpr std::size_t kOverlap = 64;  // longer than any needle

struct Range {
  std::uintptr_t from;
  std::uintptr_t to;
};

std::vector<Range> readableMemory() {
  std::vector<Range> ranges;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto dash = line.find('-');
    const auto space = line.find(' ');
    if (line[space + 1] != 'r' || line.find("[v") != std::string::npos) continue;
    ranges.push_back({std::stoull(line.substr(0, dash), nullptr, 16),
                      std::stoull(line.substr(dash + 1, space - dash - 1), nullptr, 16)});
  }
  return ranges;
}

unsigned char multiply(unsigned a, unsigned b) {  // in GF(2^8)
  unsigned product = 0;
  for (; b != 0; b >>= 1U) {
    if ((b & 1U) != 0) product ^= a;
    a = (a << 1U) ^ ((a & 0x80U) != 0 ? 0x11BU : 0);
  }
  return static_cast<unsigned char>(product);
}

unsigned char substitute(unsigned char in) {
  unsigned char inverse = 0;
  for (unsigned candidate = 1; candidate < 256; ++candidate)
    if (multiply(in, candidate) == 1) inverse = static_cast<unsigned char>(candidate);
  unsigned char out = 0x63;
  for (int turn = 0; turn < 5; ++turn) out ^= std::rotl(inverse, turn);
  return out;
}

}  // namespace

void MemorySearch::add(const std::string& name, base::BytesView secret) {
  Needle forwards{name, {}};
  for (const std::byte b : secret) forwards.masked.push_back(std::to_integer<unsigned char>(b) ^ kMask);
  Needle backwards{name + " reversed", {forwards.masked.rbegin(), forwards.masked.rend()}};
  needles_.push_back(std::move(forwards));
  needles_.push_back(std::move(backwards));
}

void MemorySearch::scan(const unsigned char* chunk, std::size_t size, std::set<std::string>& names) const {
  std::array<std::vector<const Needle*>, 256> byFirst;
  for (const Needle& needle : needles_) byFirst[needle.masked[0] ^ kMask].push_back(&needle);
  for (std::size_t at = 0; at < size; ++at)
    for (const Needle* needle : byFirst[chunk[at]]) {
      if (needle->masked.size() > size - at) continue;
      std::size_t same = 0;
      while (same < needle->masked.size() && (chunk[at + same] ^ kMask) == needle->masked[same]) ++same;
      if (same == needle->masked.size()) names.insert(needle->name);
    }
}

std::set<std::string> MemorySearch::found() const {
  std::set<std::string> names;
  const base::Fd memory(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  void* const buffer =
      ::mmap(nullptr, kChunk + kOverlap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!memory || buffer == MAP_FAILED) std::abort();
  const auto own = reinterpret_cast<std::uintptr_t>(buffer);
  for (const Range& range : readableMemory())
    for (std::uintptr_t at = range.from; at < range.to;) {
      if (at >= own && at < own + kChunk + kOverlap) {
        at = (own + kChunk + kOverlap + 4095) / 4096 * 4096;  // never the copy that is being looked at
        continue;
      }
      const std::uintptr_t end = at < own ? std::min(range.to, own) : range.to;
      const std::size_t want = std::min<std::size_t>(end - at, kChunk + kOverlap);
      const ssize_t got = ::pread(memory.get(), buffer, want, static_cast<off_t>(at));
      if (got <= 0) {
        at += 4096;  // a page that cannot be read (behind the end of a mapped file)
        continue;
      }
      const auto read = static_cast<std::size_t>(got);
      scan(static_cast<const unsigned char*>(buffer), read, names);
      at += read > kChunk ? kChunk : read;
    }
  base::wipe({static_cast<std::byte*>(buffer), kChunk + kOverlap});
  ::munmap(buffer, kChunk + kOverlap);
  return names;
}

void aesSchedule(base::BytesView key, std::span<std::byte> out) {
  const auto keyByte = [&](std::size_t i) { return std::to_integer<unsigned char>(key[i]); };
  const auto outByte = [&](std::size_t i) { return std::to_integer<unsigned char>(out[i]); };
  constexpr std::array<std::size_t, 4> kRotated{29, 30, 31, 28};  // RotWord of the key's last word
  for (std::size_t i = 0; i < 32; ++i) {
    unsigned char t = 0;
    if (i < 4) {
      t = substitute(keyByte(kRotated[i])) ^ (i == 0 ? 1U : 0U);
    } else if (i >= 16 && i < 20) {
      t = substitute(outByte(i - 4));
    } else {
      t = outByte(i - 4);
    }
    out[i] = static_cast<std::byte>(keyByte(i) ^ t);
  }
}

}  // namespace tests
