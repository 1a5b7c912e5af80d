// Which slot an offered key is for, and what its root key is. All that a wrong disk can be is told apart
// here.
#pragma once

#include "kms/keys/key_offer.h"
#include "kms/keys/slot.h"

namespace kms {

struct OpenedSlot {
  std::int64_t id = 0;
  base::SecretBuffer root;
  std::uint32_t rootGeneration = 0;
  base::Uuid medium;
};

// One scrypt for each slot tried. A slot that cannot be read refuses the key that may be its own, as Denied /
// KeyMismatch, as long as another one is sound. Errors: as Vault::unseal.
base::Result<OpenedSlot> openSlot(const std::vector<SlotRow>& rows, const base::Uuid& server,
                                  const KeyOffer& offer);
base::Result<OpenedSlot> openSlot(Store& store, const base::Uuid& server, const KeyOffer& offer);

}  // namespace kms
