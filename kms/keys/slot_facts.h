// What the database tells of its key slots without a key: whose they are, when they were made and last used.
#pragma once

#include <optional>
#include <vector>

#include "kms/keys/slot.h"

namespace kms {

struct SlotFacts {
  std::int64_t id = 0;
  std::optional<SlotHeader> header;    // none: it cannot be read, and `fault` says why
  std::string fault;                   // a sentence
  std::optional<base::Time> lastUsed;  // when the server was last opened with it; none: not since it was made
  // Its medium is to get this key in the place of the key of that slot, which is still there: it was not yet
  // proved that the medium has it.
  std::optional<std::int64_t> replaces;
};

// By rising id. Errors: as the store's.
base::Result<std::vector<SlotFacts>> slotFacts(StoreReader& reader);
base::Result<std::vector<SlotFacts>> slotFacts(Store& store);

// As they are, by rising id. Errors: as the store's.
base::Result<std::vector<SlotRow>> slotRows(Store& store);

// Every unsealing puts this into the transaction that begins its epoch, so it costs no commit of its own.
base::Result<void> noteSlotUsed(Txn& txn, std::int64_t slot, base::Time at);

// Slot `id` is made for the medium of slot `old`, which goes when that has its new key.
base::Result<void> noteReplaces(Txn& txn, std::int64_t id, std::int64_t old);

// Denied: to retire the last medium would lose the server.
base::Error lastSlot(const base::Uuid& medium);
// NotFound.
base::Error noSuchSlot(const base::Uuid& medium);

// An id that no slot ever had, and notes that it is given. Errors: as the store's.
base::Result<std::int64_t> newSlotId(Txn& txn);
// Before slots are removed: their ids are not given again. Gives the highest. Errors: as the store's.
base::Result<std::int64_t> noteSlotIds(Txn& txn);

}  // namespace kms
