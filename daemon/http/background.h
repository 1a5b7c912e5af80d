// Background: one thread for work that takes long (scrypt), so that no connection waits for another's.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace kmsd::http {

class Background {
 public:
  static constexpr std::size_t kWaitingMost = 16;  // jobs

  Background();
  ~Background() { end(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // False, and nothing done, where too much waits already or end() was called. What a job throws is dropped.
  bool run(std::function<void()> job);
  // Takes no more jobs, does what waits, and returns when no job runs any more. Not to be called by a job.
  void end();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool ended_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace kmsd::http
