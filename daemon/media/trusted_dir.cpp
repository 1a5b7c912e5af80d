#include "daemon/media/trusted_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "hal/base/file.h"

namespace kmsd::media {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr const char* kRule = "; drivers are loaded only from where root alone may write: ";

// `own`: the directory that was named or a file in it. One above may serve others, and is not to be changed.
Result<void> checkOwner(const struct stat& status, const std::string& path, bool own) {
  const std::string elsewhere = "put them into a directory such as /usr/local/lib/keydisk/drivers";
  if (status.st_uid != 0)
    return Error{Code::Denied, path + " belongs to user " + std::to_string(status.st_uid) +
                                   " and not to root" + kRule + (own ? "chown root " + path : elsewhere)};
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", status.st_mode & 07777U);
    return Error{Code::Denied, path + " may be written by others than root (mode " + mode.data() + ")" +
                                   kRule + (own ? "chmod go-w " + path : elsewhere)};
  }
  return {};
}

// A name in an open directory; follows no link. `kind`: S_IFDIR or S_IFREG. `own`: as checkOwner.
Result<base::Fd> step(int above, const char* name, int flags, mode_t kind, const std::string& path,
                      bool own) {
  // O_NONBLOCK: for a pipe, nobody would ever come to its other end.
  base::Fd fd(::openat(above, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == ENOENT)
    return Error{Code::Invalid, path + " is not there; --driver-dir names a directory with drivers in it"};
  struct stat status {};
  const bool link = fd ? ::fstat(fd.get(), &status) == 0 && S_ISLNK(status.st_mode) : errno == ELOOP;
  if (link)
    return Error{Code::Denied, path +
                                   " is a symbolic link; drivers are loaded from no such: name the directory "
                                   "or copy the file itself"};
  if (!fd) return base::systemError("cannot open " + path, errno);
  if ((status.st_mode & S_IFMT) != kind)
    return Error{Code::Denied, path + (kind == S_IFDIR ? " is no directory" : " is no regular file") +
                                   "; drivers are files in the directory that --driver-dir names"};
  if (auto owned = checkOwner(status, path, own); !owned) return std::move(owned).error();
  return fd;
}

}  // namespace

Result<TrustedDir> TrustedDir::open(const std::filesystem::path& directory) {
  if (!directory.is_absolute() || directory.lexically_normal() != directory)
    return Error{Code::Invalid, "--driver-dir takes a full path without . and .., not " + directory.string()};
  std::filesystem::path path;
  base::Fd fd;
  for (const auto& part : directory) {
    if (part.empty()) continue;  // the end of "/usr/lib/"
    path /= part;
    auto next =
        step(fd ? fd.get() : AT_FDCWD, part.c_str(), O_PATH, S_IFDIR, path.string(), path == directory);
    if (!next) return std::move(next).error();
    fd = *std::move(next);
  }
  return TrustedDir(std::move(path), std::move(fd));
}

Result<std::vector<std::string>> TrustedDir::list(std::string_view suffix, std::size_t most) const {
  const int fd = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return base::systemError("cannot read the directory " + path_.string(), errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(fd), &::closedir);
  if (!entries) return base::systemError("cannot read the directory " + path_.string(), errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name.starts_with('.') || !name.ends_with(suffix)) continue;
    if (names.size() == most)
      return Error{Code::Denied, "there are more than " + std::to_string(most) + " drivers in " +
                                     path_.string() + "; take some away"};
    names.emplace_back(name);
  }
  if (errno != 0) return base::systemError("cannot read the directory " + path_.string(), errno);
  std::ranges::sort(names);
  return names;
}

Result<base::Fd> TrustedDir::openFile(const std::string& name) const {
  return step(fd_.get(), name.c_str(), O_RDONLY, S_IFREG, pathOf(name), true);
}

}  // namespace kmsd::media
