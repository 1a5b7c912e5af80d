// What the MAC of the database's note of the last checkpoint is over. The note is made where the root key is:
// first when a server is founded, then with every checkpoint (kms/FORMATS.md, section 11).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "hal/base/bytes.h"
#include "hal/base/uuid.h"

namespace kms {

// `hash`: SHA-256 of the checkpoint's line, without its LF; zero, as are the numbers, where there is none
// yet.
base::Bytes auditNoteMessage(const base::Uuid& server, std::int64_t segment, std::int64_t number,
                             const std::array<std::byte, 32>& hash);

}  // namespace kms
