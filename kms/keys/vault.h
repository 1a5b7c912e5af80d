// Vault: sealed or unsealed. Unsealed, it holds the root key and all that is derived from it; sealing waits
// for those who use the keys and then wipes every one. Safe to use from several threads.
#pragma once

#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/rng.h"
#include "kms/keys/key_offer.h"
#include "kms/store/store.h"

namespace kms {

class OpenKeys;  // kms/keys/open_keys.h

class Vault {
 public:
  Vault(Store& store, const base::Uuid& server, const base::Clock& clock, base::Rng& rng);
  ~Vault();

  // Opens with the offered key: about half a second and 137 MB of scrypt for each slot tried. With an
  // identity only its own slot is tried; with none, each in turn. Gives the medium id of the slot that
  // opened. Errors: NotMine / Foreign (another server's; no scrypt is spent); Denied / KeyMismatch (ours, but
  // does not open, or has no slot here); Denied / PassphraseNeeded; Corrupt / DatabaseCorrupt; Conflict
  // (already unsealed); Unavailable.
  base::Result<base::Uuid> unseal(KeyOffer offer);

  // Whether the offer would open, leaving everything as it is. Errors: as unseal.
  base::Result<base::Uuid> check(const KeyOffer& offer) const;

  // Returns when no key is left in memory. Sealing a sealed vault does nothing.
  void seal() noexcept;
  bool sealed() const;

  // A hold on the open keys; the vault cannot finish sealing while one lives, so holds are short.
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
  base::Result<base::SecretBuffer> unwrap(const KeyOffer& offer, base::Uuid& medium) const;

  Store& store_;
  const base::Uuid server_;
  const base::Clock& clock_;
  base::Rng& rng_;
  mutable std::shared_mutex mutex_;  // held shared by every Hold
  std::unique_ptr<OpenKeys> keys_;   // null while sealed
};

}  // namespace kms
