// Internal to kms/store: the rows as the writer's jobs see them. It knows what a job has changed, tells the
// watchers, gathers the audit entries of a transaction into one row, and remembers the named numbers, which
// nobody else changes.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kms/store/sqlite_session.h"

namespace kms::sqlite {

class WriteSession final : public Session {
 public:
  explicit WriteSession(Connection& db) noexcept : Session(db, kLatest) {}

  // Any thread. changes() is another after each transaction.
  void watch(std::weak_ptr<RowWatcher> watcher);
  std::uint64_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }

  // Around a batch, whose transaction may be begun more than once.
  base::Result<void> begin() noexcept;
  void settle() noexcept;
  // Before each job. Errors: those of writing the audit entries of the jobs before it.
  base::Result<void> beginJob();
  // The job since beginJob() tried to change something.
  bool changed() const noexcept { return changed_; }
  // It was undone; or the whole transaction was.
  void undoneJob() noexcept;
  void undoneAll() noexcept;
  // Before the commit.
  base::Result<void> flush();
  // A slot was removed: its wrapping shall leave the WAL too. Asking clears it.
  bool takeSlotRemoved() noexcept { return std::exchange(slotRemoved_, false); }
  // One was added or removed, which may have been undone.
  bool takeSlotsChanged() noexcept { return std::exchange(slotsChanged_, false); }

  base::Result<std::optional<std::int64_t>> number(std::string_view name) override;
  base::Result<void> put(Table table, const SealedRow& row) override;
  base::Result<void> insert(Table table, const SealedRow& row) override;
  base::Result<void> erase(Table table, std::int64_t key) override;
  base::Result<void> bind(Index index, base::BytesView mac, std::int64_t key) override;
  base::Result<void> unbind(Index index, base::BytesView mac) override;
  base::Result<void> fileTokens(std::vector<std::pair<std::int64_t, std::int64_t>> userAndToken) override;
  base::Result<void> unfileToken(std::int64_t user, std::int64_t token) override;
  base::Result<void> addSlot(const SlotRow& slot) override;
  base::Result<void> removeSlot(std::int64_t id) override;
  base::Result<std::int64_t> addEpoch(base::BytesView salt) override;
  base::Result<void> setNumber(std::string_view name, std::int64_t value) override;
  base::Result<void> appendAudit(base::BytesView entry) override;
  base::Result<void> dropAudit(std::int64_t through) override;
  base::Result<void> setAuditHead(const AuditHead& head) override;
  base::Result<void> setAuditNote(const AuditNote& note) override;

 private:
  void tell(Table table, std::int64_t key) noexcept;

  std::atomic<std::uint64_t> changes_{1};
  std::mutex mutex_;
  std::vector<std::weak_ptr<RowWatcher>> watchers_;    // under mutex_
  std::vector<std::shared_ptr<RowWatcher>> watching_;  // of this batch
  bool told_ = false;                                  // some of them, in this batch
  bool changed_ = false;
  bool slotRemoved_ = false;
  bool slotsChanged_ = false;
  base::Bytes audit_;           // entries not yet in the outbox, LF between them
  std::size_t auditAtJob_ = 0;  // its length when the job began
  std::map<std::string, std::optional<std::int64_t>, std::less<>> numbers_;
};

}  // namespace kms::sqlite
