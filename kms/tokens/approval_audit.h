// ApprovalAudit: compares what the audit log tells of requests for approval with the rows of the store, as
// StoreAudit does for tokens. Whoever writes the database without a key can put back a request as it was
// before it was used, or before somebody cancelled it, and so have one approval used twice; here it shows.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "kms/audit/audit_line.h"
#include "kms/tokens/approval_row.h"
#include "kms/tokens/durable_clock.h"
#include "kms/tokens/store_audit.h"

namespace kms {

class ApprovalAudit {
 public:
  struct Report {
    std::int64_t approvals = 0;          // rows that were looked at
    std::vector<StoreProblem> problems;  // by the request's name, at most StoreReport::kProblemsMost
    std::int64_t problemCount = 0;
  };

  // All of them outlive it.
  ApprovalAudit(const Vault& vault, Store& store, const base::Clock& clock, const Policy& policy)
      : vault_(vault), store_(store), clock_(clock, policy) {}

  // Takes the entries of the log in turn. Errors: none so far.
  base::Result<void> entry(const AuditFacts& facts);
  // Reads every row; see StoreAudit::compare.
  base::Result<void> compare(const std::function<base::Result<void>()>& catchUp);
  const Report& report() const noexcept { return report_; }

 private:
  // What the log tells of one request.
  struct Told {
    bool asked = false;
    bool used = false;
    bool cancelled = false;
    bool expired = false;
    std::size_t votes = 0;  // the asker's too
    base::Time at{};
    base::Time until{};
    std::string user;  // empty: about nobody
    std::string what;  // its kind, and what else matters
  };

  void ask(Told& told, const AuditFacts& facts, const std::string& id);
  base::Result<void> readRows();
  base::Result<void> settle(const std::function<base::Result<void>()>& catchUp);
  base::Result<void> lookAgain(bool last);
  // What is wrong with the request; empty: it fits.
  base::Result<std::string> wrongNow(StoreReader& reader, OpenKeys& keys, std::int64_t key);
  base::Result<std::string> wrongWith(StoreReader& reader, OpenKeys& keys, const ApprovalRow& row,
                                      const Told& told);
  void problem(std::string object, std::string what);

  const Vault& vault_;
  Store& store_;
  DurableClock clock_;
  Report report_;
  std::map<std::int64_t, Told> told_;  // by the row's key
  // Those whose row has yet to fit, each with its revision when it was read last; 0 where there was none.
  std::map<std::int64_t, std::optional<std::uint32_t>> doubts_;
};

}  // namespace kms
