#include "kms/store/write_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace kms {
namespace {

// After this many lonely commits a caller commits by itself, which saves two changes of thread. With company,
// that would take the caller's thread away from those who could fill the next batch.
constexpr unsigned kAlone = 3;

// True on a thread that is inside a job or a `done`: there a write must not commit in place.
thread_local bool tInside = false;

}  // namespace

WriteQueue::WriteQueue(Committer& committer, std::size_t maxBatch)
    : committer_(committer), maxBatch_(std::max<std::size_t>(maxBatch, 1)), aloneFor_(kAlone) {
  thread_ = std::thread([this] { serve(); });
}

WriteQueue::~WriteQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void WriteQueue::push(Store::WriteJob job, Store::Done done) {
  WriteRequest request{std::move(job), std::move(done), {}};
  std::unique_lock lock(mutex_);
  const bool alone = !busy_ && waiting_.empty() && aloneFor_ >= kAlone && !tInside;
  if (!alone) {
    waiting_.push_back(std::move(request));
    const bool idle = !busy_;
    lock.unlock();
    if (idle) wake_.notify_one();
    return;
  }
  busy_ = true;
  lock.unlock();
  process({&request, 1});
  lock.lock();
  release(1);
  const bool more = !waiting_.empty() || committer_.tidyDue();
  lock.unlock();
  if (more) wake_.notify_one();
}

void WriteQueue::process(std::span<WriteRequest> batch) {
  tInside = true;
  committer_.commit(batch);
  for (auto& request : batch) {
    try {
      request.done(std::move(request.outcome));
    } catch (...) {  // the change is durable all the same; its caller has no other way to hear of it
    }
    request.done = nullptr;
  }
  tInside = false;
}

void WriteQueue::release(std::size_t batch) {
  busy_ = false;
  if (batch > 1 || !waiting_.empty()) {
    aloneFor_ = 0;
  } else if (aloneFor_ < kAlone) {
    ++aloneFor_;
  }
}

void WriteQueue::serve() {
  std::vector<WriteRequest> batch;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return !busy_ && (!waiting_.empty() || stopping_ || committer_.tidyDue()); });
    if (waiting_.empty() && stopping_) return;
    busy_ = true;
    const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), maxBatch_));
    batch.assign(std::make_move_iterator(waiting_.begin()),
                 std::make_move_iterator(waiting_.begin() + count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    lock.unlock();
    process(batch);
    if (committer_.tidyDue()) committer_.tidy();
    const auto size = batch.size();
    batch.clear();  // what the jobs captured goes now, not with the next batch
    lock.lock();
    release(size);
  }
}

}  // namespace kms
