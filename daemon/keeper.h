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

#include "daemon/reader_client.h"
#include "hal/base/uuid.h"
#include "kms/keys/vault.h"

namespace kmsd {

enum class OnRemoval : std::uint8_t { Keep, Seal, Grace };

struct KeeperOptions {
  base::Uuid server;
  ReaderOptions reader;
  OnRemoval onRemoval = OnRemoval::Keep;
  std::chrono::seconds grace{30};
  std::chrono::seconds refusalDelayFirst{1};  // doubles with each refusal of a medium
  std::chrono::seconds refusalDelayMost{30};
};

struct ServerStatus {
  bool sealed = true;
  base::Reason reason = base::Reason::AwaitingMedium;  // None while unsealed
  std::string detail;                                  // the sentence for the operator
  int event = 0;
  base::Uuid server;
  std::optional<base::Uuid> medium;  // whose key opened it
  base::Time since{};
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
  std::optional<base::SecretBuffer> pwd;  // 14 typed characters, instead of a medium
  std::optional<base::SecretBuffer> passphrase;
};

class Keeper {
 public:
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
  ~Keeper();

  // Errors: as ReaderClient::start.
  base::Result<void> start();
  void stop();

  ServerStatus status() const;
  std::vector<MediumReport> media() const;
  // Returns when no key is left in memory.
  void seal();
  // Tries what is inserted (or the typed key) now, also after a commanded seal.
  // Errors: as Vault::unseal; NotFound / AwaitingMedium.
  base::Result<void> unseal(UnsealRequest request);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kmsd
