// A directory of backups of which the newest are kept: kms-SERVER-TIME.kdb, where SERVER is the first 8
// digits of the server's id and TIME is UTC, such as 20260131T235959Z. Other files are left alone.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/result.h"
#include "hal/base/uuid.h"

namespace kmsd::ctl {

std::string backupName(const base::Uuid& server, base::Time made);
// Those of this server in the directory, the oldest first.
base::Result<std::vector<std::filesystem::path>> backupsIn(const std::filesystem::path& directory,
                                                           const base::Uuid& server);
// Deletes all but `made`, which counts as the newest whatever the clock said, and the newest of the others,
// so that `keep` of them stay; gives how many. Errors: as base::systemError. REQUIRES: keep > 0.
base::Result<std::size_t> dropOldBackups(const std::filesystem::path& made, const base::Uuid& server,
                                         std::size_t keep);

}  // namespace kmsd::ctl
