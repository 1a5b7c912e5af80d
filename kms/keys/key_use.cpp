#include "kms/keys/key_use.h"

#include <cstdlib>

#include "kms/keys/crypto.h"

namespace kms {

std::string_view label(KeyUse use) noexcept {
  switch (use) {
    case KeyUse::RecordSeal:
      return "keydisk/1/record-seal";
    case KeyUse::Audit:
      return "keydisk/1/audit";
    case KeyUse::Backup:
      return "keydisk/1/backup";
    case KeyUse::Medium:
      return "keydisk/1/medium-epoch";
    case KeyUse::Epoch:
      return "keydisk/1/epoch";
  }
  std::abort();  // not a use
}

base::Result<base::SecretBuffer> deriveKey(base::BytesView from, base::BytesView salt, KeyUse use,
                                           const base::Uuid& server) {
  base::ByteWriter info;
  info.raw(base::asBytes(label(use)));
  info.raw(server.bytes());
  return hkdf(from, salt, info.bytes());
}

}  // namespace kms
