#include "kms/store/sqlite_writer.h"

#include <exception>
#include <utility>

namespace kms::sqlite {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr int kCheckpointPages = 4096;                 // 16 MB of WAL are moved into the file
constexpr int kTruncatePages = 16 * kCheckpointPages;  // above this readers are waited for

Error closedError() {
  return Error{
      Code::Unavailable,
      "the database takes no changes since its disk failed; check the disk, then restart the server"};
}

Result<void> guarded(const Store::WriteJob& job, Txn& txn) {
  try {
    return job(txn);
  } catch (const std::exception& thrown) {
    return Error{Code::Internal, std::string("a change was undone, because it threw: ") + thrown.what()};
  } catch (...) {
    return Error{Code::Internal, "a change was undone, because it threw"};
  }
}

}  // namespace

void Writer::commit(std::span<WriteRequest> batch) noexcept {
  if (closed()) {
    for (auto& request : batch) request.outcome = closedError();
    return;
  }
  auto done = runAll(batch);
  if (!done) {
    rollBack();
    // Jobs that failed by themselves keep their own error.
    for (auto& request : batch) {
      if (request.outcome) request.outcome = done.error();
    }
  }
  for (auto& request : batch) request.job = nullptr;
  if (session_.takeSlotRemoved()) emptyWal_ = true;
  if (!closed() && (emptyWal_ || db_.walPages() >= kCheckpointPages)) tidyDue_ = true;
}

Result<void> Writer::runAll(std::span<WriteRequest> batch) {
  auto begin = db_.query("BEGIN IMMEDIATE");
  if (!begin) return std::move(begin).error();
  auto done = begin->run();
  if (!done) return done;
  bool any = false;
  for (auto& request : batch) {
    done = runOne(request, batch.size() > 1);
    if (!done) return done;
    any = any || bool(request.outcome);
  }
  if (!any) {
    rollBack();
    return {};
  }
  return commitTransaction();
}

// Sets the job's outcome; an error of this function itself ends the whole batch.
Result<void> Writer::runOne(WriteRequest& request, bool shared) {
  if (shared) {
    auto savepoint = db_.query("SAVEPOINT job");
    if (!savepoint) return std::move(savepoint).error();
    auto set = savepoint->run();
    if (!set) return set;
  }
  request.outcome = guarded(request.job, session_);
  if (!db_.inTransaction()) {  // SQLite gives up a transaction by itself when the disk is full or fails
    return request.outcome ? Error{Code::Internal, "the database ended a transaction by itself"}
                           : request.outcome.error();
  }
  if (!shared) return {};
  if (!request.outcome) {
    auto back = db_.query("ROLLBACK TO job");
    if (!back) return std::move(back).error();
    auto undone = back->run();
    if (!undone) return undone;
  }
  auto release = db_.query("RELEASE job");
  if (!release) return std::move(release).error();
  return release->run();
}

Result<void> Writer::commitTransaction() {
  auto commit = db_.query("COMMIT");
  if (!commit) return std::move(commit).error();
  auto done = commit->run();
  if (!done && diskFailed(db_.lastCode())) {
    closeForGood();
    return Error{Code::Io, done.error().what +
                               "; the change is not confirmed, and no more are taken until the "
                               "server is restarted"};
  }
  return done;
}

void Writer::rollBack() noexcept {
  if (!db_.inTransaction()) return;
  // Its only failures are those of a broken disk or memory, and then no later BEGIN succeeds either.
  auto rollback = db_.query("ROLLBACK");
  if (rollback) static_cast<void>(bool(rollback->run()));
}

void Writer::tidy() noexcept {
  tidyDue_ = false;
  if (closed()) return;
  const bool truncate = emptyWal_ || db_.walPages() >= kTruncatePages;
  auto done = db_.checkpoint(truncate);
  if (done && *done) emptyWal_ = false;
  if (!done && diskFailed(db_.lastCode())) closeForGood();
}

void Writer::closeForGood() noexcept {
  closed_ = true;
  db_.leaveWalOnClose();
}

}  // namespace kms::sqlite
