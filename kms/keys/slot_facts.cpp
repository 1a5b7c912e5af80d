#include "kms/keys/slot_facts.h"

#include <algorithm>

namespace kms {
namespace {

constexpr std::string_view kLastId = "slot_last_id";      // the highest that was ever given
constexpr std::string_view kUsed = "slot_used_";          // and the slot's id: seconds since 1970
constexpr std::string_view kReplaces = "slot_replaces_";  // and the slot's id: the id of another

std::string nameFor(std::string_view name, std::int64_t slot) {
  return std::string(name) + std::to_string(slot);
}

}  // namespace

base::Result<std::vector<SlotFacts>> slotFacts(StoreReader& reader) {
  auto rows = reader.slots();
  if (!rows) return std::move(rows).error();
  std::vector<SlotFacts> all;
  for (const SlotRow& row : *rows) {
    SlotFacts facts;
    facts.id = row.id;
    auto header = parseSlotHeader(row.header);
    if (header) {
      facts.header = *std::move(header);
    } else {
      facts.fault = header.error().what;
    }
    const auto used = reader.number(nameFor(kUsed, row.id));
    if (!used) return base::Error(used.error());
    if (*used) facts.lastUsed = base::Time(std::chrono::seconds(**used));
    const auto old = reader.number(nameFor(kReplaces, row.id));
    if (!old) return base::Error(old.error());
    if (*old && std::ranges::find(*rows, **old, &SlotRow::id) != rows->end()) facts.replaces = *old;
    all.push_back(std::move(facts));
  }
  return all;
}

base::Result<std::vector<SlotFacts>> slotFacts(Store& store) {
  std::vector<SlotFacts> all;
  auto read = store.read([&](StoreReader& reader) -> base::Result<void> {
    auto found = slotFacts(reader);
    if (!found) return std::move(found).error();
    all = *std::move(found);
    return {};
  });
  if (!read) return std::move(read).error();
  return all;
}

base::Result<std::vector<SlotRow>> slotRows(Store& store) {
  std::vector<SlotRow> rows;
  auto read = store.read([&rows](StoreReader& reader) -> base::Result<void> {
    auto found = reader.slots();
    if (!found) return std::move(found).error();
    rows = *std::move(found);
    return {};
  });
  if (!read) return std::move(read).error();
  return rows;
}

base::Result<void> noteSlotUsed(Txn& txn, std::int64_t slot, base::Time at) {
  return txn.setNumber(nameFor(kUsed, slot), at.time_since_epoch().count());
}

base::Result<void> noteReplaces(Txn& txn, std::int64_t id, std::int64_t old) {
  return txn.setNumber(nameFor(kReplaces, id), old);
}

base::Error lastSlot(const base::Uuid& medium) {
  return {base::Code::Denied,
          "the medium " + medium.text() +
              " is the last one that opens this server, so it is not retired; make another "
              "with 'kmsd medium add' first"};
}

base::Error noSuchSlot(const base::Uuid& medium) {
  return {base::Code::NotFound, "no key slot is for the medium " + medium.text() +
                                    "; 'kmsd medium list --slots' shows those that are"};
}

base::Result<std::int64_t> noteSlotIds(Txn& txn) {
  const auto last = txn.number(kLastId);
  if (!last) return base::Error(last.error());
  const auto rows = txn.slots();
  if (!rows) return base::Error(rows.error());
  std::int64_t highest = last->value_or(0);
  for (const SlotRow& row : *rows) highest = std::max(highest, row.id);
  if (auto noted = txn.setNumber(kLastId, highest); !noted) return std::move(noted).error();
  return highest;
}

base::Result<std::int64_t> newSlotId(Txn& txn) {
  const auto highest = noteSlotIds(txn);
  if (!highest) return highest;
  if (auto noted = txn.setNumber(kLastId, *highest + 1); !noted) return std::move(noted).error();
  return *highest + 1;
}

}  // namespace kms
