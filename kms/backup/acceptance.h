// Acceptance: what a server that was restored needs before it serves. The MAC of the backup it came from is
// checked, and a state that is older than what was issued since is opened only when somebody says so.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "kms/audit/audit_writer.h"
#include "kms/backup/backup_format.h"
#include "kms/backup/medium_epoch.h"
#include "kms/keys/key_party.h"
#include "kms/keys/vault.h"

namespace kms::backup {

// Whoever restores leaves the backup's header in a file of this name beside the database.
inline constexpr const char* kRestoredFile = "restored";

class Acceptance final : public KeyParty {
 public:
  static constexpr std::int64_t kTokenStep = std::int64_t{1} << 40U;
  // Numbers of certificates stay below KeyringCipher::kSequences.
  static constexpr std::int64_t kCertificateStep = std::int64_t{1} << 32U;

  // All of them outlive it. `audit`: the directory of the log; `restored`: the file's path. To be attached to
  // the vault before every other party: where it refuses, none is told of the keys.
  Acceptance(Store& store, const Vault& vault, const base::Uuid& server, const base::Clock& clock,
             std::filesystem::path audit, std::filesystem::path restored)
      : store_(store),
        vault_(vault),
        server_(server),
        clock_(clock),
        audit_(std::move(audit)),
        file_(std::move(restored)) {}

  // Who goes on, at the next openings, although the state is older than what was issued since; empty: nobody.
  // REQUIRES: nobody unseals now.
  void acceptOlder(std::string by) { by_ = std::move(by); }

  // The two sectors of the medium that the next opening reads its key from; empty: it has none. A state that
  // is older than what they say is opened as the state of a backup is. REQUIRES: nobody unseals now.
  void mediumSays(base::Bytes sectors) { sectors_ = std::move(sectors); }

  // Errors: Corrupt / BackupForged; Denied / BackupOlder, which says what may count again.
  base::Result<void> opened(StoreReader& reader, OpenKeys& keys) override;
  void closing() noexcept override {}

  // To be called when the vault was opened, before anybody may use it and before the audit log is verified:
  // makes an older state one that may be gone on with. Voiding every one-time token takes a while with many
  // users: then `meanwhile` is called again and again. Errors: the store's.
  base::Result<void> settle(const std::function<void()>& meanwhile);

  // What to write onto the medium that opened, now that the database has it: sectors and their numbers, in
  // this order. `sectors`: as mediumSays. Errors: the store's and the vault's.
  struct MediumWrite {
    unsigned which = 0;
    base::Bytes sector;
  };
  base::Result<std::vector<MediumWrite>> mediumWrites(base::BytesView sectors, const base::Uuid& medium);

 private:
  // A state under the mark of a backup.
  struct Marked {
    std::optional<base::Time> made;     // where that is known
    std::optional<AuditNote> unmarked;  // the note without the mark, where it could be made
    std::optional<base::Time> noted;  // what the medium has seen was noted then; a record of the future: none
    bool byMedium = false;
  };
  base::Result<std::optional<Header>> restoredHeader() const;
  base::Result<std::optional<Marked>> marked(StoreReader& reader, OpenKeys& keys) const;
  // Nothing where the medium knows of nothing later.
  base::Result<std::optional<Marked>> laterOnMedium(StoreReader& reader, OpenKeys& keys) const;
  base::Result<bool> has(StoreReader& reader, const MediumRecord& record) const;
  base::Result<void> voidOneTimeTokens(const std::function<void()>& meanwhile);
  base::Result<bool> voidPage(std::int64_t& after);
  base::Result<void> tellForged(Txn& txn, const base::Error& why) const;
  base::Result<void> accept();
  base::Result<void> forget();

  Store& store_;
  const Vault& vault_;
  const base::Uuid server_;
  const base::Clock& clock_;
  const std::filesystem::path audit_;
  const std::filesystem::path file_;
  std::string by_;
  base::Bytes sectors_;
  std::optional<Header> header_;  // of the backup that this server was restored from, and was not open since
  std::optional<Marked> marked_;  // as the last opening found it
};

// "3 days", "25 min": for people.
std::string spanText(std::chrono::seconds span);

}  // namespace kms::backup
