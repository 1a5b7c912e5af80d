// The Store on one SQLite file: WAL, synchronous=FULL, numbered migrations, group commit. What another
// program writes to the file is seen at the latest after the next commit here.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include "kms/store/store.h"

namespace kms {

struct SqliteOptions {
  std::size_t cacheBytes = 8U << 20U;  // page cache of the writer; readers take a quarter
  std::size_t maxBatch = 1024;         // jobs in one transaction
  bool unsynced = false;               // of a copy that nobody goes on with after a crash
  // Called after each commit with the number of jobs in it and how long they and the commit took, by the
  // thread that committed: it must be quick, must not write and must not throw.
  std::function<void(std::size_t jobs, std::chrono::nanoseconds took)> committed{};
  // Called after each commit that added or removed a key slot, with all slots that are there now. As above.
  std::function<void(const std::vector<SlotRow>& slots)> slotsCommitted{};
  // SQLite finds the file itself damaged. That is never said of a single row, however forged: SQLite knows
  // nothing of what the rows hold. Called by any thread, perhaps often; it must be quick and must not use the
  // store.
  std::function<void(const base::Error& why)> damaged{};
};

// The newest format that this program knows.
std::uint32_t storeSchema() noexcept;
// Makes a new, empty database with mode 0600. Errors: Conflict where the file is there.
base::Result<std::unique_ptr<Store>> createSqliteStore(const std::filesystem::path& file,
                                                       SqliteOptions options = {});
// Reads header and schema only. Errors: NotFound / DatabaseMissing; Corrupt / DatabaseCorrupt; Unsupported
// (made by a newer version); Denied.
base::Result<std::unique_ptr<Store>> openSqliteStore(const std::filesystem::path& file,
                                                     SqliteOptions options = {});

}  // namespace kms
