#include "daemon/slot_change.h"

#include <algorithm>

#include "hal/base/clock.h"
#include "kms/keys/slot_facts.h"

namespace kmsd {
namespace {

using base::Error;
using base::Result;

struct Fresh {
  hal::KeyFile file;
  base::SecretBuffer text;
  kms::SlotRow row;
};

Result<Fresh> makeFresh(const kms::SlotDesk& desk, const NewMedium& wanted) {
  auto key = base::MasterKey::generate(desk.rng());
  if (!key) return std::move(key).error();
  const base::Uuid medium = base::Uuid::generate(desk.rng());
  hal::KeyFile file{*std::move(key),
                    hal::MediumIdentity{wanted.server, medium, wanted.label, desk.clock().now()},
                    false,
                    {}};
  auto text = hal::formatKeyFile(file);
  if (!text) return std::move(text).error();
  auto row = desk.wrap({&file.key, medium, wanted.label, wanted.passphrase}, wanted.cost);
  if (!row) return std::move(row).error();
  return Fresh{std::move(file), *std::move(text), *std::move(row)};
}

// Reads the medium and opens the slot with what it gives.
Result<void> prove(const kms::SlotDesk& desk, const Fresh& fresh, const NewMedium& wanted,
                   KeyWriter& writer) {
  auto back = writer.readBack();
  if (!back) return std::move(back).error();
  if (!base::equalConstantTime(back->bytes(), fresh.text.bytes()))
    return Error{base::Code::Io,
                 "the medium gives back another text than was written to it; take another medium"};
  auto file = hal::parseKeyFile(back->bytes());
  if (!file) return std::move(file).error();
  return desk.prove(fresh.row, file->key, wanted.passphrase);
}

}  // namespace

Result<Made> addMedium(const kms::SlotDesk& desk, const NewMedium& wanted, KeyWriter& writer,
                       const AlongOf& along) {
  auto fresh = makeFresh(desk, wanted);
  if (!fresh) return std::move(fresh).error();
  const base::Uuid medium = fresh->file.identity->medium;
  if (auto written = writer.write(fresh->text.bytes()); !written) return std::move(written).error();
  if (auto proved = prove(desk, *fresh, wanted, writer); !proved) return std::move(proved).error();
  if (auto added = desk.add(fresh->row, along(medium)); !added) {
    Error why = std::move(added).error();
    why.what += "; the key on the medium opens nothing";
    return why;
  }
  return Made{medium, std::move(fresh->file.key)};
}

Result<Made> rekeyMedium(const kms::SlotDesk& desk, const base::Uuid& old, const NewMedium& wanted,
                         KeyWriter& writer, const RekeyRecords& records) {
  auto fresh = makeFresh(desk, wanted);
  if (!fresh) return std::move(fresh).error();
  const base::Uuid medium = fresh->file.identity->medium;
  if (auto added = desk.add(fresh->row, records.begun(medium), old); !added) return std::move(added).error();
  auto done = writer.write(fresh->text.bytes());
  // A write that tells of a failure may have come through all the same.
  auto proved = prove(desk, *fresh, wanted, writer);
  if (!proved) {
    Error why = done ? std::move(proved).error() : std::move(done).error();
    // Only a medium that shows another text than the new one does not have the new key.
    const auto back = writer.readBack();
    const bool another = back && !base::equalConstantTime(back->bytes(), fresh->text.bytes());
    if (!another || !desk.drop(medium, records.undone(medium)))
      why.what +=
          "; the medium may have its new key, so both keys count: run 'kmsd rekey' with it once more, or "
          "retire " +
          old.text() + " or " + medium.text();
    return why;
  }
  if (auto dropped = desk.drop(old, records.ended(medium)); !dropped) return std::move(dropped).error();
  return Made{medium, std::move(fresh->file.key)};
}

Result<Settled> settleRekey(const kms::SlotDesk& desk, const base::Uuid& shown, const RekeyRecords& records) {
  const auto slots = kms::slotFacts(desk.store());
  if (!slots) return Error(slots.error());
  const auto mine = std::ranges::find_if(
      *slots, [&](const kms::SlotFacts& slot) { return slot.header && slot.header->medium == shown; });
  if (mine == slots->end()) return kms::noSuchSlot(shown);
  for (const kms::SlotFacts& other : *slots) {
    if (!other.header) continue;
    const bool before = mine->replaces == other.id;
    if (!before && other.replaces != mine->id) continue;
    const base::Uuid gone = other.header->medium;
    auto dropped = desk.drop(gone, before ? records.ended(shown) : records.undone(gone));
    if (!dropped) return std::move(dropped).error();
    return Settled{before ? RekeyLeft::Ended : RekeyLeft::Undone, gone};
  }
  return Settled{};
}

}  // namespace kmsd
