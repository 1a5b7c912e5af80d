// SlotDesk: changes the key slots of a server that is not running. One medium has opened the root key; with
// it a slot for another medium is made, proved, added and dropped. Each change is one transaction, and what
// the caller puts along with it (the audit entry) is committed with it or not at all. Not thread-safe.
#pragma once

#include <functional>
#include <optional>

#include "kms/keys/founding.h"
#include "kms/keys/slot_choice.h"

namespace kms {

class SlotDesk {
 public:
  using Along = std::function<base::Result<void>(Txn&)>;
  static constexpr std::size_t kMost = 64;  // slots of a database

  // Opens the slot of `offer` and reads the keyring with what it gives. One scrypt for each slot tried. All
  // but the offer outlive it. Errors: as Vault::check.
  static base::Result<SlotDesk> open(Store& store, const base::Uuid& server, const KeyOffer& offer,
                                     const base::Clock& clock, base::Rng& rng);

  const base::Uuid& medium() const noexcept { return opened_.medium; }  // that opened it
  std::uint32_t rootGeneration() const noexcept { return opened_.rootGeneration; }
  base::BytesView root() const noexcept { return opened_.root.bytes(); }
  const base::Uuid& server() const noexcept { return server_; }
  Store& store() const noexcept { return *store_; }
  const base::Clock& clock() const noexcept { return *clock_; }
  base::Rng& rng() const noexcept { return *rng_; }

  // A slot for this medium, not yet in the database. One scrypt. Errors: as wrapRoot.
  base::Result<SlotRow> wrap(const NewSlot& slot, ScryptCost cost = {}) const;
  // Whether this key, read back from its medium, opens that slot and gives the root key. One scrypt. Errors:
  // as unwrapRoot; Internal (another root key).
  base::Result<void> prove(const SlotRow& row, const base::MasterKey& key,
                           const base::SecretBuffer* passphrase) const;

  // The slot counts from now on. `replaces`: the medium whose slot goes when this one's is proved, which is
  // noted (SlotFacts::replaces). Errors: Conflict (its medium has a slot, too many slots, another root key
  // meanwhile); NotFound (no slot of `replaces`); as the store's.
  base::Result<void> add(SlotRow row, const Along& along,
                         const std::optional<base::Uuid>& replaces = std::nullopt) const;
  // The slot of this medium is gone. Errors: NotFound (no such slot); Denied (the last one that can be read);
  // as the store's.
  base::Result<void> drop(const base::Uuid& medium, const Along& along) const;

 private:
  SlotDesk(Store& store, const base::Uuid& server, OpenedSlot opened, const base::Clock& clock,
           base::Rng& rng) noexcept
      : store_(&store), server_(server), opened_(std::move(opened)), clock_(&clock), rng_(&rng) {}

  Store* store_;
  base::Uuid server_;
  OpenedSlot opened_;
  const base::Clock* clock_;
  base::Rng* rng_;
};

}  // namespace kms
