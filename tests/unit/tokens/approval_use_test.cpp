// What was agreed to is used up with what was asked for, or not at all.
#include "tests/support/faulty_store.h"
#include "tests/unit/tokens/approval_fixture.h"

namespace tests {
namespace {

using base::Reason;
using kms::Actor;
using kms::ApprovalState;
using kms::Role;

TEST_F(Approvals, ForOtherThingsAreAskedForFirstAndSpentInTheirJob) {
  const kms::ApprovalSubject subject{kms::ApprovalKind::AuthorityRollover, 0, "ecdsa-p256"};
  kms::ApprovalService& desk = tokens->approvals();
  const auto spend = [&](const Actor& by) {
    return store->writeAndWait([&](kms::Txn& txn) -> base::Result<void> {
      const auto keys = vault->hold();
      return desk.spend(txn, **keys, by, subject, clock.now());
    });
  };
  EXPECT_REASON(spend(anna), Reason::ApprovalNeeded);
  EXPECT_TRUE(listed().empty()) << "a job that fails asks nobody";
  EXPECT_REASON(desk.ask(anna, subject), Reason::ApprovalNeeded);
  ASSERT_EQ(listed().size(), 1U);
  EXPECT_REASON(spend(anna), Reason::ApprovalNeeded);
  const std::string id = listed()[0].id;
  ASSERT_OK(approve(boris, id));
  EXPECT_REASON(desk.ask(anna, {kms::ApprovalKind::AuthorityRollover, 0, "rsa-4096"}),
                Reason::ApprovalNeeded);
  EXPECT_OK(desk.ask(anna, subject));
  EXPECT_OK(desk.ask(anna, subject)) << "asking uses nothing up";
  EXPECT_EQ(state(id), ApprovalState::Approved);
  EXPECT_REASON(spend(clara), Reason::ApprovalNeeded);
  EXPECT_OK(spend(anna));
  EXPECT_EQ(state(id), ApprovalState::Used);
  EXPECT_REASON(spend(anna), Reason::ApprovalNeeded);  // once
  EXPECT_REASON(desk.ask(anna, subject), Reason::ApprovalNeeded);
  EXPECT_REASON(desk.ask(issuer, subject), Reason::Forbidden);
  EXPECT_REASON(spend(issuer), Reason::Forbidden);
  policy.recoveryApprovals = 0;
  EXPECT_OK(desk.ask(anna, subject));
  EXPECT_OK(spend(anna));
}

// Between the asking and the doing anything may happen to what was agreed to.
TEST_F(Approvals, WhatIsCancelledOrExpiresMeanwhileIsNotSpent) {
  const kms::ApprovalSubject subject{kms::ApprovalKind::AuthorityRollover, 0, "ecdsa-p256"};
  kms::ApprovalService& desk = tokens->approvals();
  const auto spend = [&] {
    return store->writeAndWait([&](kms::Txn& txn) -> base::Result<void> {
      const auto keys = vault->hold();
      return desk.spend(txn, **keys, anna, subject, clock.now());
    });
  };
  const auto agreed = [&] {
    EXPECT_REASON(desk.ask(anna, subject), Reason::ApprovalNeeded);
    const std::string id = listed().back().id;
    ASSERT_OK(approve(boris, id));
    ASSERT_OK(desk.ask(anna, subject));
  };
  agreed();
  ASSERT_OK(cancel(boris, listed().back().id));
  EXPECT_REASON(spend(), Reason::ApprovalNeeded);
  clock.advance(std::chrono::seconds(1));  // names rise with the time
  agreed();
  clock.advance(policy.approvalLife);
  EXPECT_REASON(spend(), Reason::ApprovalNeeded);
  clock.advance(std::chrono::seconds(1));
  agreed();
  setRole("boris", Role::Issuer);
  EXPECT_REASON(spend(), Reason::ApprovalNeeded);
  EXPECT_EQ(recorded(kms::Event::ApprovalUsed), 0U);
}

// Either the token is there and the approval is used, or neither.
TEST_F(Approvals, AFailingDatabaseTakesBoth) {
  const std::string id = asked(anna);
  ASSERT_OK(approve(boris, id));
  FaultyStore faulty(*store);
  tokens = std::make_unique<kms::TokenService>(*vault, faulty, clock, base::systemRng(), policy);
  bool issued = false;
  for (std::uint64_t n = 1; n < 500 && !issued; ++n) {
    faulty.failAt(n);
    issued = bool(recover(anna));
    faulty.failAt(0);
    EXPECT_EQ(tokensThere(), issued ? 1U : 0U);
    EXPECT_EQ(state(id), issued ? ApprovalState::Used : ApprovalState::Approved);
  }
  EXPECT_TRUE(issued);
}

}  // namespace
}  // namespace tests
