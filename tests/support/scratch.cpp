#include "tests/support/scratch.h"

#include <cstdlib>

namespace tests {

Scratch::Scratch() {
  std::string name = (std::filesystem::temp_directory_path() / "keydisk-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace tests
