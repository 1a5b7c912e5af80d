// The key slots stand in D/security/header too, so that the media can be named where the database is gone.
// The database counts: the header follows each commit that changed slots, and is mended where a crash came
// between.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/data_dir.h"
#include "kms/store/store.h"

namespace kmsd {

// With the headers of these slots; those of a size that this version does not know are left out.
ServerHeader withSlots(ServerHeader header, const std::vector<kms::SlotRow>& slots);
// Makes the file say so, unless it does. Errors: as DataDir::writeHeader.
base::Result<void> mirrorSlots(const DataDir& dir, const ServerHeader& header,
                               const std::vector<kms::SlotRow>& slots);
// The same with the slots that the database has now. Errors: also the store's.
base::Result<void> mirrorSlots(const DataDir& dir, const ServerHeader& header, kms::Store& store);

// For SqliteOptions::slotsCommitted. What it cannot write the next start mends, so it is only told to
// `failed`.
std::function<void(const std::vector<kms::SlotRow>&)> slotMirror(
    DataDir dir, ServerHeader header, std::function<void(const std::string& why)> failed);

// Which media open the server, for messages; as mediaNames.
std::string mediaNames(const ServerHeader& header);

}  // namespace kmsd
