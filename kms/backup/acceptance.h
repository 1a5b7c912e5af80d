// Acceptance: what a server that was restored needs before it serves. The MAC of the backup it came from is
// checked, and a state that is older than what was issued since is opened only when somebody says so.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "kms/audit/audit_writer.h"
#include "kms/backup/backup_format.h"
#include "kms/keys/vault.h"

namespace kms::backup {

// Whoever restores leaves the backup's header in a file of this name beside the database.
inline constexpr const char* kRestoredFile = "restored";

class Acceptance {
 public:
  static constexpr std::int64_t kTokenStep = std::int64_t{1} << 40U;
  // Numbers of certificates stay below KeyringCipher::kSequences.
  static constexpr std::int64_t kCertificateStep = std::int64_t{1} << 32U;

  // All of them outlive it. `restored`: the file's path.
  Acceptance(Store& store, const Vault& vault, const AuditMac& mac, const AuditOptions& audit,
             const base::Clock& clock, std::filesystem::path restored)
      : store_(store), vault_(vault), mac_(mac), audit_(audit), clock_(clock), file_(std::move(restored)) {}

  // To be called when the vault was opened, before anybody may use it and before the audit log is verified.
  // `by`: who goes on although the state is older than what was issued since; empty: nobody. Voiding every
  // one-time token takes a while with many users: then `meanwhile` is called again and again. Errors: Corrupt
  // / BackupForged; Denied / BackupOlder, which says what may count again; the store's.
  base::Result<void> opened(const std::string& by, const std::function<void()>& meanwhile);

 private:
  base::Result<std::optional<Header>> restoredHeader() const;
  base::Result<void> checkMac(const Header& header) const;
  // When the backup was made, where the state is under the mark of one; 0 where that is not known.
  struct Marked {
    std::optional<base::Time> made;
    std::optional<AuditNote> unmarked;  // the note without the mark, where it could be made
  };
  base::Result<std::optional<Marked>> marked() const;
  base::Result<void> voidOneTimeTokens(const std::string& by, const std::function<void()>& meanwhile);
  base::Result<bool> voidPage(std::int64_t& after, const std::string& by);
  base::Result<void> accept(const Marked& state, const std::string& by);
  base::Result<void> settle(const Header* header);

  Store& store_;
  const Vault& vault_;
  const AuditMac& mac_;
  const AuditOptions& audit_;
  const base::Clock& clock_;
  const std::filesystem::path file_;
};

// "3 days 4 h", "25 min": for people.
std::string spanText(std::chrono::seconds span);

}  // namespace kms::backup
