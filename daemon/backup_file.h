// Reads a backup from a file.
#pragma once

#include <filesystem>

#include "kms/backup/check.h"

namespace kmsd {

// The whole file, through a check. Ends with Interrupted once StopFlag is raised. Errors: as
// kms::backup::Check, and base::systemError.
base::Result<void> readBackup(const std::filesystem::path& file, kms::backup::Check::Sink sink);
// The header alone. Errors: the same.
base::Result<kms::backup::Header> readBackupHeader(const std::filesystem::path& file);

}  // namespace kmsd
