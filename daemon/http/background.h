// Background: one thread for work that takes long (scrypt), so that no connection waits for another's.
#pragma once

#include <atomic>
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
  // Takes no more jobs, raises ending(), does what waits, and returns when no job runs any more. Not to be
  // called by a job.
  void end();
  // True from end() on: a job that takes long looks at it now and then, and gives up. It may be of no use to
  // anybody any more, but whoever waits for it gets an answer.
  const std::atomic<bool>& ending() const noexcept { return ended_; }

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::atomic<bool> ended_{false};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace kmsd::http
