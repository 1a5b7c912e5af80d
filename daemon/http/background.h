// Background: one thread for work that takes long (scrypt), so that no connection waits for another's.
#pragma once

#include <functional>
#include <memory>
#include <thread>

namespace kmsd::http {

class Background {
 public:
  static constexpr std::size_t kWaitingMost = 16;  // jobs

  Background();
  // What waits is still done. May run on the thread itself: the last job may hold the last owner.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // False, and nothing done, where too much waits already.
  bool run(std::function<void()> job);

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

}  // namespace kmsd::http
