// GatedStore: the store as the services see it. Changes are refused while the audit log cannot be written;
// reading is not. The gate costs one relaxed load.
#pragma once

#include "kms/audit/audit_log.h"
#include "kms/store/store.h"

namespace kms {

class GatedStore final : public Store {
 public:
  // `inner` outlives it. Until a log is attached every change is refused.
  explicit GatedStore(Store& inner) : inner_(inner) {}
  // REQUIRES: nobody writes yet, or any more. `log` outlives every write.
  void attach(const AuditLog* log) noexcept { log_ = log; }

  base::Result<void> read(const ReadJob& job) override { return inner_.read(job); }
  base::Result<RowView> get(Table table, std::int64_t key) override { return inner_.get(table, key); }
  bool watch(std::weak_ptr<RowWatcher> watcher) override { return inner_.watch(std::move(watcher)); }
  // Errors: also Unavailable / AuditUnwritable, with which file and why.
  void write(WriteJob job, Done done) override;

 private:
  Store& inner_;
  const AuditLog* log_ = nullptr;
};

}  // namespace kms
