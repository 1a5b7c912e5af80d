// NewServer: a data directory that is being made. All is made in D/security.new and renamed to D/security at
// the end, so that a crash leaves no server or a whole one; what an interrupted one left is cleared away.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "daemon/data_dir.h"
#include "hal/base/clock.h"
#include "kms/keys/founding.h"
#include "kms/pki/authority_make.h"

namespace kmsd {

// A time as a part of a file's name: 20260131T235959Z.
std::string stampOf(base::Time at);
// Other setups, restores and removals wait outside while it lives. Errors: Conflict / LockHeld; as
// base::systemError.
base::Result<base::Fd> lockRoot(const std::filesystem::path& root);

// Whether a server may be made there; changes nothing. Errors: Conflict / ServerExists; Invalid /
// DataDirectoryNotOurs (other files, no directory); Denied / DataDirectoryUnsafe; NotFound (no parent).
base::Result<void> checkGround(const std::filesystem::path& root);

class NewServer {
 public:
  // Makes the directory where there is none, and keeps other setups out of it. Errors: as checkGround;
  // Conflict / LockHeld.
  static base::Result<NewServer> stage(const std::filesystem::path& root);
  NewServer(NewServer&& other) noexcept;
  NewServer& operator=(NewServer&&) = delete;
  ~NewServer();  // clears away what was not committed

  // Database with keys and slots, first audit entry, header; and a certificate authority, where there is to
  // be one: then the SHA-256 of its certificate is given, else an empty text. Errors: as kms::found,
  // createSqliteStore and makeFirstAuthority.
  base::Result<std::string> fill(const ServerHeader& header, const std::vector<kms::NewSlot>& slots,
                                 const std::optional<kms::pki::AuthorityPlan>& authority);
  // Makes it the server, durably. Errors: as systemError.
  base::Result<void> commit();

 private:
  NewServer(std::filesystem::path root, base::Fd lock, bool made)
      : root_(std::move(root)), lock_(std::move(lock)), made_(made) {}
  std::filesystem::path stagePath() const;

  std::filesystem::path root_;
  base::Fd lock_;
  bool made_ = false;  // the directory itself, by us
  bool staged_ = false;
};

// D/security becomes the first free of D/security.bak, .bak.1, ... Gives the new name. Errors: as
// DataDir::check; Conflict / LockHeld.
base::Result<std::filesystem::path> removeServer(const std::filesystem::path& root);
// Likewise, to D/security.bak-abandoned-TIME: nobody is to take it for a state to go back to. Errors: also
// Denied where it is another server's id.
base::Result<std::filesystem::path> abandonServer(const std::filesystem::path& root,
                                                  const base::Uuid& server);

}  // namespace kmsd
