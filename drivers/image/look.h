// What an image target shows from outside: which files are images, and what each is like at this moment.
// Reads no content.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "hal/base/result.h"

struct stat;

namespace drivers::image {

inline constexpr std::size_t kMaxImages = 64;  // slots of one directory; more are named in an error

struct Look {
  bool present = false;
  bool writeProtected = false;
  std::string stamp;                 // empty where there is nothing
  std::optional<base::Error> error;  // the stamp tells errors apart, too
};

// Path of the slot -> what is there, sorted by path.
using Looks = std::map<std::string, Look>;

// A name that counts in a directory: *.img in any case, no dot-file, UTF-8 without control characters.
bool isImageName(std::string_view name);
bool isDirectory(const std::string& path);

// The target itself where it is a file, an absent one or cannot be looked at; each image in it where it is a
// directory.
Looks lookAt(const std::string& target);
// One file. In a directory a symbolic link, a device, a FIFO or a socket counts as nothing.
Look lookAtFile(const std::string& path, bool inDirectory);

// Tells one state of a regular file from every other: device, inode, size, times of content and of the inode.
std::string stampOf(const struct stat& file);

}  // namespace drivers::image
