// Tidier: drops what has expired, in small batches, on a thread that gives way to every other.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "kms/pki/certificate_service.h"
#include "kms/tokens/token_service.h"

namespace kmsd {

class Tidier {
 public:
  using Damaged = std::function<void(const std::string& what)>;
  // All of them outlive it. `damaged` is told of rows that do not open. `look` is called every few seconds,
  // also while sealed. The thread runs until the destructor, which waits for one batch at most.
  Tidier(const kms::Vault& vault, kms::TokenService& tokens, kms::pki::CertificateService& certificates,
         Damaged damaged, std::function<void()> look);

 private:
  void run(std::stop_token stop);
  // A batch of both; true while more is left.
  base::Result<bool> tidy();
  // Sleeps, or returns at once when it is to stop.
  void rest(std::stop_token stop, std::chrono::milliseconds span);

  const kms::Vault& vault_;
  kms::TokenService& tokens_;
  kms::pki::CertificateService& certificates_;
  const Damaged damaged_;
  const std::function<void()> look_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace kmsd
