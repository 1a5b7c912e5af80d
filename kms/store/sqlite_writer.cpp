#include "kms/store/sqlite_writer.h"

#include <algorithm>
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

bool anyGood(std::span<const WriteRequest> batch) {
  return std::any_of(batch.begin(), batch.end(), [](const auto& request) { return bool(request.outcome); });
}

}  // namespace

void Writer::commit(std::span<WriteRequest> batch) noexcept {
  if (closed()) {
    for (auto& request : batch) request.outcome = closedError();
    return;
  }
  const auto started = std::chrono::steady_clock::now();
  auto done = runAll(batch);
  if (!done) {
    rollBack();
    // Jobs that failed by themselves keep their own error.
    for (auto& request : batch) {
      if (request.outcome) request.outcome = done.error();
    }
  }
  session_.settle();
  for (auto& request : batch) request.job = nullptr;
  if (session_.takeSlotRemoved()) emptyWal_ = true;
  if (session_.takeSlotsChanged() && done) tellSlots();
  if (!closed() && (emptyWal_ || db_.walPages() >= kCheckpointPages)) tidyDue_ = true;
  if (done && committed_ && anyGood(batch))
    committed_(batch.size(), std::chrono::steady_clock::now() - started);
  tellDamage();
}

void Writer::tellSlots() noexcept {
  if (!slotsCommitted_) return;
  const auto slots = session_.slots();
  if (slots) slotsCommitted_(*slots);
}

void Writer::tellDamage() noexcept {
  const auto why = db_.takeDamage();
  if (why && damaged_) damaged_(*why);
}

Result<void> Writer::run(const char* sql) {
  auto query = db_.query(sql);
  if (!query) return std::move(query).error();
  return query->run();
}

// A savepoint a job costs as much as the job. Few fail, and fewer after they have changed something; so the
// jobs run without, and all of them once more where one needs undoing.
Result<void> Writer::runAll(std::span<WriteRequest> batch) {
  if (auto watched = session_.begin(); !watched) return watched;
  if (auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
  auto good = runPlain(batch);
  if (!good) return std::move(good).error();
  if (!*good) {
    rollBack();
    if (batch.size() == 1) return {};
    if (auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
    if (auto ran = runEachInSavepoint(batch); !ran) return ran;
  }
  if (!anyGood(batch)) {
    rollBack();
    return {};
  }
  if (auto flushed = session_.flush(); !flushed) return flushed;
  return commitTransaction();
}

Result<bool> Writer::runPlain(std::span<WriteRequest> batch) {
  for (auto& request : batch) {
    if (auto begun = session_.beginJob(); !begun) return std::move(begun).error();
    if (auto ran = runOne(request); !ran) return std::move(ran).error();
    if (!request.outcome && session_.changed()) return false;
  }
  return true;
}

Result<void> Writer::runEachInSavepoint(std::span<WriteRequest> batch) {
  for (auto& request : batch) {
    auto done = session_.beginJob();
    if (done) done = run("SAVEPOINT job");
    if (done) done = runOne(request);
    if (done && !request.outcome) {
      done = run("ROLLBACK TO job");
      session_.undoneJob();
    }
    if (done) done = run("RELEASE job");
    if (!done) return done;
  }
  return {};
}

// Sets the job's outcome; an error of this function itself ends the whole batch.
Result<void> Writer::runOne(WriteRequest& request) {
  request.outcome = guarded(request.job, session_);
  if (db_.inTransaction()) return {};
  // SQLite gives up a transaction by itself when the disk is full or fails.
  return request.outcome ? Error{Code::Internal, "the database ended a transaction by itself"}
                         : request.outcome.error();
}

Result<void> Writer::commitTransaction() {
  auto done = run("COMMIT");
  if (!done && diskFailed(db_.lastCode())) {
    closeForGood();
    return Error{Code::Io, done.error().what +
                               "; the change is not confirmed, and no more are taken until the "
                               "server is restarted"};
  }
  return done;
}

void Writer::rollBack() noexcept {
  session_.undoneAll();
  if (!db_.inTransaction()) return;
  // Its only failures are those of a broken disk or memory, and then no later BEGIN succeeds either.
  static_cast<void>(bool(run("ROLLBACK")));
}

void Writer::tidy(bool mayWait) noexcept {
  tidyDue_ = false;
  if (closed()) return;
  const bool truncate = mayWait && (emptyWal_ || db_.walPages() >= kTruncatePages);
  auto done = db_.checkpoint(truncate);
  if (done && *done && truncate) emptyWal_ = false;
  if (!done && diskFailed(db_.lastCode())) closeForGood();
  tellDamage();
}

bool Writer::moveAll() noexcept {
  if (closed()) return false;
  auto done = db_.moveAll();
  if (!done && diskFailed(db_.lastCode())) closeForGood();
  return done && *done;
}

void Writer::closeForGood() noexcept {
  closed_ = true;
  db_.leaveWalOnClose();
}

}  // namespace kms::sqlite
