// What the daemon brings to the vault: a key and where it came from. A value, not a way into hardware.
#pragma once

#include <optional>
#include <string>

#include "hal/base/master_key.h"
#include "hal/base/uuid.h"

namespace kms {

struct MediumRef {
  base::Uuid server;  // whose key it says it is
  base::Uuid medium;
};

struct KeyOffer {
  base::MasterKey key;
  std::optional<MediumRef> id;                   // none when typed by hand
  std::optional<base::SecretBuffer> passphrase;  // UTF-8 in NFC, where a slot asks for one
  std::string where;                             // for messages: the medium's URI
};

}  // namespace kms
