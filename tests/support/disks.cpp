#include "tests/support/disks.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/run.h"

namespace tests {
namespace {

constexpr std::uintmax_t kMiB = 1024 * 1024;

void must(const std::vector<std::string>& command, const std::string& input = {}) {
  const Ran ran = run(command, input);
  ASSERT_EQ(ran.exit, 0) << command[0] << ": " << ran.err << ran.out;
}

// mtools' name of the volume at an offset of an image.
std::string volume(const std::filesystem::path& image, std::uintmax_t offset) {
  return image.string() + "@@" + std::to_string(offset);
}

void putKeyFile(const std::filesystem::path& image, std::uintmax_t offset, const std::string& keyText) {
  if (!keyText.empty()) must({"mcopy", "-i", volume(image, offset), "-", "::KMSPWD.INI"}, keyText);
}

std::uintmax_t sizeFor(int bits) { return bits == 12 ? 2 * kMiB : bits == 16 ? 32 * kMiB : 64 * kMiB; }

}  // namespace

std::string readKeyText(const std::filesystem::path& image) {
  return run({"mtype", "-i", image.string(), "::KMSPWD.INI"}).out;
}

void makeZeros(const std::filesystem::path& image, std::uintmax_t bytes) {
  std::ofstream(image, std::ios::binary).close();
  std::filesystem::resize_file(image, bytes);
}

void makeFat(const std::filesystem::path& image, int bits, const std::string& keyText) {
  makeZeros(image, sizeFor(bits));
  must({"mkfs.fat", "-F", std::to_string(bits), image.string()});
  putKeyFile(image, 0, keyText);
}

void makeDiskette(const std::filesystem::path& image, const std::string& keyText) {
  must({"mformat", "-C", "-f", "1440", "-i", image.string(), "::"});
  putKeyFile(image, 0, keyText);
}

void makePartitioned(const std::filesystem::path& image, const std::string& table, int bits,
                     const std::string& keyText) {
  makeZeros(image, sizeFor(bits) + 2 * kMiB);
  must({"sfdisk", "-q", image.string()},
       "label: " + table + "\nstart=2048, size=" + std::to_string(sizeFor(bits) / 512) +
           (table == "gpt" ? ", type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n" : ", type=c\n"));
  must({"mkfs.fat", "-F", std::to_string(bits), "--offset=2048", image.string(),
        std::to_string(sizeFor(bits) / 1024)});
  putKeyFile(image, kMiB, keyText);
}

void overwrite(const std::filesystem::path& image, std::uintmax_t at, const std::string& bytes) {
  std::fstream file(image, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.good());
}

}  // namespace tests
