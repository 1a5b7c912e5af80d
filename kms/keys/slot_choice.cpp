#include "kms/keys/slot_choice.h"

#include <utility>

#include "kms/keys/slot_facts.h"

namespace kms {
namespace {

using base::Code;
using base::Error;
using base::Reason;

struct Candidate {
  const SlotRow* row;
  SlotHeader header;
};

Error wrappingCut() {
  return {Code::Corrupt, "a key slot of the database is damaged: its wrapped key is cut",
          Reason::DatabaseCorrupt};
}

// The slots that this version can open; why it cannot open the others.
struct Candidates {
  std::vector<Candidate> usable;
  std::optional<Error> damaged;
  std::optional<Error> unsupported;

  // What is wrong with the database, where no usable slot was the right one. A slot that cannot be read is
  // never taken for none.
  std::optional<Error> fault() const { return damaged ? damaged : unsupported; }
};

Error noSlots() {
  return {Code::Corrupt, "the database is damaged: it has no key slot; restore a backup",
          Reason::DatabaseCorrupt};
}

Error othersDatabase(const base::Uuid& theirs, const base::Uuid& ours) {
  return {Code::Corrupt,
          "the database belongs to server " + theirs.text() + ", not to this one (" + ours.text() +
              "); bring back the database that belongs to this data directory",
          Reason::DatabaseCorrupt};
}

Error foreign(const base::Uuid& theirs, const base::Uuid& ours) {
  return {Code::NotMine,
          "this disk belongs to server " + theirs.text() + ", not to this one (" + ours.text() +
              "); insert a key medium of this server",
          Reason::Foreign};
}

Error noSlotFor(const KeyOffer& offer) {
  return {Code::Denied,
          "the medium " + offer.id->medium.text() + " on " + offer.where +
              " has no key slot here: it was retired, or belongs to another state of the database; insert "
              "another key medium of this server",
          Reason::KeyMismatch};
}

// What is damaged may be this key's slot. Others are sound: their media open the server.
Error damagedFor(const KeyOffer& offer, const Error& why) {
  return {Code::Denied,
          why.what + ", and no other one is for the key on " + offer.where +
              "; insert another key medium of this server",
          Reason::KeyMismatch};
}

Error mismatch(const KeyOffer& offer, bool passphrase) {
  return {Code::Denied,
          "the key on " + offer.where + (passphrase ? " and the passphrase do" : " does") +
              " not open this database; insert the right key medium, or check what was typed",
          Reason::KeyMismatch};
}

Error passphraseNeeded(const KeyOffer& offer) {
  return {Code::Denied, "the key on " + offer.where + " opens only together with its passphrase; enter it",
          Reason::PassphraseNeeded};
}

Candidates sortSlots(const std::vector<SlotRow>& rows, const base::Uuid& server) {
  Candidates found;
  for (const SlotRow& row : rows) {
    auto header = parseSlotHeader(row.header);
    if (!header) {
      auto& place = header.error().code == Code::Unsupported ? found.unsupported : found.damaged;
      place = std::move(header).error();
    } else if (header->server != server) {
      found.damaged = othersDatabase(header->server, server);
    } else if (row.wrapped.size() != SlotHeader::kWrapped) {
      found.damaged = wrappingCut();
    } else {
      found.usable.push_back({&row, *std::move(header)});
    }
  }
  return found;
}

const base::SecretBuffer* phraseOf(const KeyOffer& offer) {
  return offer.passphrase && !offer.passphrase->empty() ? &*offer.passphrase : nullptr;
}

// Nothing where this slot is not the key's.
base::Result<std::optional<OpenedSlot>> tryOne(const Candidate& slot, const KeyOffer& offer) {
  auto root = unwrapRoot(*slot.row, offer.key, phraseOf(offer));
  if (root)
    return std::optional(
        OpenedSlot{slot.row->id, *std::move(root), slot.header.rootGeneration, slot.header.medium});
  if (root.error().reason == Reason::KeyMismatch) return std::optional<OpenedSlot>();
  return std::move(root).error();
}

base::Result<OpenedSlot> openNamed(const Candidates& slots, const KeyOffer& offer) {
  for (const Candidate& slot : slots.usable) {
    if (slot.header.medium != offer.id->medium) continue;
    if (slot.header.passphrase && phraseOf(offer) == nullptr) return passphraseNeeded(offer);
    auto opened = tryOne(slot, offer);
    if (!opened) return std::move(opened).error();
    if (*opened) return **std::move(opened);
    return mismatch(offer, slot.header.passphrase);
  }
  if (slots.damaged && !slots.usable.empty()) return damagedFor(offer, *slots.damaged);
  if (auto fault = slots.fault()) return *std::move(fault);
  return noSlotFor(offer);
}

base::Result<OpenedSlot> openTyped(const Candidates& slots, const KeyOffer& offer) {
  bool wantsPhrase = false;
  for (const Candidate& slot : slots.usable) {
    if (slot.header.passphrase && phraseOf(offer) == nullptr) {
      wantsPhrase = true;
      continue;
    }
    auto opened = tryOne(slot, offer);
    if (!opened) return std::move(opened).error();
    if (*opened) return **std::move(opened);
  }
  if (wantsPhrase) return passphraseNeeded(offer);
  if (auto fault = slots.fault(); fault && slots.usable.empty()) return *std::move(fault);
  if (slots.damaged) return damagedFor(offer, *slots.damaged);
  return mismatch(offer, phraseOf(offer) != nullptr);
}

}  // namespace

base::Result<OpenedSlot> openSlot(const std::vector<SlotRow>& rows, const base::Uuid& server,
                                  const KeyOffer& offer) {
  if (offer.id && offer.id->server != server) return foreign(offer.id->server, server);
  if (rows.empty()) return noSlots();
  const Candidates slots = sortSlots(rows, server);
  return offer.id ? openNamed(slots, offer) : openTyped(slots, offer);
}

base::Result<OpenedSlot> openSlot(Store& store, const base::Uuid& server, const KeyOffer& offer) {
  const auto rows = slotRows(store);
  if (!rows) return rows.error();
  return openSlot(*rows, server, offer);
}

}  // namespace kms
