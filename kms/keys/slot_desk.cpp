#include "kms/keys/slot_desk.h"

#include <algorithm>

#include "kms/keys/crypto.h"
#include "kms/keys/open_keys_impl.h"
#include "kms/keys/slot_facts.h"

namespace kms {
namespace {

using base::Code;
using base::Error;
using base::Result;

// Frames of their own, so that what held keys is gone when the caller wipes the stack below it.
[[gnu::noinline]] Result<OpenedSlot> openProved(Store& store, const base::Uuid& server,
                                                const KeyOffer& offer) {
  auto slot = openSlot(store, server, offer);
  if (!slot) return slot;
  auto keyring = openKeyring(store, server, slot->root.bytes(), slot->rootGeneration);
  if (!keyring) return std::move(keyring).error();
  return slot;
}

[[gnu::noinline]] Result<void> compareRoot(const SlotRow& row, const base::MasterKey& key,
                                           const base::SecretBuffer* passphrase, base::BytesView root) {
  const auto unwrapped = unwrapRoot(row, key, passphrase);
  if (!unwrapped) return Error(unwrapped.error());
  if (!base::equalConstantTime(unwrapped->bytes(), root))
    return Error{Code::Internal, "the new slot holds another root key; it was not taken"};
  return {};
}

// The root key was renewed, or the slots changed, since the desk was opened: cannot be while the lock is
// held.
Error changed() {
  return {Code::Conflict, "the key slots were changed meanwhile; nothing was done, begin again"};
}

}  // namespace

Result<SlotDesk> SlotDesk::open(Store& store, const base::Uuid& server, const KeyOffer& offer,
                                const base::Clock& clock, base::Rng& rng) {
  auto opened = openProved(store, server, offer);
  wipeStack();
  if (!opened) return std::move(opened).error();
  return SlotDesk(store, server, *std::move(opened), clock, rng);
}

Result<SlotRow> SlotDesk::wrap(const NewSlot& slot, ScryptCost cost) const {
  SlotHeader header;
  header.passphrase = slot.passphrase != nullptr;
  header.cost = cost;
  header.server = server_;
  header.medium = slot.medium;
  header.created = clock_->now();
  header.rootGeneration = opened_.rootGeneration;
  header.label = slot.label;
  header.share = slot.share;
  auto row = wrapRoot(std::move(header), *slot.key, slot.passphrase, opened_.root.bytes(), *rng_);
  wipeStack();
  return row;
}

Result<void> SlotDesk::prove(const SlotRow& row, const base::MasterKey& key,
                             const base::SecretBuffer* passphrase) const {
  auto proved = compareRoot(row, key, passphrase, opened_.root.bytes());
  wipeStack();
  return proved;
}

Result<void> SlotDesk::add(SlotRow row, const Along& along, const std::optional<base::Uuid>& replaces) const {
  const auto made = parseSlotHeader(row.header);
  if (!made) return Error(made.error());
  return store_->writeAndWait([&](Txn& txn) -> Result<void> {
    const auto present = slotFacts(txn);
    if (!present) return Error(present.error());
    if (present->size() >= kMost)
      return Error{Code::Conflict, "there are " + std::to_string(kMost) +
                                       " key slots, and no more can be; retire a medium first"};
    std::optional<std::int64_t> old;
    for (const SlotFacts& slot : *present) {
      if (!slot.header) continue;
      if (replaces && slot.header->medium == *replaces) old = slot.id;
      if (slot.header->medium == made->medium)
        return Error{Code::Conflict, "the medium " + made->medium.text() + " has a key slot already"};
      if (slot.header->rootGeneration != opened_.rootGeneration) return changed();
    }
    if (replaces && !old) return noSuchSlot(*replaces);
    const auto id = newSlotId(txn);
    if (!id) return Error(id.error());
    row.id = *id;
    if (auto added = txn.addSlot(row); !added) return added;
    if (old)
      if (auto noted = noteReplaces(txn, row.id, *old); !noted) return noted;
    return along(txn);
  });
}

Result<void> SlotDesk::drop(const base::Uuid& medium, const Along& along) const {
  return store_->writeAndWait([&](Txn& txn) -> Result<void> {
    const auto present = slotFacts(txn);
    if (!present) return Error(present.error());
    const auto mine = [&](const SlotFacts& slot) { return slot.header && slot.header->medium == medium; };
    const auto at = std::ranges::find_if(*present, mine);
    if (at == present->end()) return noSuchSlot(medium);
    const auto others = std::ranges::count_if(
        *present, [&](const SlotFacts& slot) { return slot.header.has_value() && !mine(slot); });
    if (others == 0) return lastSlot(medium);
    if (auto noted = noteSlotIds(txn); !noted) return std::move(noted).error();
    if (auto removed = txn.removeSlot(at->id); !removed) return removed;
    return along(txn);
  });
}

}  // namespace kms
