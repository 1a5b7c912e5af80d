#include "kms/keys/rotation.h"

#include <algorithm>

#include "kms/keys/audit_note.h"
#include "kms/keys/crypto.h"
#include "kms/keys/key_use.h"
#include "kms/keys/open_keys_impl.h"
#include "kms/keys/slot_facts.h"

namespace kms {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

// All that the transaction writes, made before it.
struct Renewal {
  base::SecretBuffer root;
  std::uint32_t generation = 0;
  std::vector<SlotRow> before;  // the slots as they were read
  std::vector<SlotRow> slots;
  Keyring keyring;
  std::vector<FormerRoot> former;
  std::optional<AuditNote> note;  // as it was read
  std::optional<AuditNote> newNote;
};

Error changed() {
  return {Code::Conflict, "the database was changed meanwhile; nothing was done, begin again"};
}

bool same(const std::vector<SlotRow>& a, const std::vector<SlotRow>& b) {
  return std::ranges::equal(a, b, [](const SlotRow& x, const SlotRow& y) {
    return x.id == y.id && x.header == y.header && x.wrapped == y.wrapped;
  });
}

bool same(const std::optional<AuditNote>& a, const std::optional<AuditNote>& b) {
  if (!a || !b) return !a && !b;
  return a->segment == b->segment && a->number == b->number && a->mac == b->mac;
}

Result<void> readState(Store& store, Renewal& renewal) {
  return store.read([&](StoreReader& reader) -> Result<void> {
    const auto unfinished = Resealer::due(reader);
    if (!unfinished) return Error(unfinished.error());
    if (*unfinished)
      return Error{Code::Conflict,
                   "rows of the last renewal are not yet sealed under the root key; finish it first"};
    auto slots = reader.slots();
    if (!slots) return std::move(slots).error();
    renewal.before = *std::move(slots);
    const auto note = reader.auditNote();
    if (!note) return Error(note.error());
    renewal.note = *note;
    return {};
  });
}

// The same medium and key under a fresh salt, proved before it counts.
Result<SlotRow> rewrap(const SlotDesk& desk, const SlotRow& row, SlotHeader header, const StayingSlot& stays,
                       const Renewal& renewal, ScryptCost cost) {
  if (auto opens = desk.prove(row, *stays.key, stays.passphrase); !opens) return std::move(opens).error();
  header.cost = cost;
  header.rootGeneration = renewal.generation;
  auto wrapped = wrapRoot(std::move(header), *stays.key, stays.passphrase, renewal.root.bytes(), desk.rng());
  if (!wrapped) return wrapped;
  wrapped->id = row.id;
  const auto back = unwrapRoot(*wrapped, *stays.key, stays.passphrase);
  if (!back) return Error(back.error());
  if (!base::equalConstantTime(back->bytes(), renewal.root.bytes()))
    return Error{Code::Internal, "a slot does not give back the new root key; nothing was done"};
  return wrapped;
}

Result<void> rewrapAll(const SlotDesk& desk, const std::vector<StayingSlot>& stay, ScryptCost cost,
                       Renewal& renewal) {
  for (const StayingSlot& stays : stay) {
    bool found = false;
    for (const SlotRow& row : renewal.before) {
      auto header = parseSlotHeader(row.header);
      if (!header || header->medium != stays.medium) continue;
      found = true;
      auto wrapped = rewrap(desk, row, *std::move(header), stays, renewal, cost);
      if (!wrapped) return std::move(wrapped).error();
      renewal.slots.push_back(*std::move(wrapped));
    }
    if (!found) return noSuchSlot(stays.medium);
  }
  if (renewal.slots.empty()) return Error{Code::Denied, "at least one medium must stay; nothing was done"};
  return {};
}

// The old root key joins the former ones.
Result<void> takeKeys(const SlotDesk& desk, Renewal& renewal) {
  auto keyring =
      openKeyring(desk.store(), desk.server(), desk.root(), desk.rootGeneration(), &renewal.former);
  if (!keyring) return std::move(keyring).error();
  renewal.keyring = *std::move(keyring);
  if (renewal.former.size() >= FormerRoot::kMost)
    return Error{Code::Conflict, "the root key was renewed " + std::to_string(FormerRoot::kMost) +
                                     " times, and cannot be once more"};
  FormerRoot old;
  old.generation = desk.rootGeneration();
  auto audit = deriveKey(desk.root(), {}, KeyUse::Audit, desk.server());
  if (!audit) return std::move(audit).error();
  old.audit = *std::move(audit);
  auto seal = deriveKey(desk.root(), {}, KeyUse::RecordSeal, desk.server());
  if (!seal) return std::move(seal).error();
  old.seal = *std::move(seal);
  renewal.former.push_back(std::move(old));
  return {};
}

Result<void> takeNote(const SlotDesk& desk, const AuditHead& checkpoint, Renewal& renewal) {
  if (!renewal.note) return {};  // a log of before there were notes
  const base::Bytes message =
      auditNoteMessage(desk.server(), checkpoint.segment, checkpoint.number, checkpoint.hash);
  auto before = Hmac::create(renewal.former.back().audit.bytes());
  if (!before) return std::move(before).error();
  if (renewal.note->segment != checkpoint.segment || renewal.note->number != checkpoint.number ||
      !base::equalConstantTime(before->compute(message), renewal.note->mac))
    return Error{Code::Corrupt,
                 "the audit log is broken: its last checkpoint is not the one that the database has noted; "
                 "start the server, which tells more, and renew the root key after that is settled",
                 Reason::AuditBroken};
  auto key = deriveKey(renewal.root.bytes(), {}, KeyUse::Audit, desk.server());
  if (!key) return std::move(key).error();
  auto after = Hmac::create(key->bytes());
  if (!after) return std::move(after).error();
  renewal.newNote = AuditNote{checkpoint.segment, checkpoint.number, after->compute(message)};
  return {};
}

Result<void> putSlots(Txn& txn, const Renewal& renewal) {
  const auto slots = txn.slots();
  if (!slots) return Error(slots.error());
  const auto note = txn.auditNote();
  if (!note) return Error(note.error());
  if (!same(*slots, renewal.before) || !same(*note, renewal.note)) return changed();
  if (auto noted = noteSlotIds(txn); !noted) return std::move(noted).error();
  for (const SlotRow& row : renewal.before)
    if (auto removed = txn.removeSlot(row.id); !removed) return removed;
  for (const SlotRow& row : renewal.slots)
    if (auto added = txn.addSlot(row); !added) return added;
  return renewal.newNote ? txn.setAuditNote(*renewal.newNote) : Result<void>();
}

// The first rows of the first epoch of the new root key.
Result<void> putKeyring(Txn& txn, Epochs& epochs, const Renewal& renewal, base::Rng& rng) {
  const auto epoch = epochs.begin(txn, rng);
  if (!epoch) return Error(epoch.error());
  RowCipher cipher(epochs);
  std::uint64_t counter = 0;
  const auto put = [&](std::int64_t key, base::BytesView plain) -> Result<void> {
    const auto old = txn.get(Table::Keyring, key);
    if (!old) return Error(old.error());
    const std::uint32_t revision = *old ? (*old)->revision + 1 : 1;
    auto row = cipher.seal(*epoch, counter++, Table::Keyring, key, revision, plain);
    if (!row) return std::move(row).error();
    return txn.put(Table::Keyring, *row);
  };
  for (const KeyGeneration& keys : renewal.keyring)
    if (auto done = put(keys.generation(), keys.encoded()); !done) return done;
  for (const FormerRoot& old : renewal.former) {
    const auto plain = old.encode();
    if (!plain) return Error(plain.error());
    if (auto done = put(FormerRoot::rowKey(old.generation), plain->bytes()); !done) return done;
  }
  return {};
}

[[gnu::noinline]] Result<void> renew(const SlotDesk& desk, const std::vector<StayingSlot>& stay,
                                     const AuditHead& checkpoint, ScryptCost cost,
                                     const SlotDesk::Along& along) {
  Renewal renewal;
  if (auto read = readState(desk.store(), renewal); !read) return read;
  auto root = base::SecretBuffer::create(kKeySize);
  if (!root) return std::move(root).error();
  desk.rng().fill(root->bytes());
  renewal.root = *std::move(root);
  renewal.generation = desk.rootGeneration() + 1;
  if (auto wrapped = rewrapAll(desk, stay, cost, renewal); !wrapped) return wrapped;
  if (auto taken = takeKeys(desk, renewal); !taken) return taken;
  if (auto taken = takeNote(desk, checkpoint, renewal); !taken) return taken;
  auto epochs = Epochs::create(renewal.root.bytes(), renewal.generation, desk.server());
  if (!epochs) return std::move(epochs).error();
  return desk.store().writeAndWait([&](Txn& txn) -> Result<void> {
    if (auto put = putSlots(txn, renewal); !put) return put;
    if (auto put = putKeyring(txn, *epochs, renewal, desk.rng()); !put) return put;
    if (auto begun = beginReseal(txn); !begun) return begun;
    return along(txn);
  });
}

}  // namespace

Result<void> renewRoot(const SlotDesk& desk, const std::vector<StayingSlot>& stay,
                       const AuditHead& checkpoint, ScryptCost cost, const SlotDesk::Along& along) {
  auto done = renew(desk, stay, checkpoint, cost, along);
  wipeStack();
  return done;
}

}  // namespace kms
