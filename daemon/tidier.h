// Tidier: drops what has expired, in small batches, on a thread that gives way to every other.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "kms/tokens/token_service.h"

namespace kmsd {

class Tidier {
 public:
  // Both outlive it. The thread runs until the destructor, which waits for one batch at most.
  Tidier(const kms::Vault& vault, kms::TokenService& tokens);

 private:
  void run(std::stop_token stop);
  // Sleeps, or returns at once when it is to stop.
  void rest(std::stop_token stop, std::chrono::milliseconds span);

  const kms::Vault& vault_;
  kms::TokenService& tokens_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace kmsd
