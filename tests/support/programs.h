// The built programs.
#pragma once

#include <string>

namespace tests {

// kmsd, kmsd-media or kmsctl.
inline std::string builtProgram(const std::string& name) {
  return std::string(KEYDISK_BINARY_DIR) + "/" + name;
}

// kmsd that differs in one thing: the slots that it makes cost the least scrypt. Any kmsd opens them.
inline std::string leastKmsd() { return builtProgram("tests/least/kmsd"); }

}  // namespace tests
