#include "drivers/smartcard/worker.h"

namespace drivers::smartcard {

Worker::Worker(std::unique_ptr<PcscSession> session) : state_(std::make_shared<State>()) {
  state_->session = std::move(session);
  thread_ = std::thread([state = state_] { work(state); });
}

Worker::~Worker() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->quit = true;
    state_->changed.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Worker::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->changed.wait(lock, [&] { return state->quit || state->job; });
    if (!state->job) break;
    const Job job = *std::exchange(state->job, std::nullopt);
    lock.unlock();
    job(*state->session);
    lock.lock();
    state->busy = false;
    state->changed.notify_all();
  }
  lock.unlock();
  state->session.reset();  // the context ends on the thread that used it
}

bool Worker::run(Job job, base::Deadline by) {
  std::unique_lock lock(state_->mutex);
  state_->job = std::move(job);
  state_->busy = true;
  state_->changed.notify_all();
  if (state_->changed.wait_until(lock, by.at(), [this] { return !state_->busy; })) return true;
  state_->quit = true;
  thread_.detach();
  return false;
}

bool Worker::idle() const {
  const std::lock_guard lock(state_->mutex);
  return !state_->busy;
}

bool Workers::give(Worker::Job job, base::Deadline by) {
  if (by.expired()) return false;
  std::erase_if(hanging_, [](const auto& worker) { return worker->idle(); });
  if (!current_) {
    if (hanging_.size() >= kMostHanging) return false;
    current_ = std::make_unique<Worker>(std::make_unique<PcscSession>(make_(), book_));
  }
  if (current_->run(std::move(job), by)) return true;
  hanging_.push_back(std::move(current_));
  return false;
}

base::Error Workers::late() const {
  if (!current_ && hanging_.size() >= kMostHanging)
    return {base::Code::Unavailable, "the card readers hang; unplug them, or restart pcscd",
            base::Reason::MediumBusy};
  return {base::Code::Timeout, "the card or its reader did not answer in time; insert the card again"};
}

}  // namespace drivers::smartcard
