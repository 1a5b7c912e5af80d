#include "tests/support/scratch.h"

#include <cstdlib>

namespace tests {

Scratch::Scratch() : Scratch(std::filesystem::temp_directory_path()) {}

Scratch::Scratch(const std::filesystem::path& parent) {
  std::string name = (parent / "keydisk-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path memoryDirectory() {
  const std::filesystem::path shm = "/dev/shm";
  std::error_code wrong;
  return std::filesystem::is_directory(shm, wrong) ? shm : std::filesystem::temp_directory_path();
}

}  // namespace tests
