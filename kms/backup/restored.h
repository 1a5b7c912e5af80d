// The mark of a state that came from a backup. A copy of a database is made under a mark, so that whoever
// brings it back opens it only knowingly: what was revoked or used since may count again. A final backup is
// not marked, because nothing came after it.
//
// The mark has two halves. The number `backup_made` tells when the copy was made; anybody can change it. The
// MAC in the database's note of the last checkpoint (kms/FORMATS.md, section 11) is replaced by a hash of it.
// No key is needed for that, but without the audit key nobody gets from the hash back to the MAC: so whoever
// has a backup and no key cannot make an unmarked state of it.
#pragma once

#include <optional>
#include <string_view>

#include "hal/base/clock.h"
#include "kms/store/store.h"

namespace kms::backup {

inline constexpr std::string_view kBackupMade = "backup_made";  // seconds; 0: no mark

// The note as it stands under the mark.
AuditNote markedNote(const AuditNote& note);
// Marks the copy, unless it is one of a state that was never opened and so is marked already. Errors: the
// store's.
base::Result<void> markCopy(Store& copy, base::Time made);
// When the backup was made that this state came from; nothing where there is no mark. Errors: the store's.
base::Result<std::optional<base::Time>> backupMade(StoreReader& reader);

}  // namespace kms::backup
