// Acceptance, as far as a medium tells of the state that was seen last.
#include <algorithm>
#include <cstdint>

#include "kms/backup/acceptance.h"
#include "kms/backup/sha256.h"
#include "kms/keys/medium_keys.h"

namespace kms::backup {
namespace {

using base::Result;

MediumMac macOf(MediumKeys& keys) {
  return [&keys](base::BytesView message) { return keys.mediumMac(message); };
}

base::Error noKeys() { return {base::Code::Unsupported, "this vault notes nothing on media"}; }

}  // namespace

// The salt of an epoch is random: another state that counted as far does not have it. Which checkpoint was
// the last is proved by its MAC when the log is verified, so that nobody makes an old copy look newer by a
// salt that he has put into it.
Result<bool> Acceptance::has(StoreReader& reader, const MediumRecord& record) const {
  if (record.epoch == 0 || record.epoch > static_cast<std::uint64_t>(INT64_MAX)) return false;
  auto epoch = reader.epoch(static_cast<std::int64_t>(record.epoch));
  if (!epoch) return std::move(epoch).error();
  if (!*epoch || Sha256().add((*epoch)->salt).take() != record.salt) return false;
  auto note = reader.auditNote();
  if (!note) return std::move(note).error();
  const std::int64_t last = *note ? (*note)->number : 0;
  return last >= 0 && static_cast<std::uint64_t>(last) >= record.audit;
}

Result<std::optional<Acceptance::Marked>> Acceptance::laterOnMedium(StoreReader& reader,
                                                                    OpenKeys& keys) const {
  if (sectors_.empty()) return std::optional<Marked>();
  auto* const noting = dynamic_cast<MediumKeys*>(&keys);
  if (noting == nullptr) return noKeys();
  const auto view = viewMedium(sectors_, server_, keys.rootGeneration(), macOf(*noting));
  if (!view) return view.error();
  Marked later;
  later.byMedium = true;
  if (view->later)
    return std::optional(later);  // nobody can tell its MAC here; who opens it does so knowingly
  if (!view->newest) return std::optional<Marked>();
  auto known = has(reader, *view->newest);
  if (!known) return std::move(known).error();
  if (*known) return std::optional<Marked>();
  later.noted = view->newest->written;
  return std::optional(later);
}

Result<std::vector<Acceptance::MediumWrite>> Acceptance::mediumWrites(base::BytesView sectors,
                                                                      const base::Uuid& medium) {
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  auto* const noting = dynamic_cast<MediumKeys*>(&**keys);
  if (noting == nullptr) return noKeys();
  const auto view = viewMedium(sectors, server_, (*keys)->rootGeneration(), macOf(*noting));
  if (!view) return view.error();
  MediumRecord record;
  record.rootGeneration = (*keys)->rootGeneration();
  record.server = server_;
  record.medium = medium;
  record.number = view->newest ? view->newest->number : 0;
  record.epoch = static_cast<std::uint64_t>(noting->epoch());
  record.written = clock_.now();
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto epoch = reader.epoch(noting->epoch());
    if (!epoch) return std::move(epoch).error();
    if (!*epoch)
      return base::Error{base::Code::Corrupt, "the sealing epoch is gone from the database",
                         base::Reason::DatabaseCorrupt};
    record.salt = Sha256().add((*epoch)->salt).take();
    auto note = reader.auditNote();
    if (!note) return std::move(note).error();
    if (*note) record.audit = static_cast<std::uint64_t>(std::max<std::int64_t>((*note)->number, 0));
    return {};
  });
  if (!read) return std::move(read).error();
  std::vector<MediumWrite> writes;
  for (const unsigned which : view->next) {
    ++record.number;
    record.mac = noting->mediumMac(signedPart(record));
    writes.push_back({which, encodeSector(record)});
  }
  return writes;
}

}  // namespace kms::backup
