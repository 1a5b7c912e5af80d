// What is kept of a root key when a new one takes its place, in a sealed row of the keyring: its audit key,
// under which older checkpoints of the audit log stand, and, until the last row is sealed anew, its
// record-seal key. The root key itself is gone. Byte for byte in kms/FORMATS.md.
#pragma once

#include <cstdint>
#include <vector>

#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"

namespace kms {

struct FormerRoot {
  static constexpr std::size_t kEncoded = 70;  // bytes
  static constexpr std::size_t kMost = 1000;   // in a database
  static constexpr std::int64_t kKeyBase = std::int64_t{1}
                                           << 32U;  // its row's key is this and the generation
  static std::int64_t rowKey(std::uint32_t generation) noexcept { return kKeyBase + generation; }

  std::uint32_t generation = 0;
  base::SecretBuffer audit;
  base::SecretBuffer seal;  // empty: no row is left that it sealed

  // Errors: Unavailable (no locked memory).
  base::Result<base::SecretBuffer> encode() const;
  // Errors: Unsupported (a newer form); Corrupt / DatabaseCorrupt; Unavailable.
  static base::Result<FormerRoot> parse(base::BytesView plain);
};

}  // namespace kms
