// RestoredServer: a server that is made from a backup. All is made in D/security.new and becomes D/security
// at the end by one rename, so that an interruption at any moment leaves the old state or the new one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "daemon/backup_file.h"
#include "daemon/data_dir.h"

namespace kmsd {

struct RestoreOptions {
  bool replace = false;             // a server that is there is put aside
  bool acceptUnsigned = false;      // nobody can tell who made the backup
  std::optional<base::Uuid> other;  // the id of the server that is put aside, where it is another one's
};

// What can be said before anything is read but the header, and before anything changes. Errors: Unsupported
// (a newer schema); Denied / BackupUnsigned; Conflict / ServerExists; Denied where `other` is missing or
// wrong; as checkGround.
base::Result<void> checkRestore(const kms::backup::Header& header, const std::filesystem::path& root,
                                const RestoreOptions& options);

struct Restored {
  kms::backup::Header header;
  std::filesystem::path aside;  // what the server that was there is called now; empty: there was none
};
// Ends with Interrupted once StopFlag is raised; then nothing has changed. Errors: as checkRestore; Conflict
// / LockHeld; Unavailable / NoSpace; as readBackup; as kms::openSqliteStore for what came out.
base::Result<Restored> restoreServer(const BackupFile& file, const std::filesystem::path& root,
                                     const RestoreOptions& options);

}  // namespace kmsd
