#include "daemon/http/background.h"

#include <utility>

namespace kmsd::http {

Background::Background() : thread_([this] { work(); }) {}

void Background::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ended_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    try {
      job();
    } catch (...) {  // out of memory: that job is lost, and answers so when it goes; the next ones are served
    }
    job = nullptr;  // what it holds goes now, not with the next job
    lock.lock();
  }
}

void Background::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Background::run(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || jobs_.size() >= kWaitingMost) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
  return true;
}

}  // namespace kmsd::http
