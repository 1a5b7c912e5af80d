// The data directory D: D/security (mode 0700, its files 0600) with kms.db, header, lock, audit/ and public/.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/clock.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"
#include "hal/base/uuid.h"

namespace kmsd {

inline constexpr std::string_view kDefaultDataDir = "/var/lib/kms";
inline constexpr std::string_view kDefaultSocket = "/run/kms/kms.sock";

// What may be known of a server without its key; the file D/security/header, in clear (kms/FORMATS.md).
struct ServerHeader {
  base::Uuid server;
  std::string organisation;
  base::Time created{};
  // The headers of the key slots (kms/keys/slot.h), as the database had them: it alone counts, and these name
  // the media where it is gone. None in a header of an older version.
  std::vector<base::Bytes> slots = {};
};

inline constexpr std::size_t kMaxOrganisation = 255;  // bytes of UTF-8
inline constexpr std::size_t kMaxSlots = 64;          // in the header

// The header's text: "name=value" lines, the last one crc= with the CRC-32 of those before it.
// Errors: Invalid (organisation too long, not UTF-8 or with control characters).
// REQUIRES: kMaxSlots slots at most, each of kms::SlotHeader::kSize bytes.
base::Result<std::string> formatServerHeader(const ServerHeader& header);
// Errors: Corrupt; Unsupported (a later format).
base::Result<ServerHeader> parseServerHeader(std::string_view text);

class DataDir {
 public:
  explicit DataDir(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const noexcept { return root_; }
  std::filesystem::path security() const { return root_ / "security"; }
  std::filesystem::path database() const { return security() / "kms.db"; }
  std::filesystem::path audit() const { return security() / "audit"; }
  std::filesystem::path published() const { return security() / "public"; }
  std::filesystem::path headerFile() const { return security() / "header"; }
  std::filesystem::path cards() const { return security() / "cards"; }
  std::filesystem::path lockFile() const { return security() / "lock"; }
  std::filesystem::path spool() const { return security() / "backup.db"; }    // of a backup that is made
  std::filesystem::path restored() const { return security() / "restored"; }  // until the first unsealing
  std::filesystem::path moved() const { return security() / "moved"; }        // there: on another host now

  // D/security is there, whatever it is.
  bool holdsServer() const;
  // Errors: NotFound / DataDirectoryMissing; Denied / DataDirectoryUnsafe (another's, or open to others: says
  // the chmod or chown that mends it); Invalid / DataDirectoryNotOurs.
  base::Result<void> check() const;
  // Errors: as check; Corrupt where the header is damaged (event 5058).
  base::Result<ServerHeader> header() const;
  base::Result<void> writeHeader(const ServerHeader& header) const;
  // One instance a data directory, for as long as the descriptor lives. Errors: Conflict / LockHeld, naming
  // the pid.
  base::Result<base::Fd> lock() const;

 private:
  std::filesystem::path root_;
};

}  // namespace kmsd
