// grantAndWait: the one transaction that makes or changes what the server signs with.
#pragma once

#include "kms/keys/vault.h"
#include "kms/tokens/durable_clock.h"
#include "kms/tokens/guarded.h"

namespace kms::pki {

// Runs `job(txn, keys, now)`, which gives a Result<void>, as one job of the store, and returns when the disk
// has what it did. The caller must hold no Vault::Hold. Errors: Unavailable / Sealed, ClockBack; Unavailable
// (no locked memory); the job's; those of the store.
template <class Job>
base::Result<void> grantAndWait(Vault& vault, Store& store, DurableClock& clock, Job job) {
  return store.writeAndWait([&](Txn& txn) -> base::Result<void> {
    return guarded([&]() -> base::Result<void> {
      auto keys = vault.hold();
      if (!keys) return std::move(keys).error();
      auto now = clock.advanceToGrant(txn);
      if (!now) return std::move(now).error();
      return job(txn, **keys, *now);
    });
  });
}

}  // namespace kms::pki
