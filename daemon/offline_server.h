// OfflineServer: a server that does not run, for the commands that change its slots and keys. The data lock
// is held as long as it lives, so no daemon starts meanwhile and no two commands work at once.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "daemon/data_dir.h"
#include "kms/audit/audit.h"
#include "kms/keys/slot_desk.h"
#include "kms/store/store.h"

namespace kmsd {

// A data directory as it was given, in full and without a slash at its end: behind one a symbolic link would
// be followed.
std::filesystem::path rootOf(const std::filesystem::path& given);

class OfflineServer {
 public:
  // Errors: as DataDir::header; Conflict / LockHeld; as kms::openSqliteStore.
  static base::Result<OfflineServer> open(const std::filesystem::path& root);
  // For what changes keys: as open, and refuses a server whose keys must stay as its backup knows them.
  // Errors also: Denied / ServerMoved; Denied / Forbidden (restored, and not open since).
  static base::Result<OfflineServer> openForKeys(const std::filesystem::path& root);
  // Errors: Denied / Forbidden where it was restored and nobody has opened it since, so that nothing yet
  // tells whether it made the backup.
  base::Result<void> checkOpenedOnce() const;

  const DataDir& dir() const noexcept { return dir_; }
  const ServerHeader& header() const noexcept { return header_; }
  kms::Store& store() const noexcept { return *store_; }
  // Puts an entry on record together with a change: by whoever runs the command, now.
  kms::SlotDesk::Along records(kms::Event event, std::string object, std::string detail) const;

 private:
  OfflineServer(DataDir dir, ServerHeader header, base::Fd lock)
      : dir_(std::move(dir)), header_(std::move(header)), lock_(std::move(lock)) {}

  DataDir dir_;
  ServerHeader header_;
  base::Fd lock_;
  std::unique_ptr<kms::Store> store_;
};

}  // namespace kmsd
