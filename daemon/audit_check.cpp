#include "daemon/audit_check.h"

#include <boost/json.hpp>

#include "hal/base/rfc3339.h"
#include "kms/audit/audit_verify.h"
#include "kms/pki/certificate_audit.h"
#include "kms/tokens/approval_audit.h"
#include "kms/tokens/store_audit.h"

namespace kmsd {
namespace {

namespace json = boost::json;
using base::Result;

constexpr std::chrono::seconds kFlushMost{60};
constexpr std::size_t kProblemsTold = 100;  // so that the answer is bounded

json::value timeOrNull(const std::optional<base::Time>& at) {
  return at ? json::value(base::formatTime(*at)) : json::value();
}

// Those first that nobody accepted, so that none of them is hidden behind accepted ones.
json::array problemsOf(const kms::AuditReport& report) {
  json::array problems;
  for (const bool accepted : {false, true}) {
    for (const kms::AuditProblem& problem : report.problems) {
      if (problem.accepted.empty() == accepted || problems.size() >= kProblemsTold) continue;
      json::object one{{"file", problem.file}, {"line", problem.line}, {"what", problem.what}};
      if (accepted) one["accepted"] = problem.accepted;
      problems.push_back(std::move(one));
    }
  }
  return problems;
}

json::object objectOf(const kms::AuditReport& report) {
  return {{"segments", report.segments},
          {"lines", report.lines},
          {"checkpoints", report.checkpoints},
          {"checkpoints_checked", report.checkpointsChecked},
          {"sealed_lines", report.sealedLines},
          {"first", timeOrNull(report.first)},
          {"last", timeOrNull(report.last)},
          {"problem_count", report.problemCount},
          {"accepted_count", report.acceptedCount},
          {"problems", problemsOf(report)}};
}

// What is compared with the rows of the store.
struct Rows {
  Rows(const kms::Vault& vault, kms::Store& store, const base::Clock& clock, const kms::Policy& policy)
      : tokens(vault, store, clock, policy),
        approvals(vault, store, clock, policy),
        certificates(vault, store, clock, policy) {}

  Result<void> entry(const kms::AuditFacts& facts) {
    if (auto taken = tokens.entry(facts); !taken) return taken;
    if (auto taken = approvals.entry(facts); !taken) return taken;
    return certificates.entry(facts);
  }
  Result<void> compare(const std::function<Result<void>()>& catchUp) {
    if (auto done = tokens.compare(catchUp); !done) return done;
    if (auto done = approvals.compare(catchUp); !done) return done;
    return certificates.compare(catchUp);
  }
  std::int64_t problemCount() const {
    return tokens.report().problemCount + approvals.report().problemCount +
           certificates.report().problemCount;
  }

  kms::StoreAudit tokens;  // and users
  kms::ApprovalAudit approvals;
  kms::pki::CertificateAudit certificates;
};

json::object objectOf(const Rows& rows) {
  json::array problems;
  for (const auto* all : {&rows.tokens.report().problems, &rows.approvals.report().problems,
                          &rows.certificates.report().problems})
    for (const kms::StoreProblem& problem : *all)
      problems.push_back(json::object{{"object", problem.object}, {"what", problem.what}});
  return {{"users", rows.tokens.report().users},
          {"tokens", rows.tokens.report().tokens},
          {"approvals", rows.approvals.report().approvals},
          {"certificates", rows.certificates.report().certificates},
          {"problem_count", rows.problemCount()},
          {"problems", std::move(problems)}};
}

// What the database knows of the log at one moment.
struct Known {
  kms::AuditHead head;
  std::optional<kms::AuditNote> note;
};

Result<Known> knownOf(kms::Store& store) {
  Known known;
  auto read = store.read([&](kms::StoreReader& reader) -> Result<void> {
    auto found = reader.auditHead();
    if (!found) return std::move(found).error();
    auto note = reader.auditNote();
    if (!note) return std::move(note).error();
    known = {*found, *note};
    return {};
  });
  if (!read) return std::move(read).error();
  return known;
}

// A store that is read until somebody stops it: every row of a large one takes long.
class StoppedStore final : public kms::Store {
 public:
  StoppedStore(kms::Store& inner, const std::atomic<bool>& stop) : inner_(inner), stop_(stop) {}
  Result<void> read(const ReadJob& job) override {
    if (stop_)
      return base::Error{base::Code::Unavailable,
                         "the server is stopping, so its rows were not all compared"};
    return inner_.read(job);
  }
  void write(WriteJob job, Done done) override { inner_.write(std::move(job), std::move(done)); }

 private:
  kms::Store& inner_;
  const std::atomic<bool>& stop_;
};

}  // namespace

Result<base::SecretText> checkAudit(kms::AuditLog& log, const kms::Vault& vault, kms::Store& store,
                                    const base::Clock& clock, const kms::Policy& policy, bool rows,
                                    const std::atomic<bool>& stop) {
  StoppedStore stopped(store, stop);
  std::optional<Rows> compared;
  if (rows) {
    if (auto keys = vault.hold(); !keys) return std::move(keys).error();
    compared.emplace(vault, stopped, clock, policy);
  }
  kms::AuditVerifier verifier(
      log.options(), log.mac(),
      [&](const kms::AuditFacts& facts) -> Result<void> {
        return compared ? compared->entry(facts) : Result<void>();
      },
      &stop);
  const auto readOn = [&]() -> Result<void> {
    const auto flushed = log.flush(base::Deadline::in(kFlushMost));
    // What is broken or cannot be written can be looked at all the same.
    if (!flushed && compared) return base::Error(flushed.error());
    auto known = knownOf(store);
    if (!known) return std::move(known).error();
    return verifier.readTo(known->head, known->note);
  };
  if (auto read = readOn(); !read) return std::move(read).error();
  if (verifier.report().broken()) {
    log.foundBroken(verifier.report());
    compared.reset();  // the server is being sealed, and with what log would rows be compared?
  }
  if (compared) {
    if (auto done = compared->compare(readOn); !done) return std::move(done).error();
  }
  json::object answer = objectOf(verifier.report());
  const bool rowsFit = !compared || compared->problemCount() == 0;
  const bool sound = !verifier.report().broken() && rowsFit;
  // With the chain alone nobody knows: whoever can write the files can make another one.
  answer["sound"] = sound && !verifier.report().checkpointsChecked ? json::value() : json::value(sound);
  answer["store"] = compared ? json::value(objectOf(*compared)) : json::value();
  return base::secretText(json::serialize(answer));
}

}  // namespace kmsd
