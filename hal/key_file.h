// The key file KMSPWD.INI: grammar, parser and writer. The byte-exact description is hal/FORMATS.md.
//
//   keyfile := [BOM] line* ; line ends LF or CRLF ; at most kMaxKeyFile bytes ; padded with a comment to 512
//   [config]  pwd=<14 characters>
//   [medium]  server=<uuid> medium=<uuid> label=<text> created=<RFC 3339> crc=<8 hex digits>   (one a line)
#pragma once

#include <array>
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

struct KeyFile {
  base::MasterKey key;
  std::optional<MediumIdentity> identity;  // none on a disk typed by hand
  bool identityDamaged = false;            // a [medium] section was there, but its crc or a field was bad
  // [medium] lines that this version does not know, as "name=value"; kept on writing where there is an
  // identity. Unknown lines of [config] are not: what stands beside the key may be secret.
  std::vector<std::string> unknown;
};

// Errors: Corrupt with reason Damaged, `what` naming the line or rule (never a character of the key).
base::Result<KeyFile> parseKeyFile(base::BytesView text);
// kKeyFileSize bytes (more only where unknown lines need them). Errors: Invalid (label too long or with
// control characters, or an unknown line that is none); Unavailable (no locked memory).
base::Result<base::SecretBuffer> formatKeyFile(const KeyFile& file);

// The 14 characters, as printed and typed. parsePwd forgives case, I/L/O, blanks and dashes.
base::Result<base::SecretBuffer> formatPwd(const base::MasterKey& key);
// Errors: Corrupt / Damaged.
base::Result<base::MasterKey> parsePwd(std::string_view typed);

}  // namespace hal
