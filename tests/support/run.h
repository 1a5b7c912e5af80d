// Runs a program with arguments (no shell) and gives back what it said.
#pragma once

#include <string>
#include <vector>

namespace tests {

struct Ran {
  int exit = -1;  // 128 + signal where it was killed
  std::string out;
  std::string err;
};

// Aborts the test program after 60 s without an end.
Ran run(const std::vector<std::string>& command, const std::string& input = {});

}  // namespace tests
