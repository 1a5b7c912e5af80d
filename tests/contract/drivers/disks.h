// Disks as others make them (mtools), and every way in which they can be wrong.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "drivers/mock/drive.h"

namespace tests {

using Disk = drivers::mock::Content;

// A key file that a person could have typed; its check character need not fit, drivers do not parse it.
std::string keyText(char filler);

// The bytes of a 1.44 MB disk. `text` is the key file of Disk::Key.
std::string diskBytes(Disk disk, const std::string& text);

void writeFile(const std::filesystem::path& path, const std::string& bytes);
std::string readFile(const std::filesystem::path& path);

}  // namespace tests
