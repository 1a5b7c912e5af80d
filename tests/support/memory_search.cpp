#include "tests/support/memory_search.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "hal/base/fd.h"

namespace tests {
namespace {

struct Region {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

std::vector<Region> readableRegions(pid_t pid) {
  std::vector<Region> regions;
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto dash = line.find('-');
    const auto blank = line.find(' ');
    if (line[blank + 1] != 'r' || line.find("[vvar]") != std::string::npos) continue;
    Region region;
    std::from_chars(line.data(), line.data() + dash, region.from, 16);
    std::from_chars(line.data() + dash + 1, line.data() + blank, region.to, 16);
    regions.push_back(region);
  }
  return regions;
}

}  // namespace

MemorySearch searchMemory(pid_t pid, const std::vector<Needle>& needles) {
  constexpr std::size_t kChunk = std::size_t{4} << 20U;
  std::size_t longest = 0;
  for (const Needle& needle : needles) longest = std::max(longest, needle.bytes.size());
  MemorySearch search;
  const base::Fd memory(::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  std::string chunk(kChunk + longest, '\0');
  for (const Region& region : readableRegions(pid)) {
    for (std::uint64_t at = region.from; at < region.to; at += kChunk) {
      const auto want = std::min<std::uint64_t>(chunk.size(), region.to - at);
      const ssize_t got = ::pread(memory.get(), chunk.data(), want, static_cast<off_t>(at));
      if (got <= 0) continue;
      search.bytesRead += static_cast<std::size_t>(got);
      const std::string_view here(chunk.data(), static_cast<std::size_t>(got));
      for (const Needle& needle : needles) {
        if (here.find(needle.bytes) != std::string_view::npos) search.found.insert(needle.name);
      }
    }
  }
  return search;
}

}  // namespace tests
