#include "drivers/image/look.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

#include "hal/base/file.h"
#include "hal/base/utf8.h"
#include "hal/block_facts.h"

namespace drivers::image {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

Look failed(const std::string& path, int error) {
  Look look;
  look.stamp = "error " + std::to_string(error);
  if (error == EACCES || error == EPERM) {
    look.error = base::Error{base::Code::Denied,
                             path +
                                 " may not be read; give the user that runs this program the right to read "
                                 "it and to enter its directories",
                             base::Reason::MediumNotPermitted};
  } else {
    look.error = base::systemError("cannot look at " + path, error);
  }
  return look;
}

Look refused(const std::string& path, const std::string& why) {
  Look look;
  look.stamp = why;
  look.error = base::Error{base::Code::Unsupported, path + " " + why};
  return look;
}

// Root may write where no mode bit says so; taking the bits away is still how a file is protected.
bool fileWriteProtected(const std::string& path, const struct stat& file) {
  constexpr mode_t kAnyWrite = S_IWUSR | S_IWGRP | S_IWOTH;
  return (file.st_mode & kAnyWrite) == 0 || ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0;
}

Look lookAtBlock(const std::string& path, dev_t device) {
  auto facts = hal::blockFacts(device);
  Look look;
  if (!facts) {
    look.stamp = facts.error().what;
    look.error = std::move(facts).error();
    return look;
  }
  look.present = facts->size > 0;
  look.writeProtected = facts->writeProtected || ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0;
  if (look.present) look.stamp = facts->stamp;
  return look;
}

// Keeps the first names in order without holding more than kMaxImages + 1 of them.
void addBounded(std::set<std::string>& names, std::string_view name) {
  names.emplace(name);
  if (names.size() > kMaxImages + 1) names.erase(std::prev(names.end()));
}

Looks lookAtDirectory(const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (!directory) return {{path, failed(path, errno)}};
  std::set<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (isImageName(entry->d_name)) addBounded(names, entry->d_name);
    errno = 0;
  }
  if (errno != 0) return {{path, failed(path, errno)}};
  Looks looks;
  if (names.size() > kMaxImages) {
    names.erase(std::prev(names.end()));
    const std::string why =
        "holds more than " + std::to_string(kMaxImages) + " images; the rest, by name, is left out";
    looks.emplace(path, refused(path, why));
  }
  for (const std::string& name : names) {
    const std::string file = path + "/" + name;
    Look look = lookAtFile(file, true);
    if (look.present || look.error) looks.emplace(file, std::move(look));
  }
  return looks;
}

}  // namespace

bool isImageName(std::string_view name) {
  constexpr std::string_view kExtension = ".img";
  if (name.size() <= kExtension.size() || name.front() == '.') return false;
  const std::string_view end = name.substr(name.size() - kExtension.size());
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  const bool fits = std::ranges::equal(end, kExtension, {}, lower);
  return fits && name.find('/') == std::string_view::npos && base::validUtf8(name) && !base::hasControl(name);
}

bool isDirectory(const std::string& path) {
  struct stat at {};
  return ::stat(path.c_str(), &at) == 0 && S_ISDIR(at.st_mode);
}

std::string stampOf(const struct stat& file) {
  const auto time = [](const timespec& t) {
    return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec);
  };
  return std::to_string(file.st_dev) + "/" + std::to_string(file.st_ino) + "/" +
         std::to_string(file.st_size) + "/" + time(file.st_mtim) + "/" + time(file.st_ctim);
}

Look lookAtFile(const std::string& path, bool inDirectory) {
  struct stat at {};
  if (::fstatat(AT_FDCWD, path.c_str(), &at, inDirectory ? AT_SYMLINK_NOFOLLOW : 0) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return failed(path, errno);
  }
  if (S_ISBLK(at.st_mode) && !inDirectory) return lookAtBlock(path, at.st_rdev);
  if (!S_ISREG(at.st_mode)) {
    return inDirectory ? Look{} : refused(path, "is neither a file, nor a directory, nor a block device");
  }
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0) return failed(path, errno);
  Look look;
  look.present = true;
  look.writeProtected = fileWriteProtected(path, at);
  look.stamp = stampOf(at);
  return look;
}

Looks lookAt(const std::string& target) {
  if (isDirectory(target)) return lookAtDirectory(target);
  Looks looks;
  looks.emplace(target, lookAtFile(target, false));
  return looks;
}

}  // namespace drivers::image
