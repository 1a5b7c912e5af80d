// All that many users have is revoked in one request: certificates, and the enrol tokens that wait.
#include "kms/pki/revocation_row.h"
#include "tests/support/faulty_store.h"
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kms::Outcomes;
using pki::CertificateState;
using pki::RevocationReason;
using pki::RevokedUser;

class RevokeUsers : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    for (const char* name : {"alice", "bob", "carol"}) ASSERT_OK(addUser(name));
  }
  base::Result<Outcomes<RevokedUser>> revokeUsers(
      const kms::Actor& by, std::vector<std::string> names,
      RevocationReason reason = RevocationReason::CessationOfOperation) {
    return await<Outcomes<RevokedUser>>(
        [&](auto reply) { service->revokeUsers(by, std::move(names), reason, reply); });
  }
  bool tokenCounts(const std::string& user, const std::string& token) {
    const auto view = verify(token, user);
    return view && view->active;
  }
};

TEST_F(RevokeUsers, EndsCertificatesAndWaitingEnrolTokens) {
  const auto first = enrolled("alice", newKey());
  const auto pair = encryptionPair(first.serial);
  ASSERT_OK(pair);
  const auto second = enrolled("alice", newKey());
  ASSERT_OK(revoke(issuer, second.serial, RevocationReason::KeyCompromise));
  const std::string waits = enrolToken("alice");
  const auto access = issueAs(admin, {.user = "alice"});
  ASSERT_OK(access);
  const std::string recovers = enrolToken("carol", kms::TokenKind::Recover);
  const auto bobs = enrolled("bob", newKey());
  const std::size_t heard = listening->changes().size();

  const auto done = revokeUsers(issuer, {"alice", "nobody", "tab\there", "carol"});
  ASSERT_OK(done);
  ASSERT_EQ(done->size(), 4U);
  ASSERT_OK((*done)[0]);
  EXPECT_EQ((*done)[0]->certificates, 2U) << "the one that was revoked before is none of them";
  EXPECT_EQ((*done)[0]->tokens, 1U);
  EXPECT_CODE((*done)[1], Code::NotFound);
  EXPECT_CODE((*done)[2], Code::Invalid);
  ASSERT_OK((*done)[3]);
  EXPECT_EQ((*done)[3]->certificates, 0U);
  EXPECT_EQ((*done)[3]->tokens, 0U);

  EXPECT_FALSE(authenticates(first));
  EXPECT_EQ(state(pair->certificate.serial), CertificateState::Revoked);
  EXPECT_TRUE(authenticates(bobs));
  EXPECT_FALSE(tokenCounts("alice", waits));
  EXPECT_TRUE(tokenCounts("carol", recovers));
  EXPECT_TRUE(verify(base::view(access->token))->active) << "access tokens are none of its business";
  EXPECT_EQ(listening->changes().size(), heard + 2);
  EXPECT_EQ(revocations().size(), 3U);
  EXPECT_EQ(revocations().back().revocation.reason, RevocationReason::CessationOfOperation);
  EXPECT_EQ(recorded(kms::Event::CertificateRevoked), 3U);

  const auto again = revokeUsers(issuer, {"alice"});
  ASSERT_OK(again);
  EXPECT_EQ((*again)[0]->certificates, 0U);
  EXPECT_EQ((*again)[0]->tokens, 0U);
  EXPECT_EQ(revocations().size(), 3U);
  restartAll();
  EXPECT_FALSE(authenticates(first));
}

TEST_F(RevokeUsers, OneThatWaitsToBeConfirmedTakesItsTokenAlong) {
  const std::string token = enrolToken("alice");
  const auto issued = enrol("alice", token, newKey());
  ASSERT_OK(issued);
  const auto done = revokeUsers(issuer, {"alice"});
  ASSERT_OK(done);
  EXPECT_EQ((*done)[0]->certificates, 1U);
  EXPECT_EQ((*done)[0]->tokens, 1U);
  EXPECT_FALSE(tokenCounts("alice", token));
  EXPECT_REASON(enrol("alice", token, newKey()), Reason::TokenRefused);
}

