// Keeper: decides when the server is open. It watches the media, offers their keys to the vault, follows the
// removal policy and carries out seal and unseal. One thread of its own; every method may be called from any
// thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/pin_desk.h"
#include "daemon/reader_client.h"
#include "hal/base/uuid.h"
#include "kms/audit/audit_log.h"
#include "kms/backup/acceptance.h"
#include "kms/keys/share_desk.h"
#include "kms/keys/vault.h"

namespace kmsd {

enum class OnRemoval : std::uint8_t { Keep, Seal, Grace };

struct KeeperOptions {
  base::Uuid server;
  ReaderOptions reader;
  OnRemoval onRemoval = OnRemoval::Keep;
  std::chrono::milliseconds grace{30'000};
  std::chrono::milliseconds refusalDelayFirst{1'000};  // doubles with each refusal of a medium
  std::chrono::milliseconds refusalDelayMost{30'000};
  // Under Seal and Grace: a medium that cannot be looked at (kmsd-media restarts, its drive fails) counts as
  // removed after this.
  std::chrono::milliseconds outOfSight{15'000};
  // Of a key in shares: those that were read are forgotten when no other came for so long.
  std::chrono::milliseconds sharesKept{10 * 60'000};
  std::filesystem::path pinFile;    // of cards; empty: PINs are typed
  std::filesystem::path cardsFile;  // of the PinLedger
  bool acceptOlder = false;         // go on with the older state of a backup
};

struct ServerStatus {
  bool sealed = true;
  base::Reason reason = base::Reason::AwaitingMedium;  // None while unsealed
  std::string detail;                                  // the sentence for the operator
  int event = 0;
  base::Uuid server;
  std::optional<base::Uuid> medium;  // whose key opened it
  base::Time since{};
  std::string by;           // who commanded it; empty where the server did it by itself
  std::string mediumEpoch;  // with --medium-epoch: which medium was written last, and what that is worth
};

// A slot as `kmsctl media` shows it.
struct MediumReport {
  std::string uri;  // of the medium in the slot
  std::string driver;
  std::string slot;
  bool present = false;
  std::optional<base::Uuid> server;
  std::optional<base::Uuid> medium;
  std::string label;
  bool writeProtected = false;
  std::string error;  // the last one; empty: none
};

struct UnsealRequest {
  std::optional<base::SecretBuffer> pwd;         // a typed key or share, instead of a medium
  std::optional<base::SecretBuffer> passphrase;  // as normalPassphrase gives it
  PinOrder pin;                                  // for a card
  std::string by;                                // who asks, for the audit log
  bool acceptBrokenAudit = false;                // go on with a new file where the audit log is broken
  bool acceptOlder = false;                      // go on with the older state of a backup
};

// What the keeper needs of the vault: kms::Vault's methods of the same names, and of the audit log.
struct VaultPort {
  std::function<base::Result<base::Uuid>(kms::KeyOffer)> unseal;
  std::function<base::Result<base::Uuid>(const kms::KeyOffer&)> check;
  std::function<void()> seal;
  std::function<bool()> sealed;
  // Verifies the audit log when the vault was opened, before the server is. `acceptedBy`: who goes on where
  // it is broken; empty: nobody. Where that takes long, calls `meanwhile` again and again. Errors: Corrupt /
  // AuditBroken; Unavailable / AuditUnwritable. May be empty: there is no log.
  std::function<base::Result<void>(const std::string& acceptedBy, const std::function<void()>& meanwhile)>
      verifyAudit = {};
  // Who goes on, at the next unsealings, with the older state of a backup; and what is then to be done before
  // the audit log is verified: both as kms::backup::Acceptance. May be empty, both.
  std::function<void(const std::string& by)> acceptOlder = {};
  std::function<base::Result<void>(const std::function<void()>& meanwhile)> settleRestored = {};
  // What the medium whose key comes next says of the state (its two sectors; empty: nothing), and what to
  // write onto it once it has opened: as kms::backup::Acceptance. May be empty, both.
  std::function<void(base::Bytes sectors)> mediumSays = {};
  std::function<base::Result<std::vector<kms::backup::Acceptance::MediumWrite>>(base::BytesView sectors,
                                                                                const base::Uuid& medium)>
      mediumWrites = {};
  // The media that open this server, for messages. May be empty.
  std::function<std::string()> originals = {};
  // Why the log is known to be broken, if it is. May be empty.
  std::function<std::optional<base::Error>()> brokenAudit = {};
  // The keys that are split over several media. May be empty: there is none.
  std::function<base::Result<std::vector<kms::ShareSet>>()> shareSets = {};
};

// Null gives none.
std::optional<VaultPort> portOf(kms::Vault* vault);
// Verifies the audit log at each unsealing, and ends its lines with a checkpoint before each seal. Both
// outlive it.
VaultPort portOf(kms::Vault& vault, kms::AuditLog& audit);
// And looks whether the server was restored; `acceptance` outlives it too.
VaultPort portOf(kms::Vault& vault, kms::AuditLog& audit, kms::backup::Acceptance& acceptance,
                 kms::Store& store, const base::Uuid& server);

class Keeper {
 public:
  // Called on the keeper's thread; may call status() and media(), nothing else of the keeper.
  struct Events {
    // State changed: for the log, for systemd's STATUS=, for the audit log (the daemon records it).
    std::function<void(const ServerStatus&)> stateChanged;
    std::function<void(const hal::Slot&, bool inserted)> mediumMoved;
    std::function<void(const std::string& uri, const base::Error& why)> mediumRefused;
    std::function<void(std::string what)> note;
  };

  // `vault` is null where the database cannot be used; then `fault` says why and nothing unseals.
  Keeper(KeeperOptions options, kms::Vault* vault, std::optional<base::Error> fault, const base::Clock& clock,
         Events events);
  // With a port that knows the audit log too (see portOf).
  Keeper(KeeperOptions options, std::optional<VaultPort> vault, std::optional<base::Error> fault,
         const base::Clock& clock, Events events);
  // The same over any vault and reader.
  using StartReader =
      std::function<base::Result<std::unique_ptr<ReaderClient>>(ReaderOptions, ReaderClient::Events)>;
  Keeper(KeeperOptions options, std::optional<VaultPort> vault, StartReader startReader,
         std::optional<base::Error> fault, const base::Clock& clock, Events events);
  ~Keeper();

  // Errors: as ReaderClient::start.
  base::Result<void> start();
  void stop();

  ServerStatus status() const;
  bool sealed() const noexcept;  // as status() says, without a lock
  std::vector<MediumReport> media() const;
  // Returns when no key is left in memory.
  void seal(const std::string& by = {});
  // The audit log may have been found broken: seals where it is. Returns at once.
  void lookAtAudit();
  // The database was found damaged: seals, and nothing opens it any more. Returns at once.
  void loseDatabase(base::Error why);
  // Why the database cannot be used, where that was found out after the start.
  std::optional<base::Error> lostDatabase() const;
  // Has the keeper's thread call `answer`, in its turn: for a watchdog. Not called any more once it stops.
  void ask(std::function<void()> answer);
  // Tries what is inserted (or the typed key) now, also after a commanded seal.
  // Errors: as Vault::unseal; NotFound / AwaitingMedium; Denied (refused a moment ago, says how long to
  // wait).
  base::Result<void> unseal(UnsealRequest request);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kmsd
