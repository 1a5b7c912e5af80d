// Looks for byte strings in all readable memory of a process. Needs the right to trace it (root).
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace tests {

struct Needle {
  std::string name;
  std::string bytes;
};

struct MemorySearch {
  std::set<std::string> found;  // names of needles
  std::size_t bytesRead = 0;
};

// REQUIRES: the needles' own copies are in another process.
MemorySearch searchMemory(pid_t pid, const std::vector<Needle>& needles);

}  // namespace tests
