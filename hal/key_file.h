// The key file KMSPWD.INI: grammar, parser and writer. The byte-exact description is hal/FORMATS.md.
//
//   keyfile := [BOM] line* ; line ends LF or CRLF ; at most kMaxKeyFile bytes ; padded with a comment to 512
//   [config]  pwd=<14 characters>, of a share <number>:<14 characters>
//   [medium]  server=<uuid> medium=<uuid> label=<text> created=<RFC 3339> crc=<8 hex digits>   (one a line)
//             of a share also threshold=<number>; its medium= is the id of the set, which all its shares have
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/master_key.h"
#include "hal/base/result.h"
#include "hal/base/uuid.h"

namespace hal {

inline constexpr std::size_t kMaxKeyFile = 4096;  // bytes
inline constexpr std::size_t kKeyFileSize = 512;  // bytes written, so that an update is one sector
inline constexpr std::size_t kPwdLength = 14;     // 13 characters of key, one check character
inline constexpr std::size_t kMaxLabel = 24;      // bytes of UTF-8
inline constexpr std::string_view kKeyFileName = "KMSPWD.INI";

// What a stranger may know of a medium.
struct MediumIdentity {
  base::Uuid server;
  base::Uuid medium;
  std::string label;
  base::Time created{};
};

// What a share of a split key says of itself (hal/base/shamir.h).
struct KeyShare {
  std::uint8_t number = 0;     // 1 to 255, as in its set no other one
  std::uint8_t threshold = 0;  // that many open together; 0 where it is not told (typed by hand)
  bool operator==(const KeyShare&) const = default;
};

struct KeyFile {
  base::MasterKey key;                     // where `share` is there: only this share of it
  std::optional<MediumIdentity> identity;  // none on a disk typed by hand
  bool identityDamaged = false;            // a [medium] section was there, but its crc or a field was bad
  // [medium] lines that this version does not know, as "name=value"; kept on writing where there is an
  // identity. Unknown lines of [config] are not: what stands beside the key may be secret.
  std::vector<std::string> unknown;
  std::optional<KeyShare> share{};
};

// Errors: Corrupt with reason Damaged, `what` naming the line or rule (never a character of the key).
base::Result<KeyFile> parseKeyFile(base::BytesView text);
// kKeyFileSize bytes (more only where unknown lines need them). Errors: Invalid (label too long or with
// control characters, or an unknown line that is none); Unavailable (no locked memory).
base::Result<base::SecretBuffer> formatKeyFile(const KeyFile& file);

// What is typed: a key, or a share with its number.
struct TypedKey {
  base::MasterKey key;
  std::uint8_t share = 0;  // the number; 0: a whole key
};

// The 14 characters, as printed and typed, of a share behind its number and a colon. The number changes the
// check character, so that no share is taken for a key. parsePwd and parseTyped forgive case, I/L/O, blanks
// and dashes.
base::Result<base::SecretBuffer> formatPwd(const base::MasterKey& key, std::uint8_t share = 0);
base::Result<TypedKey> parseTyped(std::string_view typed);  // Errors: Corrupt / Damaged.
// Of a whole key. Errors: as parseTyped; a share is Corrupt / Damaged, too.
base::Result<base::MasterKey> parsePwd(std::string_view typed);

}  // namespace hal
