// KeyParty: who keeps secrets of its own while the vault is open, such as the keys of the certificate
// authority, and must be told when it opens and when it is sealed.
#pragma once

#include "hal/base/result.h"
#include "kms/store/store.h"

namespace kms {

class OpenKeys;

class KeyParty {
 public:
  virtual ~KeyParty() = default;
  // The keys are open, and nobody can hold them yet: the vault still counts as sealed. An error keeps it so.
  virtual base::Result<void> opened(StoreReader& reader, OpenKeys& keys) = 0;
  // The last hold on the keys has ended. Returns when no secret is left in memory. Also called where opened()
  // failed, or was never called.
  virtual void closing() noexcept = 0;
};

}  // namespace kms