TEST_F(RevokeUsers, WhatIsHeldBecomesFinalAndWhatHasEndedStays) {
  const auto held = enrolled("alice", newKey());
  ASSERT_OK(revoke(issuer, held.serial, RevocationReason::Hold));
  auto done = revokeUsers(issuer, {"alice"});
  ASSERT_OK(done);
  EXPECT_EQ((*done)[0]->certificates, 1U);
  EXPECT_EQ(state(held.serial), CertificateState::Revoked);
  EXPECT_EQ(revocations().size(), 1U);
  const auto old = enrolled("bob", newKey());
  clock.advance(pkiPolicy.life);
  done = revokeUsers(issuer, {"bob"});
  ASSERT_OK(done);
  EXPECT_EQ((*done)[0]->certificates, 0U);
}

TEST_F(RevokeUsers, WhoMayDoItAndWhatForNoReason) {
  const auto alices = enrolled("alice", newKey());
  EXPECT_REASON(revokeUsers(actorOf("alice"), {"alice"}), Reason::Forbidden);
  EXPECT_REASON(revokeUsers(actorOf("alice", kms::Role::Verifier), {"bob"}), Reason::Forbidden);
  EXPECT_CODE(revokeUsers(issuer, {}), Code::Invalid);
  EXPECT_CODE(revokeUsers(issuer, std::vector<std::string>(policy.bulkBatch + 1, "alice")), Code::Invalid);
  for (const int reason : {2, 6, 7, 8, 10, 255})
    EXPECT_CODE(revokeUsers(issuer, {"alice"}, static_cast<RevocationReason>(reason)), Code::Invalid);
  for (const int reason : {2, 7, 10, 11, 255})
    EXPECT_CODE(revoke(issuer, alices.serial, static_cast<RevocationReason>(reason)), Code::Invalid);
  EXPECT_TRUE(authenticates(alices));
  vault->seal();
  EXPECT_REASON(revokeUsers(issuer, {"alice"}), Reason::Sealed);
}

// More than one transaction takes.
TEST_F(RevokeUsers, ManyGoInSeveralTransactions) {
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) names.push_back("user" + std::to_string(i));
  constexpr unsigned kEach = 130;
  const auto own = newKey();
  for (const std::string& name : names) {
    ASSERT_OK(addUser(name));
    for (unsigned i = 0; i < kEach; ++i) ASSERT_OK(issue(admin, name, pki::Profile::Client, own));
  }
  const auto done = revokeUsers(issuer, names);
  ASSERT_OK(done);
  ASSERT_EQ(done->size(), names.size());
  for (const auto& one : *done) {
    ASSERT_OK(one);
    EXPECT_EQ(one->certificates, kEach);
  }
  EXPECT_EQ(revocations().size(), kEach * names.size());
  EXPECT_EQ(listening->changes().size(), kEach * names.size());
}

TEST_F(RevokeUsers, AFailingDatabaseLeavesNothingHalfDone) {
  const auto alices = enrolled("alice", newKey());
  const auto bobs = enrolled("bob", newKey());
  const std::string waits = enrolToken("alice");
  FaultyStore faulty(*store);
  serveOver(faulty);
  bool succeeded = false;
  for (std::uint64_t n = 1; n < 500 && !succeeded; ++n) {
    faulty.failAt(n);
    succeeded = bool(revokeUsers(issuer, {"alice", "bob"}));
    faulty.failAt(0);
    EXPECT_EQ(revocations().size(), succeeded ? 2U : 0U) << "call " << n;
    EXPECT_EQ(authenticates(alices), !succeeded);
    EXPECT_EQ(tokenCounts("alice", waits), !succeeded);
  }
  EXPECT_TRUE(succeeded);
}

}  // namespace
}  // namespace tests
