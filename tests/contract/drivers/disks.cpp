#include "tests/contract/drivers/disks.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

constexpr std::size_t kSize = 1'474'560;
constexpr std::size_t kRootAt = 19 * 512;  // of a 1.44 MB FAT12 volume: boot sector and two tables before it
constexpr std::size_t kEntry = 32;

void require(const Ran& ran) {
  if (ran.exit == 0) return;
  std::fprintf(stderr, "%s", ran.err.c_str());
  std::abort();
}

std::string formatted(const std::string& file, const std::string& content) {
  const Scratch scratch;
  const std::string image = (scratch / "disk.img").string();
  writeFile(image, std::string(kSize, '\0'));
  require(run({"mformat", "-i", image, "-f", "1440", "-v", "KMSKEY", "::"}));
  if (!file.empty()) {
    writeFile(scratch / "content", content);
    require(run({"mcopy", "-i", image, (scratch / "content").string(), "::" + file}));
  }
  return readFile(image);
}

// Its directory entry sends the key file to a cluster far behind the end of the volume.
std::string damaged() {
  std::string bytes = formatted("KMSPWD.INI", keyText('A'));
  for (std::size_t at = kRootAt; at < kRootAt + 16 * kEntry; at += kEntry) {
    if (bytes.compare(at, 11, "KMSPWD  INI") != 0) continue;
    bytes[at + 26] = '\xF0';
    bytes[at + 27] = '\x0E';
    return bytes;
  }
  std::abort();
}

}  // namespace

std::string keyText(char filler) {
  std::string text = "[config]\r\npwd=" + std::string(14, filler) + "\r\n;";
  text.resize(510, ' ');
  return text + "\r\n";
}

std::string diskBytes(Disk disk, const std::string& text) {
  switch (disk) {
    case Disk::Unformatted:
      return std::string(kSize, '\0');
    case Disk::NotFat:
      return std::string(kSize, 'x');
    case Disk::Blank:
      return formatted("", "");
    case Disk::Files:
      return formatted("LETTER.TXT", "Dear reader");
    case Disk::Damaged:
      return damaged();
    case Disk::Key:
      return formatted("KMSPWD.INI", text);
  }
  std::abort();
}

void writeFile(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string readFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace tests
