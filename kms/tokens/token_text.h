// The texts of tokens, as their holders see them. Pure functions; no key and no database is needed to tell a
// mistyped token.
//
//   access   := "kms_" base64url{48} base32{6}   48 characters: accessor block (16 bytes), 20 random bytes;
//                                                6 characters: low 30 bits of the CRC-32 of all that stands
//                                                before
//   one-time := base32{12}                       60 random bits; shown as XXXX-XXXX-XXXX
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hal/base/result.h"
#include "hal/base/rng.h"
#include "hal/base/secret_pool.h"

namespace kms {

inline constexpr std::string_view kAccessPrefix = "kms_";
inline constexpr std::size_t kAccessLength = 58;
inline constexpr std::size_t kOneTimeLength = 12;

// Errors: Invalid, where `accessor` is not 26 base32 characters; Unavailable, where no memory can be locked.
base::Result<base::SecretText> makeAccessToken(std::string_view accessor, base::Rng& rng);
// The accessor inside an access token, or nothing where prefix, length, a character or the check characters
// are wrong. Nothing is forgiven.
std::optional<std::string> accessorIn(std::string_view token);

// 12 characters, without dashes.
base::Result<base::SecretText> makeOneTimeToken(base::Rng& rng);
// XXXX-XXXX-XXXX. REQUIRES: 12 characters.
base::Result<base::SecretText> showOneTimeToken(std::string_view plain);
// The 12 characters as they were made. Small letters, I, L, O, dashes and spaces are forgiven. Errors:
// Invalid.
base::Result<base::SecretText> parseOneTimeToken(std::string_view typed);

// Whether a text means to be an access token; everything else means to be a one-time token.
inline bool looksLikeAccessToken(std::string_view text) noexcept { return text.starts_with(kAccessPrefix); }
base::Error notAToken();

}  // namespace kms
