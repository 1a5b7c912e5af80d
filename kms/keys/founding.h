// Founding: makes a server's keys and its first slots in an empty store.
#pragma once

#include <string>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/rng.h"
#include "kms/keys/key_offer.h"
#include "kms/keys/slot.h"
#include "kms/store/store.h"

namespace kms {

struct NewSlot {
  const base::MasterKey* key = nullptr;  // not owned
  base::Uuid medium;
  std::string label;
  const base::SecretBuffer* passphrase =
      nullptr;    // UTF-8 in NFC, where the key alone shall not open; not owned
  Share share{};  // where the key is split: threshold and total; `medium` is the id of the set
};

// A random root key, a slot for each medium, the first epoch and keyring, in one transaction. Spends one
// scrypt a slot. Errors: Invalid (no slot, a label, the cost); Conflict (the store has slots); Unavailable;
// as the store's.
base::Result<void> found(Store& store, const base::Uuid& server, const std::vector<NewSlot>& slots,
                         const base::Clock& clock, base::Rng& rng, ScryptCost cost = {});

}  // namespace kms
