// What was done to requests for approval without the key is found by comparing them with the log.
#include "kms/tokens/approval_audit.h"

#include <thread>

#include "tests/unit/audit/compared_fixture.h"
#include "tests/unit/tokens/approval_fixture.h"

namespace tests {
namespace {

using base::Reason;
using kms::Table;

class ApprovalAuditTest : public Compared<Approvals, kms::ApprovalAudit> {
 protected:
  void SetUp() override {
    Compared::SetUp();
    ASSERT_OK(addUser("\"ev\\il\""));
    evil = *users->show("\"ev\\il\"");
    about = asked(anna, evil.name);
  }
  kms::SealedRow rowOf(const std::string& id) { return row(Table::Approvals, *kms::parseApprovalId(id)); }

  kms::User evil;
  std::string about;  // the request for a recover token of that user
};

TEST_F(ApprovalAuditTest, SoundThroughAWholeLife) {
  expectSound();
  ASSERT_OK(approve(boris, about));
  expectSound();
  ASSERT_OK(recover(anna, evil.name));
  expectSound();
  ASSERT_OK(cancel(boris, asked(anna, "alice")));
  kms::IssueRequest large{.user = "boris", .kind = kms::TokenKind::Recover};
  for (char c = 'a'; c < 'a' + 16; ++c) large.scopes.emplace_back(64, c);
  EXPECT_REASON(issueAs(anna, large), Reason::ApprovalNeeded);  // the log has but the beginning of that
  EXPECT_REASON(tokens->approvals().ask(anna, {kms::ApprovalKind::AuthorityRollover, 0, ""}),
                Reason::ApprovalNeeded);
  expectSound();
  EXPECT_EQ(compare().approvals, 4);
  clock.advance(policy.approvalLife);
  expectSound();
  tidyAll();
  expectSound();
  EXPECT_EQ(compare().approvals, 0);
}

TEST_F(ApprovalAuditTest, OneThatWasUsedAndIsPutBackAsItWasBefore) {
  ASSERT_OK(approve(boris, about));
  const auto approved = rowOf(about);
  ASSERT_OK(recover(anna, evil.name));
  expectSound();
  put(Table::Approvals, approved);
  ASSERT_OK(recover(anna, evil.name)) << "without the key nothing better can be done, but it shows";
  expectProblem(about, "twice that this request was used");
  put(Table::Approvals, approved);
  const auto report = compare();
  ASSERT_EQ(report.problemCount, 2);
  EXPECT_NE(report.problems[1].what.find("was used, and the row does not"), std::string::npos);
}

TEST_F(ApprovalAuditTest, OneThatTellsAStateFromBeforeItsApprovalOrItsCancelling) {
  const auto open = rowOf(about);
  ASSERT_OK(approve(boris, about));
  const auto approved = rowOf(about);
  put(Table::Approvals, open);
  expectProblem(about, "the log tells of 2 who agreed, and the row of 1");
  put(Table::Approvals, approved);
  ASSERT_OK(cancel(boris, about));
  const auto cancelled = rowOf(about);
  put(Table::Approvals, approved);
  expectProblem(about, "was cancelled, and the row does not");
  put(Table::Approvals, cancelled);
  expectSound();
}

TEST_F(ApprovalAuditTest, ADeletedOne) {
  erase(Table::Approvals, *kms::parseApprovalId(about));
  expectProblem(about, "its row is gone");
  clock.advance(policy.approvalLife);
  expectSound();  // by now it would have been dropped
}

TEST_F(ApprovalAuditTest, OneThatWasDroppedAndIsThereAgain) {
  const auto open = rowOf(about);
  clock.advance(policy.approvalLife);
  tidyAll();
  expectSound();
  put(Table::Approvals, open);
  expectProblem(about, "was dropped, and its row is there");
}

TEST_F(ApprovalAuditTest, AnAlteredRow) {
  auto altered = rowOf(about);
  altered.sealed[9] ^= std::byte{1};
  put(Table::Approvals, altered);
  EXPECT_EQ(compare().problemCount, 1);
}

TEST_F(ApprovalAuditTest, EntriesTakenOutOfTheOutboxOrPutIntoIt) {
  expectSound();
  log->stop();
  const std::string untold = asked(anna);
  ASSERT_OK(approve(boris, about));
  loseEntries();
  const auto report = compare();
  ASSERT_EQ(report.problemCount, 2);
  const bool first = report.problems[0].object == about;
  EXPECT_EQ(report.problems[first ? 1 : 0].object, untold);
  EXPECT_NE(report.problems[first ? 1 : 0].what.find("no entry of the log"), std::string::npos);
  EXPECT_NE(report.problems[first ? 0 : 1].what.find("of 1 who agreed"), std::string::npos);
  for (const kms::AuditEntry& entry :
       {kms::AuditEntry{kms::Event::ApprovalAsked, "uid 0", "no name", "recover_token"},
        kms::AuditEntry{kms::Event::ApprovalUsed, "uid 0", about, "recover_token"}})
    ASSERT_OK(tamper([&](kms::Txn& txn) { return kms::record(txn, clock.now(), entry); }));
  EXPECT_EQ(compare().problemCount, 3);
}

TEST_F(ApprovalAuditTest, AUserWhoIsGone) {
  const auto there = row(Table::Users, evil.id);
  erase(Table::Users, evil.id);
  expectProblem(about, "its user is not in the store");
  put(Table::Users, there);
  expectSound();
}

TEST_F(ApprovalAuditTest, WorkMeanwhileIsNoProblem) {
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    for (int i = 0; !stop && i < 10'000; ++i) {
      const std::string id = asked(anna);
      EXPECT_OK(i % 3 == 0 ? cancel(boris, id) : approve(boris, id));
      if (i % 3 != 0) {
        EXPECT_OK(recover(anna, "alice"));
      }
      clock.advance(std::chrono::minutes(30));
      tidyAll();  // so that there are never too many
    }
  });
  for (int i = 0; i < 5; ++i) expectSound();
  stop = true;
  busy.join();
  expectSound();
}

TEST_F(ApprovalAuditTest, ASealEndsIt) {
  kms::ApprovalAudit audit(*vault, *store, clock, policy);
  vault->seal();
  EXPECT_REASON(audit.compare([]() -> base::Result<void> { return {}; }), Reason::Sealed);
}

}  // namespace
}  // namespace tests
