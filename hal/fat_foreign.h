// What stands on a medium that is no FAT volume: nothing, or a file system known by its signature.
#pragma once

#include <string_view>

#include "hal/base/bytes.h"

namespace hal {

inline constexpr std::size_t kLookBytes = 4096;     // how much of a volume's start is looked at
inline constexpr std::uint64_t kIsoAt = 16 * 2048;  // where ISO 9660 keeps its first descriptor

// Whether all bytes are the same 0x00, 0xF6 or 0xFF, as media come from the factory or a low-level format.
bool looksUnformatted(base::BytesView start) noexcept;

// The file system whose signature stands in a volume's first bytes ("NTFS", "exFAT", ...); empty where none
// is known.
std::string_view foreignName(base::BytesView start) noexcept;
// The same for the descriptor at kIsoAt.
bool looksLikeIso(base::BytesView descriptor) noexcept;

}  // namespace hal
