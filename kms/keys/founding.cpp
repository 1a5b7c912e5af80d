#include "kms/keys/founding.h"

#include "kms/keys/audit_note.h"
#include "kms/keys/crypto.h"
#include "kms/keys/key_use.h"
#include "kms/keys/keyring.h"
#include "kms/keys/row_cipher.h"

namespace kms {
namespace {

constexpr std::uint32_t kFirst = 1;  // generation of the root key, and of the keyring

base::Result<std::vector<SlotRow>> wrapAll(const base::Uuid& server, const std::vector<NewSlot>& slots,
                                           base::BytesView root, base::Time created, base::Rng& rng,
                                           ScryptCost cost) {
  std::vector<SlotRow> rows;
  for (const NewSlot& slot : slots) {
    SlotHeader header;
    header.passphrase = slot.passphrase != nullptr;
    header.cost = cost;
    header.server = server;
    header.medium = slot.medium;
    header.created = created;
    header.rootGeneration = kFirst;
    header.label = slot.label;
    header.share = slot.share;
    auto row = wrapRoot(std::move(header), *slot.key, slot.passphrase, root, rng);
    if (!row) return std::move(row).error();
    row->id = static_cast<std::int64_t>(rows.size()) + 1;
    rows.push_back(*std::move(row));
  }
  return rows;
}

// The keyring is the first and only row of the first epoch.
base::Result<void> putKeyring(Txn& txn, Epochs& epochs, const KeyGeneration& keys, base::Rng& rng) {
  const auto epoch = epochs.begin(txn, rng);
  if (!epoch) return base::Error(epoch.error());
  RowCipher cipher(epochs);
  auto row = cipher.seal(*epoch, 0, Table::Keyring, keys.generation(), 1, keys.encoded());
  if (!row) return std::move(row).error();
  return txn.put(Table::Keyring, *row);
}

// That the audit log has no checkpoint yet. From now on whoever takes all of them away is found.
base::Result<AuditNote> firstNote(const base::Uuid& server, base::BytesView root) {
  auto key = deriveKey(root, {}, KeyUse::Audit, server);
  if (!key) return std::move(key).error();
  auto hmac = Hmac::create(key->bytes());
  if (!hmac) return std::move(hmac).error();
  return AuditNote{0, 0, hmac->compute(auditNoteMessage(server, 0, 0, {}))};
}

[[gnu::noinline]] base::Result<void> foundWith(Store& store, const base::Uuid& server,
                                               const std::vector<NewSlot>& slots, const base::Clock& clock,
                                               base::Rng& rng, ScryptCost cost) {
  auto root = base::SecretBuffer::create(kKeySize);
  if (!root) return std::move(root).error();
  rng.fill(root->bytes());
  auto rows = wrapAll(server, slots, root->bytes(), clock.now(), rng, cost);
  if (!rows) return std::move(rows).error();
  auto keys = KeyGeneration::make(kFirst, clock.now(), rng);
  if (!keys) return std::move(keys).error();
  auto epochs = Epochs::create(root->bytes(), kFirst, server);
  if (!epochs) return std::move(epochs).error();
  const auto note = firstNote(server, root->bytes());
  if (!note) return base::Error(note.error());

  return store.writeAndWait([&](Txn& txn) -> base::Result<void> {
    const auto present = txn.slots();
    if (!present) return base::Error(present.error());
    if (!present->empty())
      return base::Error{base::Code::Conflict, "the database has key slots already; it belongs to a server"};
    for (const SlotRow& row : *rows)
      if (auto added = txn.addSlot(row); !added) return added;
    if (auto noted = txn.setAuditNote(*note); !noted) return noted;
    return putKeyring(txn, *epochs, *keys, rng);
  });
}

}  // namespace

base::Result<void> found(Store& store, const base::Uuid& server, const std::vector<NewSlot>& slots,
                         const base::Clock& clock, base::Rng& rng, ScryptCost cost) {
  if (slots.empty())
    return base::Error{base::Code::Invalid, "a server needs at least one key medium; name one"};
  auto done = foundWith(store, server, slots, clock, rng, cost);
  wipeStack();
  return done;
}

}  // namespace kms
