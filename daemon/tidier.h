// Tidier: drops what has expired, and seals anew what an interrupted renewal of the root key left, in small
// batches, on a thread that gives way to every other.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "kms/keys/rotation.h"
#include "kms/pki/certificate_service.h"
#include "kms/tokens/token_service.h"

namespace kmsd {

class Tidier {
 public:
  using Damaged = std::function<void(const std::string& what)>;
  // All of them outlive it. `damaged` is told of rows that do not open. `look` is called every few seconds,
  // also while sealed. `ended` is committed with the end of a renewal of the root key. The thread runs until
  // the destructor, which waits for one batch at most.
  Tidier(const kms::Vault& vault, kms::TokenService& tokens, kms::pki::CertificateService& certificates,
         kms::Store& store, kms::SlotDesk::Along ended, Damaged damaged, std::function<void()> look);

 private:
  void run(std::stop_token stop);
  // A batch of each; true while more is left.
  base::Result<bool> tidy();
  base::Result<bool> reseal();
  // Sleeps, or returns at once when it is to stop.
  void rest(std::stop_token stop, std::chrono::milliseconds span);

  const kms::Vault& vault_;
  kms::TokenService& tokens_;
  kms::pki::CertificateService& certificates_;
  kms::Store& store_;
  kms::Resealer resealer_;
  bool resealing_ = false;
  const Damaged damaged_;
  const std::function<void()> look_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace kmsd
