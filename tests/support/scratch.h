// A directory of its own for a test, gone when the test ends.
#pragma once

#include <filesystem>
#include <string>

namespace tests {

class Scratch {
 public:
  Scratch();
  explicit Scratch(const std::filesystem::path& parent);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Where a sync costs nothing: in memory, where there is such a place.
std::filesystem::path memoryDirectory();

}  // namespace tests
