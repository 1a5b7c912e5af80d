// What a backup's header says, for people.
#pragma once

#include <string>

#include "kms/backup/backup_format.h"

namespace kmsd {

// Several lines, each ended: what it is, of whom, how much it holds, and which media open it.
std::string describeBackup(const kms::backup::Header& header);
// 'medium UUID "LABEL"', one each, joined by " or "; nothing known: "a key medium of server UUID".
std::string mediaNames(const std::vector<kms::SlotRow>& slots, const base::Uuid& server);
// "12.3 MB"
std::string sizeText(std::uint64_t bytes);

}  // namespace kmsd
