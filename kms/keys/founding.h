// Founding: makes a server's keys and its first slots in an empty store.
#pragma once

#include <string>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/rng.h"
#include "kms/keys/key_offer.h"
#include "kms/store/store.h"

namespace kms {

struct NewSlot {
  const base::MasterKey* key = nullptr;  // not owned
  base::Uuid medium;
  std::string label;
};

// A random root key, a slot for each medium, the first epoch and keyring, in one transaction. Spends one
// scrypt a slot. REQUIRES: the store is empty; `slots` is not.
base::Result<void> found(Store& store, const base::Uuid& server, const std::vector<NewSlot>& slots,
                         const base::Clock& clock, base::Rng& rng);

}  // namespace kms
