// Internal to kms/store: copies a database page by page, as it was at one moment, while others write to it.
#pragma once

#include <filesystem>
#include <functional>

#include "kms/store/sqlite_connection.h"
#include "kms/store/store.h"

namespace kms::sqlite {

// Begins a view in a moment when the whole database is in its file and nobody writes, and says true; false
// where that could not be had.
using AtRest = std::function<bool(const std::function<base::Result<void>()>& begin)>;

// Where `atRest` can give it such a view the file is copied in large pieces, else page by page. Reads on a
// connection of its own, whose view keeps the WAL from being emptied: it grows by what is written
// meanwhile, and above a bound the copy is given up. Errors: as Store::copyTo.
base::Result<CopyFacts> copyDatabase(const std::filesystem::path& from, const std::filesystem::path& to,
                                     const std::atomic<bool>& stop, const AtRest& atRest);

}  // namespace kms::sqlite
