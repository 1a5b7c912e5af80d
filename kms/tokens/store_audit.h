// StoreAudit: compares what the audit log tells with the rows of the store. Whoever writes the database
// without a key can delete rows or put back older ones; here it shows. A token costs nine bytes of memory.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kms/audit/audit_line.h"
#include "kms/tokens/sequence_places.h"
#include "kms/tokens/token_row.h"
#include "kms/tokens/user_row.h"

namespace kms {

struct StoreProblem {
  std::string object;  // an accessor, or a user's name
  std::string what;
};

struct StoreReport {
  static constexpr std::size_t kProblemsMost = 100;  // that are told one by one

  std::int64_t users = 0;  // rows that were looked at
  std::int64_t tokens = 0;
  std::vector<StoreProblem> problems;
  std::int64_t problemCount = 0;
};

class StoreAudit {
 public:
  // All of them outlive it.
  StoreAudit(const Vault& vault, Store& store, const base::Clock& clock, const Policy& policy)
      : vault_(vault), store_(store), clock_(clock), policy_(policy) {}

  // Takes the entries of the log in turn. Errors: Unavailable / Sealed.
  base::Result<void> entry(const AuditFacts& facts);

  // Reads every row. The store may be at work meanwhile: `catchUp` brings what was committed since into the
  // log and hands the new entries to entry(). REQUIRES: entry() was given all that was committed before.
  // Errors: Unavailable / Sealed; those of `catchUp` and of the store.
  base::Result<void> compare(const std::function<base::Result<void>()>& catchUp);
  const StoreReport& report() const noexcept { return report_; }

 private:
  // What the log tells of a user.
  struct ToldUser {
    std::string name;
    bool added = false;
    std::int64_t revokedBefore = 0;  // sequence number
    bool inStore = false;
  };
  // A row that fits the log only if something came behind what was read of it so far.
  struct Doubt {
    std::int64_t sequence;
    std::uint32_t user;
    std::uint32_t until;
  };

  base::Result<void> tokenEntry(const AuditFacts& facts);
  std::uint32_t userOf(const std::string& name);
  base::Result<void> compareUsers();
  void compareUser(const UserRow& row);
  base::Result<void> compareTokens(const std::function<base::Result<void>()>& catchUp);
  base::Result<std::int64_t> compareBatch(std::int64_t after);
  base::Result<void> compareToken(OpenKeys& keys, const SealedRow& sealed);
  base::Result<std::uint32_t> holderOf(OpenKeys& keys, std::int64_t id);
  bool fits(const Doubt& doubt) const;
  base::Result<void> settle();
  base::Result<void> findMissing(std::int64_t highest, std::size_t users);
  void problem(std::string object, std::string what);

  const Vault& vault_;
  Store& store_;
  const base::Clock& clock_;
  const Policy& policy_;
  StoreReport report_;

  SequencePlaces places_;
  // By place: what the log tells of tokens.
  std::vector<std::uint8_t> state_;
  std::vector<std::uint32_t> user_;   // index of users_
  std::vector<std::uint32_t> until_;  // seconds since 1970
  std::int64_t highest_ = 0;
  base::Time latest_{};  // of any entry

  std::vector<ToldUser> users_{ToldUser{}};  // the first stands for none
  std::unordered_map<std::string, std::uint32_t> byName_;
  std::unordered_map<std::int64_t, std::uint32_t> byId_;
  std::vector<Doubt> doubts_;
};

}  // namespace kms
