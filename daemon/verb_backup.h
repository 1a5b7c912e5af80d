// `kmsd backup` and `kmsd backup check`: with the daemon stopped, and of any backup file.
#pragma once

#include <string>
#include <vector>

#include "daemon/cli.h"
#include "kms/backup/source.h"

namespace kmsd {

// Reads the medium and opens one of these slots with it; asks for a passphrase where the slot wants one and
// somebody can be asked. Errors: as readShown and kms::backup::signerOf.
base::Result<kms::backup::Sign> signerOfMedium(const std::string& uri, const Parsed& parsed,
                                               const std::vector<kms::SlotRow>& slots,
                                               const base::Uuid& server);

extern const VerbSpec kBackupVerb;
extern const VerbSpec kBackupCheckVerb;

}  // namespace kmsd
