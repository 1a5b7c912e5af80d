// A server with an audit log of its own, whose rows are compared with that log. `Server` has a store and a
// vault (TokenTest, ServiceTest), `Audit` compares (kms::StoreAudit).
#pragma once

#include "kms/audit/audit_log.h"
#include "kms/audit/audit_verify.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {

template <class Server, class Audit>
class Compared : public Server {
 protected:
  using Report = std::remove_cvref_t<decltype(std::declval<const Audit&>().report())>;

  void SetUp() override {
    Server::SetUp();
    options.directory = this->scratch / "audit";
    options.server = this->server;
    startLog();
  }
  void TearDown() override {
    log.reset();
    Server::TearDown();
  }

  void startLog() {
    log = std::make_unique<kms::AuditLog>(*this->store, kms::auditMacOf(*this->vault), options, this->clock,
                                          kms::AuditEvents{});
    ASSERT_OK(log->unsealed(""));
  }
  // Takes what waits in the outbox away, as if it had never been told. REQUIRES: the log was stopped before
  // that was done.
  void loseEntries() {
    ASSERT_OK(this->tamper([](kms::Txn& txn) { return txn.dropAudit(1'000'000); }));
    startLog();
  }

  Report compare() {
    Audit audit(*this->vault, *this->store, this->clock, this->policy);
    kms::AuditVerifier verifier(options, log->mac(),
                                [&](const kms::AuditFacts& facts) { return audit.entry(facts); });
    const auto readOn = [&]() -> base::Result<void> {
      auto head = log->flush(base::Deadline::in(std::chrono::seconds(30)));
      if (!head) return std::move(head).error();
      std::optional<kms::AuditNote> note;
      EXPECT_OK(this->store->read([&](kms::StoreReader& reader) -> base::Result<void> {
        head = reader.auditHead();
        note = *reader.auditNote();
        return {};
      }));
      return verifier.readTo(*head, note);
    };
    EXPECT_OK(readOn());
    EXPECT_OK(audit.compare(readOn));
    EXPECT_EQ(verifier.report().problemCount, 0);
    return audit.report();
  }
  void expectSound() {
    for (const auto& problem : compare().problems) ADD_FAILURE() << problem.object << ": " << problem.what;
  }
  void expectProblem(const std::string& object, const std::string& what) {
    const auto report = compare();
    ASSERT_EQ(report.problemCount, 1);
    EXPECT_EQ(report.problems[0].object, object);
    EXPECT_NE(report.problems[0].what.find(what), std::string::npos) << report.problems[0].what;
  }

  kms::SealedRow row(kms::Table table, std::int64_t number) {
    kms::SealedRow out;
    EXPECT_OK(this->store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      out = **reader.get(table, number);
      return {};
    }));
    return out;
  }
  void put(kms::Table table, const kms::SealedRow& old) {
    ASSERT_OK(this->tamper([&](kms::Txn& txn) { return txn.put(table, old); }));
  }
  void erase(kms::Table table, std::int64_t number) {
    ASSERT_OK(this->tamper([&](kms::Txn& txn) { return txn.erase(table, number); }));
  }

  kms::AuditOptions options;
  std::unique_ptr<kms::AuditLog> log;
};

}  // namespace tests
