// What several administrators must agree to: who counts, what is approved, and that it is used once.
#include "kms/tokens/approval_row.h"
#include "tests/unit/tokens/approval_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kms::Actor;
using kms::ApprovalState;
using kms::ApprovalView;
using kms::Role;
using kms::TokenKind;

TEST_F(Approvals, TwoAgreeAndTheAskerIssuesOnce) {
  const auto first = recover(anna);
  EXPECT_REASON(first, Reason::ApprovalNeeded);
  ASSERT_EQ(listed().size(), 1U);
  const ApprovalView request = listed()[0];
  EXPECT_NE(first.error().what.find(request.id), std::string::npos) << first.error().what;
  EXPECT_EQ(request.state, ApprovalState::Open);
  EXPECT_EQ(request.user, "alice");
  EXPECT_EQ(request.detail, "ttl 259200 s");
  EXPECT_EQ(request.askedBy, "anna");
  EXPECT_EQ(request.expiresAt, clock.now() + std::chrono::hours(24));
  EXPECT_EQ(request.needed, 2U);
  EXPECT_EQ(request.given, 1U);
  EXPECT_EQ(tokensThere(), 0U);
  EXPECT_REASON(recover(anna), Reason::ApprovalNeeded);
  EXPECT_EQ(listed().size(), 1U) << "asking again makes no other request";

  auto agreed = approve(boris, request.id);
  ASSERT_OK(agreed);
  EXPECT_EQ(agreed->state, ApprovalState::Approved);
  EXPECT_EQ(agreed->given, 2U);
  auto token = recover(anna);
  ASSERT_OK(token);
  EXPECT_EQ(token->kind, TokenKind::Recover);
  EXPECT_EQ(state(request.id), ApprovalState::Used);
  EXPECT_REASON(recover(anna), Reason::ApprovalNeeded);  // it is used up
  EXPECT_EQ(tokensThere(), 1U);
  EXPECT_EQ(recorded(kms::Event::ApprovalAsked), 2U);
  EXPECT_EQ(recorded(kms::Event::ApprovalGiven), 1U);
  EXPECT_EQ(recorded(kms::Event::ApprovalUsed), 1U);
  EXPECT_EQ(recorded(kms::Event::TokenIssued), 1U);
}

TEST_F(Approvals, NoneAreNeededWhereThePolicyAsksForNone) {
  policy.recoveryApprovals = 1;
  EXPECT_OK(recover(anna));
  EXPECT_OK(recover(host(4711))) << "who asks need not be anybody's uid then";
  EXPECT_TRUE(listed().empty());
  policy.recoveryApprovals = 2;
  EXPECT_OK(issueAs(anna, {.user = "alice", .kind = TokenKind::Enrol}));
  EXPECT_OK(issueAs(anna, {.user = "alice"}));
}

TEST_F(Approvals, CountForJustWhatWasAskedAndForNobodyElse) {
  ASSERT_OK(addUser("bob"));
  const std::string id = asked(anna);
  ASSERT_OK(approve(boris, id));
  EXPECT_REASON(recover(anna, "bob"), Reason::ApprovalNeeded);                           // another user
  EXPECT_REASON(recover(anna, "alice", std::chrono::hours(1)), Reason::ApprovalNeeded);  // another time
  EXPECT_REASON(issueAs(anna, {.user = "alice", .kind = TokenKind::Recover, .scopes = {"deploy"}}),
                Reason::ApprovalNeeded);                  // another scope
  EXPECT_REASON(recover(boris), Reason::ApprovalNeeded);  // who agreed has not asked
  EXPECT_REASON(recover(clara), Reason::ApprovalNeeded);
  EXPECT_EQ(tokensThere(), 0U);
  EXPECT_OK(recover(anna, "alice", std::chrono::hours(72))) << "the default, said outright";
}

TEST_F(Approvals, OnePersonCountsOnce) {
  mapUid("anna", 1001);
  mapUid("boris", 1002);
  const std::string id = asked(anna);
  EXPECT_CODE(approve(anna, id), Code::Conflict);
  EXPECT_CODE(approve(host(1001), id), Code::Conflict);  // her uid
  EXPECT_REASON(recover(anna), Reason::ApprovalNeeded);
  policy.recoveryApprovals = 3;
  ASSERT_OK(approve(host(1002), id));
  EXPECT_CODE(approve(boris, id), Code::Conflict);  // by another way
  EXPECT_REASON(recover(host(1001)), Reason::ApprovalNeeded);
  ASSERT_OK(approve(clara, id));
  EXPECT_OK(recover(host(1001))) << "the same person asks";
}

