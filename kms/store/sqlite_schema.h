// Internal to kms/store: the tables as numbered migrations, and the check that a file holds just these.
#pragma once

#include <cstdint>
#include <span>

#include "kms/store/sqlite_connection.h"

namespace kms::sqlite {

constexpr std::int64_t kApplicationId = 0x6b64736b;  // "kdsk", at offset 68 of the file

// Scripts in order; script i takes the schema from version i to i + 1. Append only.
std::span<const char* const> migrations();

// Runs what is missing, each script in a transaction of its own that also sets user_version.
// Errors: Unsupported where the file is newer than the scripts.
base::Result<void> migrate(Connection& db, std::span<const char* const> scripts);

// Errors: Corrupt / DatabaseCorrupt where the file is another program's, has no schema, or its schema is not
// to the letter what the scripts up to its version make (a missing table, a foreign trigger).
base::Result<void> checkSchema(Connection& db, std::span<const char* const> scripts);

}  // namespace kms::sqlite
