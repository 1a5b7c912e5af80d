// LiveBackup: backups of the server while it works, one at a time.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/data_dir.h"
#include "daemon/http/message.h"
#include "kms/keys/vault.h"

namespace kmsd {

// Does one thing at a time on a thread of its own, and waits for it in the end. To free a large file takes
// long, and whoever drops a backup serves connections.
class Aside {
 public:
  Aside() = default;
  ~Aside();
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  void run(std::function<void()> work);

 private:
  std::mutex mutex_;
  std::thread thread_;
};

class LiveBackup {
 public:
  // All of them outlive it. `gated`: where the entry of the audit log goes.
  LiveBackup(kms::Store& store, kms::Store& gated, const kms::Vault& vault, const DataDir& dir,
             const ServerHeader& header, const base::Clock& clock);

  // Copies the database and hashes what the backup holds, which takes a while; then it is there as it is
  // sent. Its copy goes with what is given. `by`: for the audit log. Once `stop` is true it ends with
  // Unavailable. Errors: Conflict (one is being made already); Unavailable / Sealed; as
  // kms::backup::Snapshot::take.
  base::Result<std::shared_ptr<http::BodySource>> make(const std::string& by, const std::atomic<bool>& stop);

 private:
  kms::Store& store_;
  kms::Store& gated_;
  const kms::Vault& vault_;
  const DataDir& dir_;
  const ServerHeader& header_;
  const base::Clock& clock_;
  const std::shared_ptr<Aside> aside_ = std::make_shared<Aside>();
  const std::shared_ptr<std::atomic<bool>> busy_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace kmsd
