// Internal to kms/store: commits batches of write jobs on the one writing connection.
#pragma once

#include <atomic>
#include <string>

#include "kms/store/sqlite_store.h"
#include "kms/store/write_queue.h"
#include "kms/store/write_session.h"

namespace kms::sqlite {

class Writer {
 public:
  // `options`: whom to call, and when.
  Writer(Connection db, const SqliteOptions& options)
      : db_(std::move(db)),
        session_(db_),
        committed_(options.committed),
        slotsCommitted_(options.slotsCommitted),
        damaged_(options.damaged) {}

  void commit(std::span<WriteRequest> batch) noexcept;
  bool tidyDue() const noexcept { return tidyDue_.load(std::memory_order_relaxed); }
  // Without `mayWait` no reader is waited for.
  void tidy(bool mayWait) noexcept;
  // Moves the whole WAL into the file. False: a reader was in the way, or the disk failed.
  bool moveAll() noexcept;

  // The disk failed at a commit or a checkpoint. What reached it is unknown and the kernel may call the lost
  // pages clean, so nothing is ever synced again by this process.
  bool closed() const noexcept { return closed_.load(); }
  // REQUIRES: no commit is under way.
  Connection& connection() noexcept { return db_; }
  WriteSession& session() noexcept { return session_; }
  std::uint64_t changes() const noexcept { return session_.changes(); }

 private:
  base::Result<void> runAll(std::span<WriteRequest> batch);
  // False: a job failed after it had changed something, so that all of them must be undone.
  base::Result<bool> runPlain(std::span<WriteRequest> batch);
  base::Result<void> runEachInSavepoint(std::span<WriteRequest> batch);
  base::Result<void> runOne(WriteRequest& request);
  base::Result<void> run(const char* sql);
  base::Result<void> commitTransaction();
  void rollBack() noexcept;
  void tellSlots() noexcept;
  void tellDamage() noexcept;
  void closeForGood() noexcept;

  Connection db_;
  WriteSession session_;
  const decltype(SqliteOptions::committed) committed_;
  const decltype(SqliteOptions::slotsCommitted) slotsCommitted_;
  const decltype(SqliteOptions::damaged) damaged_;
  std::atomic<bool> tidyDue_ = false;
  std::atomic<bool> closed_ = false;
  bool emptyWal_ = false;
};

}  // namespace kms::sqlite
