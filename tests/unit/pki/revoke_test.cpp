// Revocation, holds and releases, and who hears of them.
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using pki::CertificateState;
using pki::RevocationReason;

class Revoke : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    ASSERT_OK(addUser("alice"));
    ASSERT_OK(addUser("bob"));
    alices = enrolled("alice", newKey());
    bobs = enrolled("bob", newKey());
  }
  pki::IssuedCertificate alices;
  pki::IssuedCertificate bobs;
};

TEST_F(Revoke, CountsAtOnceAndForGood) {
  auto view = revoke(issuer, alices.serial, RevocationReason::KeyCompromise);
  ASSERT_OK(view);
  EXPECT_EQ(view->state, CertificateState::Revoked);
  EXPECT_EQ(view->reason, RevocationReason::KeyCompromise);
  EXPECT_EQ(view->revokedAt, clock.now());
  EXPECT_EQ(view->user, "alice");
  EXPECT_FALSE(authenticates(alices));
  EXPECT_TRUE(authenticates(bobs));
  const auto rows = revocations();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].revocation.serial, alices.serial);
  EXPECT_EQ(rows[0].revocation.reason, RevocationReason::KeyCompromise);
  EXPECT_EQ(rows[0].revocation.expires, alices.notAfter);
  EXPECT_EQ(rows[0].authority, 1);
  const auto heard = listening->changes();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].row.revocation.serial, alices.serial);
  EXPECT_EQ(heard[0].row.revocation.key, rows[0].revocation.key);
  EXPECT_FALSE(heard[0].released);
  clock.advance(std::chrono::hours(1));
  auto again = revoke(issuer, alices.serial, RevocationReason::Superseded);
  ASSERT_OK(again);
  EXPECT_EQ(again->reason, RevocationReason::KeyCompromise);
  EXPECT_EQ(again->revokedAt, view->revokedAt);
  EXPECT_EQ(recorded(kms::Event::CertificateRevoked), 1U);
  EXPECT_CODE(revoke(issuer, alices.serial, RevocationReason::RemoveFromCrl), Code::Conflict);
  restartAll();
  EXPECT_FALSE(authenticates(alices));
  EXPECT_EQ(revocations().size(), 1U);
}

TEST_F(Revoke, WhoMayDoIt) {
  EXPECT_REASON(revoke(actorOf("bob"), alices.serial), Reason::Forbidden);
  EXPECT_REASON(revoke(actorOf("bob", kms::Role::Verifier), alices.serial), Reason::Forbidden);
  EXPECT_REASON(revoke(nobody, alices.serial), Reason::Forbidden);
  EXPECT_TRUE(authenticates(alices));
  pki::Serial made = alices.serial;
  made[3] ^= std::byte{1};
  EXPECT_CODE(revoke(admin, made), Code::NotFound);
  EXPECT_CODE(revoke(admin, alices.serial, RevocationReason::AuthorityCompromise), Code::Invalid);
  EXPECT_OK(revoke(actorOf("alice"), alices.serial));
  EXPECT_OK(revoke(issuer, bobs.serial));
  const pki::Serial ocsp = *(*authority->current())->ocsp.certificate.ourSerial();
  EXPECT_REASON(revoke(issuer, ocsp), Reason::Forbidden);
  EXPECT_OK(revoke(admin, ocsp));
}

TEST_F(Revoke, AHoldIsReleasedByIssuersOnly) {
  ASSERT_OK(revoke(actorOf("alice"), alices.serial, RevocationReason::Hold));
  EXPECT_EQ(state(alices.serial), CertificateState::Held);
  EXPECT_FALSE(authenticates(alices));
  ASSERT_EQ(revocations().size(), 1U);
  EXPECT_REASON(revoke(actorOf("alice"), alices.serial, RevocationReason::RemoveFromCrl), Reason::Forbidden);
  auto released = revoke(issuer, alices.serial, RevocationReason::RemoveFromCrl);
  ASSERT_OK(released);
  EXPECT_EQ(released->state, CertificateState::Active);
  EXPECT_FALSE(released->reason);
  EXPECT_TRUE(authenticates(alices));
  EXPECT_TRUE(revocations().empty());
  const auto heard = listening->changes();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_TRUE(heard[1].released);
  EXPECT_EQ(heard[1].replaced, heard[0].row.revocation.key);
  EXPECT_GT(heard[1].row.revocation.key, heard[0].row.revocation.key);
  EXPECT_EQ(recorded(kms::Event::CertificateHeld), 1U);
  EXPECT_EQ(recorded(kms::Event::CertificateReleased), 1U);
  EXPECT_CODE(revoke(issuer, alices.serial, RevocationReason::RemoveFromCrl), Code::Conflict);
}

