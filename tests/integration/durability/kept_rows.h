// Rows of a server that does not run, as its services seal them: put in before, and asked for after whatever
// happened to it.
#pragma once

#include <filesystem>
#include <string>

namespace tests {

class KeptRows {
 public:
  // Fills every sealed table of the server in `data`, which the medium in `image` opens.
  static void put(const std::filesystem::path& data, const std::filesystem::path& image);
  // That medium opens the server, and each row is there and says what it said.
  static void expectAll(const std::filesystem::path& data, const std::filesystem::path& image);
};

}  // namespace tests
