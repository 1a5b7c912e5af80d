// Internal to kms/store: copies a database page by page, as it was at one moment, while others write to it.
#pragma once

#include <filesystem>

#include "kms/store/sqlite_connection.h"
#include "kms/store/store.h"

namespace kms::sqlite {

// Reads on a connection of its own, whose view keeps the WAL from being emptied: it grows by what is written
// meanwhile, and above a bound the copy is given up. Errors: as Store::copyTo.
base::Result<CopyFacts> copyDatabase(const std::filesystem::path& from, const std::filesystem::path& to,
                                     const std::atomic<bool>& stop);

}  // namespace kms::sqlite
