// Certificates by issuers, and renewals by their holders.
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using pki::CertificateState;
using pki::Confirm;
using pki::Profile;

class Renew : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    ASSERT_OK(addUser("alice", {.dns = std::vector<std::string>{"a.example.org"}}));
    ASSERT_OK(addUser("root", {.role = kms::Role::Admin}));
  }
  pki::PrivateKey own = newKey();
  pki::PrivateKey next = newKey();
};

TEST_F(Renew, IssuersIssueEveryProfileOfUsers) {
  for (const Profile profile : {Profile::Signing, Profile::Encryption, Profile::Client, Profile::Server}) {
    auto issued = issue(issuer, "alice", profile, own);
    ASSERT_OK(issued);
    EXPECT_EQ(issued->profile, profile);
    EXPECT_EQ(issued->confirmBy, base::Time{});
    EXPECT_EQ(state(issued->serial), CertificateState::Active);
    EXPECT_TRUE(authenticates(*issued));
    EXPECT_LE(issued->notAfter - clock.now(), pki::row(profile).life);
  }
  for (const Profile profile : {Profile::Authority, Profile::Ocsp, Profile::Cmp})
    EXPECT_CODE(issue(admin, "alice", profile, own), Code::Invalid);
  EXPECT_EQ(recorded(kms::Event::CertificateIssued), 4U);
}

TEST_F(Renew, WhoMayNotIssue) {
  EXPECT_REASON(issue(actorOf("alice"), "alice", Profile::Signing, own), Reason::Forbidden);
  EXPECT_REASON(issue(nobody, "alice", Profile::Signing, own), Reason::Forbidden);
  EXPECT_REASON(issue(issuer, "root", Profile::Signing, own), Reason::Forbidden);
  EXPECT_CODE(issue(issuer, "zoe", Profile::Signing, own), Code::NotFound);
  EXPECT_OK(issue(admin, "root", Profile::Signing, own));
}

TEST_F(Renew, IssuersGetNothingForACompromisedKeyEither) {
  const auto stolen = issue(admin, "alice", Profile::Client, own);
  ASSERT_OK(stolen);
  ASSERT_OK(revoke(admin, stolen->serial, pki::RevocationReason::KeyCompromise));
  const auto certificates = rowsIn(kms::Table::Certificates);
  for (const Profile profile : {Profile::Signing, Profile::Client, Profile::Server})
    EXPECT_CODE(issue(admin, "alice", profile, own), Code::Invalid);
  EXPECT_EQ(rowsIn(kms::Table::Certificates), certificates);
  EXPECT_OK(issue(admin, "alice", Profile::Client, next));
}

TEST_F(Renew, TheHolderGetsANewOneAndKeepsTheOld) {
  const auto old = enrolled("alice", own);
  clock.advance(std::chrono::hours(24 * 365));
  auto renewed = renew(old.serial, next);
  ASSERT_OK(renewed);
  EXPECT_EQ(renewed->user, "alice");
  EXPECT_EQ(renewed->profile, Profile::Signing);
  EXPECT_NE(renewed->serial, old.serial);
  EXPECT_EQ(pki::parseCertificate(renewed->certificate)->key, next.publicKey().hash());
  EXPECT_TRUE(authenticates(old));
  EXPECT_TRUE(authenticates(*renewed));
}

TEST_F(Renew, TheSameKeyGetsTheSameCertificateAgainForAWhile) {
  const auto old = enrolled("alice", own);
  auto first = renew(old.serial, next, Confirm::Explicit);
  ASSERT_OK(first);
  EXPECT_EQ(state(first->serial), CertificateState::Unconfirmed);
  EXPECT_EQ(renew(old.serial, next, Confirm::Explicit)->serial, first->serial);
  EXPECT_OK(confirm(*first));
  EXPECT_EQ(renew(old.serial, next)->serial, first->serial);
  clock.advance(pkiPolicy.confirmWindow);
  auto later = renew(old.serial, next);
  ASSERT_OK(later);
  EXPECT_NE(later->serial, first->serial);
}

TEST_F(Renew, TheOldKeyCanBeKept) {
  const auto old = enrolled("alice", own);
  auto renewed = renew(old.serial, own);
  ASSERT_OK(renewed);
  EXPECT_NE(renewed->serial, old.serial);
  EXPECT_EQ(renew(old.serial, own)->serial, renewed->serial);
}

TEST_F(Renew, AnUnconfirmedRenewalIsRevokedAndTheOldOneGoesOn) {
  const auto old = enrolled("alice", own);
  auto renewed = renew(old.serial, next, Confirm::Explicit);
  ASSERT_OK(renewed);
  EXPECT_FALSE(authenticates(*renewed));
  EXPECT_REASON(renew(renewed->serial, newKey()), Reason::CertificateRefused);
  clock.advance(pkiPolicy.confirmWindow);
  tidyCertificates();
  EXPECT_EQ(revocations().size(), 1U);
  EXPECT_EQ(state(renewed->serial), CertificateState::Revoked);
  EXPECT_TRUE(authenticates(old));
}

TEST_F(Renew, NothingThatDoesNotCountRenews) {
  const auto old = enrolled("alice", own);
  pki::Serial made = old.serial;
  made[5] ^= std::byte{1};
  EXPECT_REASON(renew(made, next), Reason::CertificateRefused);
  {
    auto hold = authority->current();
    EXPECT_REASON(renew(*(*hold)->ocsp.certificate.ourSerial(), next), Reason::CertificateRefused);
  }
  ASSERT_OK(revoke(issuer, old.serial, pki::RevocationReason::Hold));
  EXPECT_REASON(renew(old.serial, next), Reason::CertificateRefused);
  ASSERT_OK(revoke(issuer, old.serial, pki::RevocationReason::RemoveFromCrl));
  EXPECT_OK(renew(old.serial, next));
  ASSERT_OK(revoke(issuer, old.serial));
  EXPECT_REASON(renew(old.serial, newKey()), Reason::CertificateRefused);
}

