// The Store on one SQLite file: WAL, synchronous=FULL, numbered migrations, group commit.
#pragma once

#include <filesystem>
#include <memory>

#include "kms/store/store.h"

namespace kms {

struct SqliteOptions {
  std::size_t cacheBytes = 8U << 20U;  // page cache of the writer; readers take a quarter
  std::size_t maxBatch = 1024;         // jobs in one transaction
};

// Makes a new, empty database with mode 0600. Errors: Conflict where the file is there.
base::Result<std::unique_ptr<Store>> createSqliteStore(const std::filesystem::path& file,
                                                       SqliteOptions options = {});
// Reads header and schema only. Errors: NotFound / DatabaseMissing; Corrupt / DatabaseCorrupt; Unsupported
// (made by a newer version); Denied.
base::Result<std::unique_ptr<Store>> openSqliteStore(const std::filesystem::path& file,
                                                     SqliteOptions options = {});

}  // namespace kms
