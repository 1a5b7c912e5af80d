// Internal to kms/store: commits batches of write jobs on the one writing connection.
#pragma once

#include <atomic>
#include <string>

#include "kms/store/sqlite_session.h"
#include "kms/store/write_queue.h"

namespace kms::sqlite {

class Writer final : public Committer {
 public:
  explicit Writer(Connection db) noexcept : db_(std::move(db)), session_(db_) {}

  void commit(std::span<WriteRequest> batch) noexcept override;
  bool tidyDue() const noexcept override { return tidyDue_.load(std::memory_order_relaxed); }
  void tidy() noexcept override;

  // The disk failed at a commit or a checkpoint. What reached it is unknown and the kernel may call the lost
  // pages clean, so nothing is ever synced again by this process.
  bool closed() const noexcept { return closed_.load(); }
  // REQUIRES: no commit is under way.
  Connection& connection() noexcept { return db_; }

 private:
  base::Result<void> runAll(std::span<WriteRequest> batch);
  base::Result<void> runOne(WriteRequest& request, bool shared);
  base::Result<void> commitTransaction();
  void rollBack() noexcept;
  void closeForGood() noexcept;

  Connection db_;
  Session session_;
  std::atomic<bool> tidyDue_ = false;
  std::atomic<bool> closed_ = false;
  bool emptyWal_ = false;
};

}  // namespace kms::sqlite
