// One derived key for each use of the root key: HKDF-SHA256, no salt, info = label || server id. A label once
// used is never given another meaning; a change of use takes a new label.
#pragma once

#include <cstdint>
#include <string_view>

#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"
#include "hal/base/uuid.h"

namespace kms {

enum class KeyUse : std::uint8_t {
  RecordSeal,  // the input of every epoch's row key
  Audit,       // checkpoints of the audit log
  Backup,      // MACs of backups
  Medium,      // MACs of what is noted on media
  Epoch        // label of the second step: record-seal key and epoch salt to row key
};

std::string_view label(KeyUse use) noexcept;
// Errors: Unavailable (no locked memory).
base::Result<base::SecretBuffer> deriveKey(base::BytesView from, base::BytesView salt, KeyUse use,
                                           const base::Uuid& server);

}  // namespace kms
