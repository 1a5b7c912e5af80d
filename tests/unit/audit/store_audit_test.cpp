// What was done to the database without the key is found by comparing it with the log.
#include "kms/tokens/store_audit.h"

#include <thread>

#include "tests/unit/audit/compared_fixture.h"

namespace tests {
namespace {

class StoreAuditTest : public Compared<TokenTest, kms::StoreAudit> {
 protected:
  void SetUp() override {
    Compared::SetUp();
    for (const char* name : {"alice", "bob", "\"ev\\il\""}) ASSERT_OK(addUser(name));
    for (int i = 0; i < 3; ++i) ASSERT_OK(issue({.user = "alice"}));
    ASSERT_OK(issue({.user = "bob", .kind = kms::TokenKind::Enrol}));
    ASSERT_OK(issue({.user = "bob", .kind = kms::TokenKind::Enrol}));
    ASSERT_OK(issue({.user = "\"ev\\il\""}));
  }
  std::string accessor(std::int64_t sequence) { return (*vault->hold())->accessor(sequence); }
};

TEST_F(StoreAuditTest, SoundThroughAWholeLife) {
  expectSound();
  const auto token = issue({.user = "alice", .ttl = std::chrono::hours(1)});
  ASSERT_OK(token);
  clock.advance(std::chrono::minutes(10));
  ASSERT_OK(renew(admin, byAccessor(token->accessor)));
  ASSERT_OK(revoke(admin, byAccessor(accessor(1))));
  ASSERT_OK(revokeUser(admin, "bob"));
  ASSERT_OK(issue({.user = "bob"}));
  const auto once = issue({.user = "bob", .kind = kms::TokenKind::Enrol});
  ASSERT_OK(once);
  ASSERT_OK(redeem("bob", kms::TokenKind::Enrol, base::view(once->token)));
  expectSound();
  clock.advance(std::chrono::hours(24 * 30));
  tidyAll();
  expectSound();
  EXPECT_EQ(compare().tokens, 0);
  EXPECT_EQ(compare().users, 3);
}

TEST_F(StoreAuditTest, ADeletedToken) {
  erase(kms::Table::Tokens, 2);
  expectProblem(accessor(2), "its row is gone");
}

TEST_F(StoreAuditTest, ATokenThatTellsAnOlderState) {
  const auto old = row(kms::Table::Tokens, 2);
  ASSERT_OK(revoke(admin, byAccessor(accessor(2))));
  expectSound();
  put(kms::Table::Tokens, old);
  expectProblem(accessor(2), "the log tells that it ended");
}

TEST_F(StoreAuditTest, AUserThatTellsAnOlderState) {
  const auto old = row(kms::Table::Users, 1);
  ASSERT_OK(revokeUser(admin, "alice"));
  expectSound();
  put(kms::Table::Users, old);
  expectProblem("alice", "all tokens of this user were revoked");
}

TEST_F(StoreAuditTest, ADeletedUser) {
  ASSERT_OK(addUser("carol"));
  erase(kms::Table::Users, 4);
  expectProblem("carol", "the store has none such");
}

TEST_F(StoreAuditTest, AnEntryTakenOutOfTheOutbox) {
  expectSound();
  log->stop();
  ASSERT_OK(issue({.user = "alice"}));
  ASSERT_OK(addUser("dave"));
  loseEntries();
  const auto report = compare();
  ASSERT_EQ(report.problemCount, 2);
  EXPECT_NE(report.problems[0].what.find("no entry of the log tells"), std::string::npos);
  EXPECT_EQ(report.problems[1].object, "dave");
}

TEST_F(StoreAuditTest, AnEntryPutIntoTheOutbox) {
  const auto put = [&](const kms::AuditEntry& entry) {
    ASSERT_OK(tamper([&](kms::Txn& txn) { return kms::record(txn, clock.now(), entry); }));
  };
  put({kms::Event::TokenIssued, "uid 0", "AAAAAAAAAAAAAAAAAAAAAAAAAA", "", "alice", clock.now()});
  expectProblem("AAAAAAAAAAAAAAAAAAAAAAAAAA", "did not make");
  put({kms::Event::TokenRevoked, "uid 0", accessor(1), ""});
  const auto report = compare();
  ASSERT_EQ(report.problemCount, 2);
  EXPECT_EQ(report.problems[1].object, accessor(1));
}

TEST_F(StoreAuditTest, AnAlteredRow) {
  auto altered = row(kms::Table::Tokens, 3);
  altered.sealed[4] ^= std::byte{1};
  put(kms::Table::Tokens, altered);
  EXPECT_EQ(compare().problemCount, 1);
}

// A token put back as it was before it was made to end sooner would be one that ends later; the log knows.
TEST_F(StoreAuditTest, ARowThatEndsLaterThanTheLogTells) {
  log->stop();
  const auto token = issue({.user = "alice", .ttl = std::chrono::hours(1)});
  ASSERT_OK(token);
  startLog();
  expectSound();
  log->stop();
  clock.advance(std::chrono::minutes(30));
  ASSERT_OK(renew(admin, byAccessor(token->accessor)));
  loseEntries();  // of the renewal
  expectProblem(token->accessor, "later than the log tells");
}

TEST_F(StoreAuditTest, WorkMeanwhileIsNoProblem) {
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    for (int i = 0; !stop && i < 100'000; ++i) {
      const auto token = issue({.user = "alice"});
      EXPECT_OK(token);
      if (i % 3 == 0) {
        EXPECT_OK(renew(admin, byAccessor(token->accessor)));
      }
      if (i % 5 == 0) {
        EXPECT_OK(revoke(admin, byAccessor(token->accessor)));
      }
      if (i % 50 == 0) {
        EXPECT_OK(addUser("w" + std::to_string(i)));
      }
    }
  });
  for (int i = 0; i < 5; ++i) expectSound();
  stop = true;
  busy.join();
  expectSound();
}

TEST_F(StoreAuditTest, ASealEndsIt) {
  kms::StoreAudit audit(*vault, *store, clock, policy);
  vault->seal();
  EXPECT_REASON(audit.compare([]() -> base::Result<void> { return {}; }), base::Reason::Sealed);
}

}  // namespace
}  // namespace tests
