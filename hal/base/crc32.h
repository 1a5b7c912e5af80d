// CRC-32 (IEEE 802.3, reflected, as in GPT, zip and PNG). Finds slips, never forgeries.
#pragma once

#include <cstdint>

#include "hal/base/bytes.h"

namespace base {

// Pass the last result as `crc` to go on with the next piece.
std::uint32_t crc32(BytesView bytes, std::uint32_t crc = 0) noexcept;

}  // namespace base
