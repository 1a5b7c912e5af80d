// A directory that root alone can have filled: it, each directory above it and each file taken from it belong
// to root and may be written by nobody else, and none of them is a symbolic link.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace kmsd::media {

class TrustedDir {
 public:
  // Goes down from the root, one name at a time, so that what was looked at is what is used. Errors: Denied,
  // naming the path that is wrong and the command that mends it; Invalid (no full path, or not there).
  static base::Result<TrustedDir> open(const std::filesystem::path& directory);

  // The names of what ends with `suffix` and does not begin with a dot, sorted. Errors: Denied (more than
  // `most`); those of the system.
  base::Result<std::vector<std::string>> list(std::string_view suffix, std::size_t most) const;
  // Opened for reading. Errors: as open().
  base::Result<base::Fd> openFile(const std::string& name) const;
  std::string pathOf(const std::string& name) const { return (path_ / name).string(); }

 private:
  TrustedDir(std::filesystem::path path, base::Fd fd) noexcept : path_(std::move(path)), fd_(std::move(fd)) {}
  std::filesystem::path path_;
  base::Fd fd_;
};

}  // namespace kmsd::media
