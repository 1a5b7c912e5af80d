// Key disks as others make them: with mtools, dosfstools and partitioning tools; and disks that are wrong.
#pragma once

#include <filesystem>
#include <string>

namespace tests {

// The text of the key file on an image, read by mtools.
std::string readKeyText(const std::filesystem::path& image);
// Zeros of this size.
void makeZeros(const std::filesystem::path& image, std::uintmax_t bytes);
// A FAT volume by mkfs.fat (bits 12, 16 or 32) on the whole image, with the key text on it where it is not
// empty.
void makeFat(const std::filesystem::path& image, int bits, const std::string& keyText);
// The same by mformat, a 1.44 MB diskette.
void makeDiskette(const std::filesystem::path& image, const std::string& keyText);
// The same inside a partition ("dos" or "gpt") that starts at 1 MiB.
void makePartitioned(const std::filesystem::path& image, const std::string& table, int bits,
                     const std::string& keyText);
void overwrite(const std::filesystem::path& image, std::uintmax_t at, const std::string& bytes);

}  // namespace tests
