// Runs a program and ends it, with all its threads and children, before its n-th call that changes files: as
// when the power goes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace tests {

struct KilledRun {
  bool killed = false;
  int exit = -1;              // where it came to its end
  std::uint64_t changes = 0;  // calls that were let through
};

// Calls count that change what is under `watched`, or sync it, and those that make, rename or remove a file
// anywhere. `n`: from 1 on; 0: never. Aborts the test program where nothing can be traced.
KilledRun runKilledAt(const std::vector<std::string>& command, const std::filesystem::path& watched,
                      std::uint64_t n);
// Does something before that call instead, and lets the program go on: takes a disk away, say. `killed` tells
// that it was done.
KilledRun runDisturbedAt(const std::vector<std::string>& command, const std::filesystem::path& watched,
                         std::uint64_t n, std::function<void()> action);
// Whether this process may trace others.
bool canTrace();

}  // namespace tests
