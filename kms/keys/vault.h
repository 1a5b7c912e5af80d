// Vault: sealed or unsealed. Unsealed, it holds the root key and all that is derived from it; sealing waits
// for those who use the keys and then wipes every one. Safe to use from several threads.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/rng.h"
#include "kms/keys/key_offer.h"
#include "kms/keys/key_party.h"
#include "kms/keys/share_desk.h"
#include "kms/store/store.h"

namespace kms {

class RowCache;  // kms/keys/row_cache.h

class Vault {
 public:
  // The clock only tells when a slot was last used.
  Vault(Store& store, const base::Uuid& server, base::Rng& rng,
        const base::Clock& clock = base::systemClock());
  ~Vault();

  // Tells the party of each opening and sealing from now on, as long as it lives; at the opening in the order
  // in which they came, at the sealing the other way round. REQUIRES: sealed, and nobody unseals.
  void attach(std::weak_ptr<KeyParty> party);

  // Opens with the offered key: about half a second and 137 MB of scrypt for each slot tried. With an
  // identity only its own slot is tried; with none, each in turn. Gives the medium id of the slot that
  // opened. Errors: NotMine / Foreign (another server's; no scrypt is spent); Denied / KeyMismatch (ours, but
  // does not open, or has no slot here); Denied / PassphraseNeeded; Corrupt / DatabaseCorrupt; Unsupported
  // (no slot but a newer version's); Conflict (already unsealed); Unavailable; Unavailable / SealedByCommand
  // (seal() was called meanwhile); those of the parties (attach). One call at a time; others wait. Nothing of
  // the offer is left in memory.
  base::Result<base::Uuid> unseal(KeyOffer offer);

  // Whether the offer would open, leaving everything as it is. Errors: as unseal.
  base::Result<base::Uuid> check(const KeyOffer& offer) const;

  // The keys that are split over several media. Errors: as the store's.
  base::Result<std::vector<ShareSet>> shareSets() const { return kms::shareSets(store_); }

  // Returns when no key is left in memory, not even of an unsealing under way, which then fails. New holds
  // are refused from the start. Sealing a sealed vault does nothing. REQUIRES: this thread has no Hold.
  void seal() noexcept;
  bool sealed() const;

  // A hold on the open keys; the vault cannot finish sealing while one lives, so holds are short. It ends on
  // the thread that took it.
  class Hold {
   public:
    OpenKeys& operator*() const noexcept { return *keys_; }
    OpenKeys* operator->() const noexcept { return keys_; }

   private:
    friend class Vault;
    Hold(std::shared_lock<std::shared_mutex> lock, OpenKeys* keys) : lock_(std::move(lock)), keys_(keys) {}
    std::shared_lock<std::shared_mutex> lock_;
    OpenKeys* keys_;
  };
  // Errors: Unavailable / Sealed.
  base::Result<Hold> hold() const;

 private:
  base::Result<std::unique_ptr<OpenKeys>> open(KeyOffer offer, base::Uuid& medium);
  base::Result<void> tellOpened(OpenKeys& keys);
  void tellClosing() noexcept;

  Store& store_;
  const base::Uuid server_;
  base::Rng& rng_;
  const base::Clock& clock_;
  std::vector<std::weak_ptr<KeyParty>> parties_;
  std::shared_ptr<RowCache> cache_;      // null where the store tells of no changes
  mutable std::mutex opening_;           // one scrypt at a time; never taken while mutex_ is held
  mutable std::shared_mutex mutex_;      // held shared by every Hold
  std::unique_ptr<OpenKeys> keys_;       // null while sealed; under mutex_
  std::atomic<unsigned> sealing_{0};     // calls of seal() that wait for the holds to end
  std::atomic<std::uint64_t> seals_{0};  // calls of seal() ever
};

}  // namespace kms
