#include "tests/support/process.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace tests {
namespace {

std::filesystem::path procOf(pid_t pid) { return "/proc/" + std::to_string(pid); }

std::size_t entriesOf(const std::filesystem::path& directory) {
  const std::filesystem::directory_iterator all(directory);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

std::size_t residentKilobytes(pid_t pid) {
  std::ifstream in(procOf(pid) / "status");
  std::string word;
  while (in >> word) {
    if (word != "VmRSS:") continue;
    std::size_t kilobytes = 0;
    in >> kilobytes;
    return kilobytes;
  }
  return 0;
}

std::size_t openDescriptors(pid_t pid) { return entriesOf(procOf(pid) / "fd"); }
std::size_t threadCount(pid_t pid) { return entriesOf(procOf(pid) / "task"); }

}  // namespace tests
