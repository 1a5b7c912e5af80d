#include "kms/backup/restored.h"

#include "kms/backup/sha256.h"

namespace kms::backup {
namespace {

constexpr std::string_view kLabel = "keydisk/1/backup-note";

}  // namespace

AuditNote markedNote(const AuditNote& note) {
  AuditNote out = note;
  out.mac = Sha256().add(base::asBytes(kLabel)).add(note.mac).take();
  return out;
}

base::Result<void> markCopy(Store& copy, base::Time made) {
  return copy.writeAndWait([made](Txn& txn) -> base::Result<void> {
    auto before = backupMade(txn);
    if (!before) return std::move(before).error();
    if (*before) return {};
    auto note = txn.auditNote();
    if (!note) return std::move(note).error();
    if (*note)
      if (auto set = txn.setAuditNote(markedNote(**note)); !set) return set;
    return txn.setNumber(kBackupMade, made.time_since_epoch().count());
  });
}

base::Result<std::optional<base::Time>> backupMade(StoreReader& reader) {
  auto seconds = reader.number(kBackupMade);
  if (!seconds) return std::move(seconds).error();
  if (seconds->value_or(0) <= 0) return std::optional<base::Time>();
  return std::optional(base::Time(std::chrono::seconds(**seconds)));
}

}  // namespace kms::backup
