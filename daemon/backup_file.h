// Reads a backup from a file.
#pragma once

#include <filesystem>

#include "hal/base/fd.h"
#include "kms/backup/check.h"

namespace kmsd {

class BackupFile {
 public:
  // Errors: Invalid (a directory, a pipe, a device); as base::systemError.
  static base::Result<BackupFile> open(std::filesystem::path path);

  // The whole file, through a check. Ends with Interrupted once StopFlag is raised. Errors: as
  // kms::backup::Check, and base::systemError.
  base::Result<void> read(kms::backup::Check::Sink sink) const;
  // The header alone. Errors: the same.
  base::Result<kms::backup::Header> header() const;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  BackupFile(std::filesystem::path path, base::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  base::Result<std::size_t> readAt(std::uint64_t offset, std::span<std::byte> out) const;

  std::filesystem::path path_;
  base::Fd fd_;
};

}  // namespace kmsd
