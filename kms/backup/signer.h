// The backup key without an open vault: for a server that is stopped, and for a backup whose slots stand in
// its header.
#pragma once

#include "kms/backup/source.h"
#include "kms/keys/key_offer.h"

namespace kms::backup {

// Opens a slot, which takes a scrypt, and keeps no more than the backup key. Errors: as Vault::unseal.
base::Result<Sign> signerOf(const std::vector<SlotRow>& slots, const base::Uuid& server,
                            const KeyOffer& offer);

}  // namespace kms::backup
