// BeforeWrite: a Store before whose next write something else happens, such as what another request does at
// just that moment. Safe to use from several threads.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "kms/store/store.h"

namespace tests {

class BeforeWrite final : public kms::Store {
 public:
  // `inner` must outlive this.
  explicit BeforeWrite(kms::Store& inner) : inner_(inner) {}

  // Runs once, on the thread of the n-th write from now on, the first being 1, before that write begins. It
  // may use this store.
  void at(std::size_t n, std::function<void()> what) {
    const std::lock_guard lock(mutex_);
    left_ = n;
    what_ = std::move(what);
  }

  base::Result<void> read(const ReadJob& job) override { return inner_.read(job); }
  base::Result<kms::RowView> get(kms::Table table, std::int64_t key) override {
    return inner_.get(table, key);
  }
  bool watch(std::weak_ptr<kms::RowWatcher> watcher) override { return inner_.watch(std::move(watcher)); }
  void write(WriteJob job, Done done) override {
    if (const auto what = due()) what();
    inner_.write(std::move(job), std::move(done));
  }

 private:
  std::function<void()> due() {
    const std::lock_guard lock(mutex_);
    if (left_ == 0 || --left_ != 0) return {};
    return std::exchange(what_, {});
  }

  kms::Store& inner_;
  std::mutex mutex_;
  std::size_t left_ = 0;
  std::function<void()> what_;
};

}  // namespace tests
