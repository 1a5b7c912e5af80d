// A new root key. One transaction puts it into the place of the old one: the slots of all media that stay are
// wrapped anew with fresh salts, those of the others are gone, the keyring is sealed under it, and what is
// kept of the old root key (its audit key, and its record-seal key until the last row is sealed anew) lies in
// the keyring. So at every moment one root key opens everything, and the media that stayed open it.
//
// The rows follow in bounded batches (Resealer). Until the last of them is done the old record-seal key still
// opens those that are left.
#pragma once

#include "kms/keys/slot_desk.h"
#include "kms/keys/vault.h"

namespace kms {

// A medium that was shown, and stays.
struct StayingSlot {
  base::Uuid medium;
  const base::MasterKey* key = nullptr;            // not owned, as is
  const base::SecretBuffer* passphrase = nullptr;  // where its slot asks for one
};

// `checkpoint`: the last one of the audit log, with the hash of its line, all zero where there is none yet;
// the note of it in the database is checked under the old audit key and made under the new one. Three scrypts
// a slot. Slots of media that are not in `stay` are dropped. Errors: Denied / KeyMismatch (a key does not
// open its slot: nothing is done); Conflict (rows of the last renewal are left, or the slots changed);
// Corrupt / AuditBroken (the note is of another checkpoint); as the store's.
base::Result<void> renewRoot(const SlotDesk& desk, const std::vector<StayingSlot>& stay,
                             const AuditHead& checkpoint, ScryptCost cost, const SlotDesk::Along& along);

// Seals rows of former root keys anew, a batch at a time, beside whatever else is written. Ended at any
// moment, another one goes on where it was.
class Resealer {
 public:
  // Vault and store outlive it. `atEnd` is committed with the end. `part`: batches of that part of the usual
  // size, where others wait for the writer.
  Resealer(const Vault& vault, Store& store, SlotDesk::Along atEnd = {}, std::size_t part = 1)
      : vault_(vault), store_(store), atEnd_(std::move(atEnd)), part_(part) {}

  // Whether rows are left. Errors: as the store's.
  static base::Result<bool> due(Store& store);
  static base::Result<bool> due(StoreReader& reader);

  // One batch. False: no row is left, and the old record-seal keys are gone. Errors: Unavailable / Sealed;
  // Corrupt / DatabaseCorrupt; as the store's.
  base::Result<bool> step();
  std::uint64_t rows() const noexcept { return rows_; }  // looked at so far

 private:
  base::Result<bool> stepTable(Txn& txn, OpenKeys& keys, std::size_t which, std::uint64_t& looked) const;
  base::Result<void> finish(Txn& txn, OpenKeys& keys) const;

  const Vault& vault_;
  Store& store_;
  const SlotDesk::Along atEnd_;
  const std::size_t part_;
  std::uint64_t rows_ = 0;
};

// For renewRoot: rows are to be sealed anew from the first on.
base::Result<void> beginReseal(Txn& txn);

// A new generation of the token keys, for tokens from that sequence number on; those of before count until
// they expire. It serves from the next unsealing on. Errors: Conflict (too many generations); Unavailable /
// Sealed; as the store's.
base::Result<std::uint32_t> renewTokenKeys(
    const Vault& vault, Store& store, const std::function<base::Result<std::int64_t>(Txn&)>& firstSequence,
    const base::Clock& clock, base::Rng& rng, const SlotDesk::Along& along);

}  // namespace kms