TEST_F(Approvals, RootCountsOnceAndAsTheUserOfUidZero) {
  const std::string id = asked(root);
  EXPECT_CODE(approve(root, id), Code::Conflict);
  EXPECT_EQ(listed()[0].askedBy, "root");
  mapUid("anna", 0);
  EXPECT_CODE(approve(anna, id), Code::Conflict);  // she is root
  policy.recoveryApprovals = 3;
  ASSERT_OK(approve(boris, id));
  EXPECT_REASON(recover(root), Reason::ApprovalNeeded);
  EXPECT_EQ(listed().size(), 1U);
  ASSERT_OK(approve(clara, id));
  EXPECT_OK(recover(anna)) << "root and she are one";
}

TEST_F(Approvals, AVoteOfRootIsNoSecondOneOfTheUserThatBecomesUidZero) {
  policy.recoveryApprovals = 3;
  const std::string id = asked(anna);
  ASSERT_OK(approve(root, id));
  ASSERT_OK(approve(boris, id));
  mapUid("boris", 0);
  EXPECT_REASON(recover(anna), Reason::ApprovalNeeded);
  ASSERT_OK(approve(clara, id));
  EXPECT_OK(recover(anna));
}

TEST_F(Approvals, WhoIsNobodysUidOrNoAdministratorDoesNotCount) {
  const std::string id = asked(anna);
  EXPECT_REASON(approve(host(4711), id), Reason::Forbidden);
  EXPECT_REASON(recover(host(4711)), Reason::Forbidden);
  ASSERT_OK(addUser("dora"));
  mapUid("dora", 1004);
  EXPECT_REASON(approve(host(1004), id), Reason::Forbidden);  // mapped to a user who is no administrator
  EXPECT_REASON(approve(issuer, id), Reason::Forbidden);
  EXPECT_REASON(approve(actorOf("dora"), id), Reason::Forbidden);
  EXPECT_REASON(tokens->approvals().show(issuer, id), Reason::Forbidden);
  EXPECT_REASON(tokens->approvals().list(issuer, "", 0), Reason::Forbidden);
  EXPECT_REASON(cancel(issuer, id), Reason::Forbidden);
  EXPECT_EQ(listed()[0].given, 1U);
}

TEST_F(Approvals, ARoleThatIsLostVoidsTheApproval) {
  const std::string id = asked(anna);
  ASSERT_OK(approve(boris, id));
  setRole("boris", Role::Issuer);
  EXPECT_EQ(state(id), ApprovalState::Open);
  EXPECT_REASON(recover(anna), Reason::ApprovalNeeded);
  ASSERT_EQ(listed().size(), 1U);
  EXPECT_FALSE(listed()[0].votes[1].counts);
  ASSERT_OK(approve(clara, id));
  setRole("anna", Role::User);
  EXPECT_REASON(recover(actorOf("anna")), Reason::Forbidden);  // the asker's own role
  EXPECT_REASON(recover(anna), Reason::Forbidden);             // with a credential from before
  EXPECT_EQ(tokensThere(), 0U);
}

TEST_F(Approvals, CancelledAndUsedAndUnknownRequestsAreRefused) {
  const std::string id = asked(anna);
  ASSERT_OK(cancel(clara, id));
  EXPECT_EQ(state(id), ApprovalState::Cancelled);
  EXPECT_REASON(approve(boris, id), Reason::ApprovalClosed);
  EXPECT_REASON(cancel(clara, id), Reason::ApprovalClosed);
  const std::string second = asked(anna);
  EXPECT_NE(second, id);
  ASSERT_OK(approve(boris, second));
  ASSERT_OK(cancel(boris, second));
  const std::string third = asked(anna);  // what was approved and then cancelled is no approval
  ASSERT_OK(approve(boris, third));
  ASSERT_OK(recover(anna));
  EXPECT_REASON(approve(clara, third), Reason::ApprovalClosed);
  EXPECT_REASON(cancel(clara, third), Reason::ApprovalClosed);
  for (const char* none : {"000000000000", "", "nothing", "ZZZZZZZZZZZ0", "0DA4T0400AR00"}) {
    EXPECT_CODE(approve(boris, none), Code::NotFound);
    EXPECT_CODE(cancel(boris, none), Code::NotFound);
    EXPECT_CODE(tokens->approvals().show(boris, none), Code::NotFound);
  }
  EXPECT_EQ(recorded(kms::Event::ApprovalCancelled), 2U);
}