TEST_F(Revoke, AHoldBecomesFinal) {
  ASSERT_OK(revoke(issuer, alices.serial, RevocationReason::Hold));
  ASSERT_OK(revoke(issuer, alices.serial, RevocationReason::Hold));  // again
  ASSERT_OK(revoke(issuer, bobs.serial));
  auto final = revoke(issuer, alices.serial, RevocationReason::KeyCompromise);
  ASSERT_OK(final);
  EXPECT_EQ(final->state, CertificateState::Revoked);
  EXPECT_EQ(final->reason, RevocationReason::KeyCompromise);
  const auto rows = revocations();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].revocation.serial, alices.serial);
  const auto heard = listening->changes();
  ASSERT_EQ(heard.size(), 3U);
  EXPECT_EQ(heard[2].replaced, heard[0].row.revocation.key);
  EXPECT_CODE(revoke(issuer, alices.serial, RevocationReason::RemoveFromCrl), Code::Conflict);
  EXPECT_OK(revoke(issuer, alices.serial, RevocationReason::Hold));  // no error, and nothing changes
  EXPECT_EQ(state(alices.serial), CertificateState::Revoked);
}

TEST_F(Revoke, WhatIsNotConfirmedIsNotHeld) {
  const std::string token = enrolToken("alice");
  auto issued = enrol("alice", token, newKey());
  ASSERT_OK(issued);
  EXPECT_CODE(revoke(issuer, issued->serial, RevocationReason::Hold), Code::Conflict);
  EXPECT_OK(confirm(*issued));
  auto implicit = enrol("alice", enrolToken("alice"), newKey(), pki::Confirm::Implicit);
  ASSERT_OK(implicit);
  EXPECT_OK(revoke(issuer, implicit->serial, RevocationReason::Hold));
  ASSERT_OK(revoke(issuer, implicit->serial, RevocationReason::RemoveFromCrl));
  EXPECT_TRUE(authenticates(*implicit));
}

TEST_F(Revoke, RowsOfWhatHasLongEndedAreDropped) {
  policy.tidyBatch = 2;
  for (int i = 0; i < 4; ++i) {
    auto issued = issue(admin, "alice", pki::Profile::Client, newKey());
    ASSERT_OK(issued);
    ASSERT_OK(revoke(admin, issued->serial));
  }
  clock.advance(pkiPolicy.life);
  tidyCertificates();
  EXPECT_EQ(revocations().size(), 4U);
  const auto late = enrolled("bob", newKey());
  ASSERT_OK(revoke(admin, late.serial));
  clock.advance(policy.expiredKept);
  tidyCertificates();
  ASSERT_EQ(revocations().size(), 1U);
  EXPECT_EQ(revocations()[0].revocation.serial, late.serial);
  EXPECT_EQ(state(alices.serial), CertificateState::Active);
}

TEST_F(Revoke, ReasonsAreTold) {
  for (const RevocationReason reason :
       {RevocationReason::Unspecified, RevocationReason::AffiliationChanged,
        RevocationReason::CessationOfOperation, RevocationReason::PrivilegeWithdrawn}) {
    auto issued = issue(admin, "alice", pki::Profile::Client, newKey());
    ASSERT_OK(issued);
    EXPECT_EQ(revoke(admin, issued->serial, reason)->reason, reason);
    EXPECT_EQ(service->show(admin, issued->serial)->reason, reason);
  }
}

}  // namespace
}  // namespace tests
