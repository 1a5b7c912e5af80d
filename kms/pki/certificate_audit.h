// CertificateAudit: compares what the audit log tells of certificates with the rows of the store, as
// StoreAudit does for tokens. Whoever writes the database without a key can delete rows or put back older
// ones, such as a certificate's from before it was revoked; here it shows. A certificate costs 13 bytes of
// memory.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kms/audit/audit_line.h"
#include "kms/pki/certificate_row.h"
#include "kms/tokens/sequence_places.h"
#include "kms/tokens/store_audit.h"

namespace kms::pki {

class CertificateAudit {
 public:
  struct Report {
    std::int64_t certificates = 0;       // rows that were looked at
    std::vector<StoreProblem> problems;  // by serial number, at most StoreReport::kProblemsMost
    std::int64_t problemCount = 0;
  };

  // All of them outlive it.
  CertificateAudit(const Vault& vault, Store& store, const base::Clock& clock, const Policy& policy)
      : vault_(vault), store_(store), clock_(clock), policy_(policy) {}

  // Takes the entries of the log in turn. Errors: Unavailable / Sealed.
  base::Result<void> entry(const AuditFacts& facts);
  // Reads every row; see StoreAudit::compare.
  base::Result<void> compare(const std::function<base::Result<void>()>& catchUp);
  const Report& report() const noexcept { return report_; }

 private:
  using Stage = std::uint8_t;
  // A row that fits the log only if something came behind what was read of it.
  struct Doubt {
    std::int64_t sequence = 0;
    std::uint32_t revision = 0;  // of the row that was read
  };

  base::Result<std::optional<std::int64_t>> sequenceOf(OpenKeys& keys, const Serial& serial);
  std::size_t placeOf(std::int64_t sequence);
  base::Result<std::int64_t> compareBatch(std::int64_t after);
  // What is wrong with the row; empty: it fits.
  base::Result<std::string> wrongWith(StoreReader& reader, OpenKeys& keys, const CertificateRow& row);
  base::Result<std::uint32_t> holderOf(StoreReader& reader, OpenKeys& keys, std::int64_t id);
  base::Result<void> settle(const std::function<base::Result<void>()>& catchUp);
  base::Result<std::optional<Doubt>> lookAgain(const Doubt& doubt, bool last);
  base::Result<void> findMissing(std::int64_t highest);
  void problem(std::string object, std::string what);

  const Vault& vault_;
  Store& store_;
  const base::Clock& clock_;
  const Policy& policy_;
  Report report_;

  SequencePlaces places_;
  // By place: what the log tells.
  std::vector<Stage> stage_;
  std::vector<std::uint32_t> user_;   // a mark of the name
  std::vector<std::uint32_t> until_;  // seconds since 1970
  std::int64_t highest_ = 0;
  base::Time latest_{};  // of any entry
  std::unordered_map<std::int64_t, std::uint32_t> holders_;
  std::vector<Doubt> doubts_;
};

}  // namespace kms::pki
