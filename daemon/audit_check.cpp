#include "daemon/audit_check.h"

#include <boost/json.hpp>

#include "hal/base/rfc3339.h"
#include "kms/audit/audit_verify.h"
#include "kms/tokens/store_audit.h"

namespace kmsd {
namespace {

namespace json = boost::json;
using base::Result;

constexpr std::chrono::seconds kFlushMost{60};

json::value timeOrNull(const std::optional<base::Time>& at) {
  return at ? json::value(base::formatTime(*at)) : json::value();
}

json::object objectOf(const kms::AuditReport& report) {
  json::array problems;
  for (const kms::AuditProblem& problem : report.problems) {
    json::object one{{"file", problem.file}, {"line", problem.line}, {"what", problem.what}};
    if (!problem.accepted.empty()) one["accepted"] = problem.accepted;
    problems.push_back(std::move(one));
  }
  return {{"segments", report.segments},        {"lines", report.lines},
          {"checkpoints", report.checkpoints},  {"checkpoints_checked", report.checkpointsChecked},
          {"sealed_lines", report.sealedLines}, {"first", timeOrNull(report.first)},
          {"last", timeOrNull(report.last)},    {"problem_count", report.problemCount},
          {"problems", std::move(problems)}};
}

json::object objectOf(const kms::StoreReport& report) {
  json::array problems;
  for (const kms::StoreProblem& problem : report.problems)
    problems.push_back(json::object{{"object", problem.object}, {"what", problem.what}});
  return {{"users", report.users},
          {"tokens", report.tokens},
          {"problem_count", report.problemCount},
          {"problems", std::move(problems)}};
}

Result<kms::AuditHead> headOf(kms::Store& store) {
  kms::AuditHead head;
  auto read = store.read([&](kms::StoreReader& reader) -> Result<void> {
    auto found = reader.auditHead();
    if (!found) return std::move(found).error();
    head = *found;
    return {};
  });
  if (!read) return std::move(read).error();
  return head;
}

}  // namespace

Result<base::SecretText> checkAudit(kms::AuditLog& log, const kms::Vault& vault, kms::Store& store,
                                    const base::Clock& clock, const kms::Policy& policy, bool rows) {
  std::optional<kms::StoreAudit> compared;
  if (rows) {
    if (auto keys = vault.hold(); !keys) return std::move(keys).error();
    compared.emplace(vault, store, clock, policy);
  }
  kms::AuditVerifier verifier(log.options(), log.mac(), [&](const kms::AuditFacts& facts) -> Result<void> {
    return compared ? compared->entry(facts) : Result<void>();
  });
  const auto readOn = [&]() -> Result<void> {
    auto head = log.flush(base::Deadline::in(kFlushMost));
    if (!head && compared) return std::move(head).error();
    if (!head) head = headOf(store);  // what is broken or cannot be written can be looked at all the same
    if (!head) return std::move(head).error();
    return verifier.readTo(*head);
  };
  if (auto read = readOn(); !read) return std::move(read).error();
  if (compared) {
    if (auto done = compared->compare(readOn); !done) return std::move(done).error();
  }
  json::object answer = objectOf(verifier.report());
  const bool rowsFit = !compared || compared->report().problemCount == 0;
  answer["sound"] = verifier.report().problemCount == 0 && rowsFit;
  answer["store"] = compared ? json::value(objectOf(compared->report())) : json::value();
  return base::secretText(json::serialize(answer));
}

}  // namespace kmsd
