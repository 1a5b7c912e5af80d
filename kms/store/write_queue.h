// Internal to kms/store: WriteQueue brings together the writes that wait, so that one commit serves them all.
// It knows no database; a Committer does the work, called by one thread at a time.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "kms/store/store.h"

namespace kms {

struct WriteRequest {
  Store::WriteJob job;
  Store::Done done;
  base::Result<void> outcome;
};

class Committer {
 public:
  virtual ~Committer() = default;
  // Runs the jobs in order, commits once and sets each outcome.
  virtual void commit(std::span<WriteRequest> batch) noexcept = 0;
  // Work to be done when nobody waits for an answer.
  virtual bool tidyDue() const noexcept = 0;
  virtual void tidy() noexcept = 0;
};

class WriteQueue {
 public:
  // Throws std::system_error where no thread can be started. `committer` must outlive this.
  WriteQueue(Committer& committer, std::size_t maxBatch);
  // Runs what waits, then stops. REQUIRES: no push() is under way or follows.
  ~WriteQueue();
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  // `done` is called once: here and now where this caller is alone, else on the queue's thread.
  void push(Store::WriteJob job, Store::Done done);

 private:
  void serve();
  void process(std::span<WriteRequest> batch);
  void release(std::size_t batch);  // REQUIRES: mutex_ is held

  Committer& committer_;
  const std::size_t maxBatch_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<WriteRequest> waiting_;
  bool busy_ = false;  // somebody is committing
  bool stopping_ = false;
  unsigned aloneFor_;   // commits in a row that nobody shared or waited behind
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace kms