TEST_F(Approvals, ExpireAndAreDropped) {
  const std::string id = asked(anna);
  ASSERT_OK(approve(boris, id));
  clock.advance(std::chrono::hours(24));
  EXPECT_EQ(state(id), ApprovalState::Expired);
  EXPECT_REASON(approve(clara, id), Reason::ApprovalClosed);
  EXPECT_REASON(cancel(clara, id), Reason::ApprovalClosed);
  tidyAll();
  EXPECT_TRUE(listed().empty());
  EXPECT_CODE(approve(clara, id), Code::NotFound);
  EXPECT_EQ(recorded(kms::Event::ApprovalExpired), 1U);
  const std::string again = asked(anna);
  EXPECT_NE(again, id);
  ASSERT_OK(approve(boris, again));
  ASSERT_OK(recover(anna));
  clock.advance(std::chrono::hours(24));
  tidyAll();
  EXPECT_TRUE(listed().empty());
  EXPECT_EQ(recorded(kms::Event::ApprovalExpired), 1U) << "what was used did not expire";
}

TEST_F(Approvals, AnExpiredApprovalIssuesNothing) {
  const std::string id = asked(anna);
  ASSERT_OK(approve(boris, id));
  clock.advance(std::chrono::hours(24));
  EXPECT_REASON(recover(anna), Reason::ApprovalNeeded);
  EXPECT_EQ(tokensThere(), 0U);
  ASSERT_EQ(listed().size(), 1U);
  EXPECT_NE(listed()[0].id, id) << "a new request";
}

TEST_F(Approvals, OutlastARestartAndTellsNothingWhileSealed) {
  const std::string id = asked(anna);
  restart();
  ASSERT_OK(approve(boris, id));
  vault->seal();
  EXPECT_REASON(approve(clara, id), Reason::Sealed);
  EXPECT_REASON(tokens->approvals().list(anna, "", 0), Reason::Sealed);
  unseal();
  EXPECT_OK(recover(anna));
}

TEST_F(Approvals, InBulkRecoverTokensAreNotIssued) {
  const auto bulk = await<kms::Outcomes<kms::IssuedToken>>([&](auto reply) {
    tokens->issueMany(anna, {{"alice"}, TokenKind::Recover}, reply);
  });
  EXPECT_REASON(bulk, Reason::ApprovalNeeded);
  EXPECT_TRUE(listed().empty());
}

TEST_F(Approvals, AreBounded) {
  policy.approvalsMost = 3;
  for (const char* name : {"u1", "u2", "u3", "u4"}) ASSERT_OK(addUser(name));
  for (const char* name : {"u1", "u2", "u3"}) asked(anna, name);
  EXPECT_REASON(recover(anna, "u4"), Reason::Forbidden);
  EXPECT_REASON(recover(anna, "u3"), Reason::ApprovalNeeded);  // the old ones go on
  const auto page = tokens->approvals().list(anna, "", 2);
  ASSERT_OK(page);
  ASSERT_EQ(page->items.size(), 2U);
  ASSERT_TRUE(page->next);
  const auto rest = tokens->approvals().list(anna, *page->next, 2);
  ASSERT_OK(rest);
  EXPECT_EQ(rest->items.size(), 1U);
  EXPECT_CODE(tokens->approvals().list(anna, "?", 2), Code::Invalid);
  clock.advance(std::chrono::hours(24));
  EXPECT_REASON(recover(anna, "u4"), Reason::ApprovalNeeded);  // expired ones make room
}

TEST(ApprovalRows, NamesAndBytes) {
  for (const std::int64_t key :
       {std::int64_t{1}, std::int64_t{1'800'000'000} << 20U, (std::int64_t{1} << 55U)}) {
    const std::string id = kms::approvalId(key);
    EXPECT_EQ(id.size(), 12U);
    EXPECT_EQ(kms::parseApprovalId(id), key);
  }
  kms::ApprovalRow row;
  row.subject = {kms::ApprovalKind::RecoverToken, 7, "ttl 1 s"};
  row.votes = {{3, base::Time(std::chrono::seconds(5))}, {0, base::Time(std::chrono::seconds(6))}};
  const base::Bytes bytes = kms::encodeApproval(row);
  ASSERT_OK(kms::decodeApproval(bytes));
  EXPECT_EQ(kms::decodeApproval(bytes)->votes[0].who, 3);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_REASON(kms::decodeApproval(std::span(bytes).first(size)), Reason::DatabaseCorrupt);
  base::Bytes longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_REASON(kms::decodeApproval(longer), Reason::DatabaseCorrupt);
  for (const std::size_t at : {0U, 1U, 2U}) {
    base::Bytes bad = bytes;
    bad[at] = std::byte{9};
    EXPECT_REASON(kms::decodeApproval(bad), Reason::DatabaseCorrupt);
  }
  row.votes.clear();
  EXPECT_REASON(kms::decodeApproval(kms::encodeApproval(row)), Reason::DatabaseCorrupt);  // asked by nobody
}

}  // namespace
}  // namespace tests
