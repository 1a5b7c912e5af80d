// Drivers built as others build theirs: against the installed headers, by pkg-config; and a directory of
// root's to load them from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {

// Builds tests/plugin/example/SOURCE with more flags. Installs the headers at the first call.
void buildDriver(const std::string& source, const std::vector<std::string>& flags,
                 const std::filesystem::path& to);

// An empty directory of mode 0755 in one where root alone writes, which /tmp is not.
class PluginDir {
 public:
  PluginDir();
  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  // Builds a driver into it, mode 0644.
  std::string build(const std::string& name, const std::string& source,
                    const std::vector<std::string>& flags = {}) const;

 private:
  Scratch scratch_{"/var/lib"};
  std::filesystem::path path_ = scratch_ / "drivers";
};

Ran kmsd(std::vector<std::string> arguments);

}  // namespace tests
