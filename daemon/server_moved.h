// The mark of a server that was moved to another host: D/security/moved. It does not start while it is there.
#pragma once

#include "daemon/data_dir.h"
#include "kms/store/store.h"

namespace kmsd {

// Durable. Errors: as base::writeFileDurably.
base::Result<void> markMoved(const DataDir& dir, base::Time at);
// Errors: Denied / ServerMoved, with when and how to take it back; as base::systemError.
base::Result<void> checkNotMoved(const DataDir& dir);
// Takes the mark off, and puts that on record first. True where there was one. Errors: the store's; as
// base::systemError.
base::Result<bool> unmarkMoved(const DataDir& dir, const base::Uuid& server, kms::Store& store);

}  // namespace kmsd