TEST_F(Renew, AnExpiredOneDoesNotRenew) {
  const auto old = enrolled("alice", own);
  clock.advance(pkiPolicy.life);
  EXPECT_FALSE(authenticates(old));
  EXPECT_REASON(renew(old.serial, next), Reason::CertificateRefused);
}

TEST_F(Renew, ThePolicyCanForbidItBefore) {
  const auto old = enrolled("alice", own);
  pkiPolicy.renewFrom = std::chrono::hours(24 * 365);
  EXPECT_CODE(renew(old.serial, next), Code::Denied);
  clock.advance(pkiPolicy.renewFrom);
  EXPECT_OK(renew(old.serial, next));
}

TEST_F(Renew, TheNamesAreThoseTheUserHasNow) {
  const auto old = enrolled("alice", own);
  ASSERT_OK(changeUser(admin, "alice", {.commonName = "Alice Smith"}));
  auto renewed = renew(old.serial, next);
  ASSERT_OK(renewed);
  EXPECT_NE(pki::shownName(pki::parseCertificate(renewed->certificate)->subject).find("CN=Alice Smith"),
            std::string::npos);
  auto request = requestFor(newKey());
  request.commonNames = {"root"};
  auto foreign = await<pki::IssuedCertificate>(
      [&](auto reply) { service->renew(old.serial, request, Confirm::Implicit, reply); });
  EXPECT_CODE(foreign, Code::Denied);
}

TEST_F(Renew, RenewingIsTheFirstUseOfAnImplicitOne) {
  const std::string token = enrolToken("alice");
  auto issued = enrol("alice", token, own, Confirm::Implicit);
  ASSERT_OK(issued);
  ASSERT_OK(renew(issued->serial, next));
  EXPECT_EQ(state(issued->serial), CertificateState::Active);
  EXPECT_REASON(enrol("alice", token, own), Reason::TokenRefused);
  EXPECT_EQ(recorded(kms::Event::TokenUsed), 1U);
}

// As with tokens: whoever rises later has the rights of it by what is granted to him then.
TEST_F(Renew, ItsHolderMayDoNoMoreThanWhoeverGrantedIt) {
  const auto grantOf = [&](const pki::IssuedCertificate& one) {
    auto view = service->authenticate(one.certificate, one.profile);
    EXPECT_OK(view);
    return view ? view->grant : kms::Role::None;
  };
  auto byIssuer = issue(issuer, "alice", Profile::Client, newKey());
  auto byAdmin = issue(admin, "alice", Profile::Client, newKey());
  ASSERT_OK(byIssuer);
  ASSERT_OK(byAdmin);
  EXPECT_EQ(grantOf(*byIssuer), kms::Role::Issuer);
  EXPECT_EQ(grantOf(*byAdmin), kms::Role::Admin);
  auto token = issueAs(issuer, {.user = "alice", .kind = kms::TokenKind::Enrol});
  ASSERT_OK(token);
  auto enrolled = enrol("alice", std::string(base::view(token->token)), own, Confirm::Implicit);
  ASSERT_OK(enrolled);
  EXPECT_EQ(grantOf(*enrolled), kms::Role::Issuer);
  auto renewed = renew(enrolled->serial, next);
  ASSERT_OK(renewed);
  EXPECT_EQ(grantOf(*renewed), kms::Role::Issuer);
  restartAll();
  EXPECT_EQ(grantOf(*renewed), kms::Role::Issuer);
}

TEST_F(Renew, AnAuthorityThatHasEndedIssuesNothing) {
  const auto old = enrolled("alice", own);
  const std::string token = enrolToken("alice");
  base::Time end;
  {
    auto hold = authority->current();
    ASSERT_OK(hold);
    end = (*hold)->authority.certificate.notAfter;
  }
  clock.advance(end - clock.now() - std::chrono::seconds(1));
  const std::string last = enrolToken("alice");
  EXPECT_OK(issue(admin, "alice", Profile::Client, next));
  const std::size_t rows = rowsIn(kms::Table::Certificates);
  for (const auto later : {std::chrono::seconds(1), std::chrono::seconds(299), std::chrono::seconds(3600)}) {
    clock.advance(later);
    EXPECT_REASON(issue(admin, "alice", Profile::Client, next), Reason::AuthorityEnded);
    EXPECT_REASON(enrol("alice", last, next), Reason::AuthorityEnded);
  }
  EXPECT_EQ(rowsIn(kms::Table::Certificates), rows);
  EXPECT_TRUE(users->show("alice")->pending) << "the token is not used up";
}

TEST_F(Renew, OnlyTheCertificateItselfAuthenticates) {
  const auto issued = enrolled("alice", own);
  EXPECT_REASON(service->authenticate(issued.certificate, Profile::Client), Reason::CertificateRefused);
  auto altered = issued.certificate;
  altered.back() ^= std::byte{1};
  EXPECT_REASON(service->authenticate(altered, Profile::Signing), Reason::CertificateRefused);
  EXPECT_REASON(service->authenticate({}, Profile::Signing), Reason::CertificateRefused);
  auto hold = authority->current();
  EXPECT_REASON(service->authenticate((*hold)->ocsp.certificate.der, Profile::Ocsp),
                Reason::CertificateRefused);
  EXPECT_REASON(service->authenticate((*hold)->authority.certificate.der, Profile::Authority),
                Reason::CertificateRefused);
}

}  // namespace
}  // namespace tests
