// LiveBackup: backups of the server while it works, one at a time.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "daemon/data_dir.h"
#include "daemon/http/message.h"
#include "kms/keys/vault.h"

namespace kms::backup {
class Snapshot;
}

namespace kmsd {

class LiveBackup {
 public:
  // All of them outlive it, but what it gives goes before it. `gated`: where the entry of the audit log goes.
  LiveBackup(kms::Store& store, kms::Store& gated, const kms::Vault& vault, const DataDir& dir,
             const ServerHeader& header, const base::Clock& clock);

  // Copies the database and hashes what the backup holds, which takes a while; then a thread of its own reads
  // it as it is sent, and frees the copy, which takes long too. A sealing ends it. `by`: for the audit log.
  // Once `stop` is true it ends with Unavailable. Errors: Conflict (one is being made already); Unavailable /
  // Sealed; as kms::backup::Snapshot::take.
  base::Result<std::shared_ptr<http::BodySource>> make(const std::string& by, const std::atomic<bool>& stop);

 private:
  struct GiveBack {
    void operator()(std::atomic<bool>* busy) const noexcept { *busy = false; }
  };
  using Place = std::unique_ptr<std::atomic<bool>, GiveBack>;  // of the one backup that is being made
  base::Result<std::unique_ptr<kms::backup::Snapshot>> take(const std::string& by,
                                                            const std::atomic<bool>& stop);
  base::Result<std::shared_ptr<http::BodySource>> send(Place place,
                                                       std::unique_ptr<kms::backup::Snapshot> snapshot);

  kms::Store& store_;
  kms::Store& gated_;
  const kms::Vault& vault_;
  const DataDir& dir_;
  const ServerHeader& header_;
  const base::Clock& clock_;
  std::atomic<bool> busy_ = false;
  std::jthread sending_;  // last: it uses the rest, and is waited for
};

}  // namespace kmsd
