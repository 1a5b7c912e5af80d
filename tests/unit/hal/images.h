// Disk images made by the tools that others use: mtools, mkfs.fat, sfdisk, sgdisk.
#pragma once

#include <string>
#include <vector>

#include "hal/block_device.h"
#include "hal/key_disk.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {

// A key file as hand-typed, with a sound pwd.
extern const char* const kHandTyped;

base::Deadline soon();

// Runs a tool (mtools without its own opinion on odd geometries); throws where it fails.
std::string tool(std::vector<std::string> command, const std::string& input = {});

// An image that holds one FAT volume.
class Image {
 public:
  // `size` bytes of zeros.
  Image(const Scratch& scratch, std::uint64_t size, const std::string& name = "disk.img");

  // mkfs.fat with these options, over the whole image or `kib` KiB at `offset` bytes.
  Image& mkfs(std::vector<std::string> options, std::uint64_t offset = 0, std::uint64_t kib = 0);
  // Writes a file into the volume's root under this name.
  Image& put(const std::string& name, const std::string& content);
  // Writes KMSPWD.INI into a new FAT32 volume by hand, where mtools will not: it takes a small one for FAT16.
  Image& plant(const std::string& content);
  Image& remove(const std::string& name);
  // The volume that mkfs, put and remove speak of.
  Image& at(std::uint64_t offset);

  const std::string& path() const { return path_; }
  std::string drive() const { return path_ + "@@" + std::to_string(offset_); }
  base::Bytes bytes() const;
  std::unique_ptr<hal::BlockDevice> open(bool writable = false) const;
  // The key file's text, or "reason N: sentence".
  std::string read() const;

 private:
  std::string path_;
  std::string folder_;
  std::uint64_t offset_ = 0;
};

std::string readText(hal::BlockDevice& device);
base::Reason reasonOf(hal::BlockDevice& device);

}  // namespace tests
