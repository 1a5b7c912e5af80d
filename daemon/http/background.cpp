#include "daemon/http/background.h"

#include <condition_variable>
#include <deque>
#include <mutex>

namespace kmsd::http {

struct Background::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> jobs;
  bool ended = false;

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return ended || !jobs.empty(); });
      if (jobs.empty()) return;
      auto job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
      job = nullptr;  // what it holds may own this queue's Background
      lock.lock();
    }
  }
};

Background::Background() : queue_(std::make_shared<Queue>()), thread_([queue = queue_] { queue->work(); }) {}

Background::~Background() {
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->ended = true;
  }
  queue_->changed.notify_all();
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

bool Background::run(std::function<void()> job) {
  {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->jobs.size() >= kWaitingMost) return false;
    queue_->jobs.push_back(std::move(job));
  }
  queue_->changed.notify_all();
  return true;
}

}  // namespace kmsd::http
