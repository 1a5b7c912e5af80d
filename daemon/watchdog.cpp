#include "daemon/watchdog.h"

#include <algorithm>
#include <memory>

namespace kmsd {

// Outlives the watchdog in the hands of parts that have not answered.
struct Watchdog::Shared {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::vector<bool> waiting;  // for an answer of this part
  std::vector<bool> told;     // that it is silent

  bool allAnswered() const {
    return std::ranges::none_of(waiting, [](bool one) { return one; });
  }
};

Watchdog::Watchdog(std::chrono::milliseconds span, std::vector<Part> parts, Events events)
    : span_(span), parts_(std::move(parts)), events_(std::move(events)), shared_(std::make_shared<Shared>()) {
  shared_->waiting.resize(parts_.size());
  shared_->told.resize(parts_.size());
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Watchdog::~Watchdog() = default;

void Watchdog::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto next = std::chrono::steady_clock::now() + span_;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->waiting[i]) continue;  // still owes the last one
        shared_->waiting[i] = true;
      }
      parts_[i].ask([shared = shared_, i] {
        const std::lock_guard lock(shared->mutex);
        shared->waiting[i] = false;
        shared->changed.notify_all();
      });
    }
    std::vector<std::string> silent;
    std::vector<std::string> answering;
    bool all = false;
    {
      std::unique_lock lock(shared_->mutex);
      all = shared_->changed.wait_until(lock, stop, next, [&] { return shared_->allAnswered(); });
      for (std::size_t i = 0; i < parts_.size(); ++i) {
        if (shared_->waiting[i] == shared_->told[i]) continue;
        (shared_->waiting[i] ? silent : answering).push_back(parts_[i].name);
        shared_->told[i] = shared_->waiting[i];
      }
    }
    if (stop.stop_requested()) return;
    if (all) events_.alive();
    if (events_.silent) std::ranges::for_each(silent, events_.silent);
    if (events_.answering) std::ranges::for_each(answering, events_.answering);
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait_until(lock, stop, next, [] { return false; });
  }
}

}  // namespace kmsd
