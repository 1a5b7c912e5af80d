// Enrolment by a one-time token: who gets a certificate, and what becomes of the token.
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using pki::CertificateState;
using pki::Confirm;

class Enrol : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    ASSERT_OK(addUser("alice", {.mail = "alice@example.org"}));
    ASSERT_OK(addUser("bob"));
    token = enrolToken("alice");
  }
  bool pending(const std::string& user) { return users->show(user)->pending; }

  std::string token;
  pki::PrivateKey key = newKey();
  pki::PrivateKey other = newKey();
};

TEST_F(Enrol, TheCertificateNamesTheUserAndNothingElse) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  EXPECT_EQ(issued->user, "alice");
  EXPECT_EQ(issued->profile, pki::Profile::Signing);
  EXPECT_EQ(issued->confirmBy, clock.now() + pkiPolicy.confirmWindow);
  auto certificate = pki::parseCertificate(issued->certificate);
  ASSERT_OK(certificate);
  EXPECT_EQ(certificate->ourSerial(), issued->serial);
  EXPECT_EQ(certificate->key, key.publicKey().hash());
  EXPECT_EQ(certificate->notBefore, clock.now() - pkiPolicy.backdate);
  EXPECT_EQ(certificate->notAfter, clock.now() + pkiPolicy.life);
  const std::string name = pki::shownName(certificate->subject);
  EXPECT_NE(name.find("CN=alice"), std::string::npos) << name;
  EXPECT_NE(name.find("O=Acme"), std::string::npos) << name;
  ASSERT_EQ(issued->chain.size(), 1U);
  EXPECT_EQ(certificate->issuer, pki::parseCertificate(issued->chain[0])->subject);
}

TEST_F(Enrol, ConfirmingUsesTheTokenUp) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  EXPECT_EQ(state(issued->serial), CertificateState::Unconfirmed);
  EXPECT_FALSE(authenticates(*issued));
  EXPECT_TRUE(pending("alice"));
  EXPECT_OK(confirm(*issued));
  EXPECT_EQ(state(issued->serial), CertificateState::Active);
  EXPECT_TRUE(authenticates(*issued));
  EXPECT_FALSE(pending("alice"));
  EXPECT_REASON(enrol("alice", token, key), Reason::TokenRefused);
  EXPECT_EQ(recorded(kms::Event::CertificateIssued), 1U);
  EXPECT_EQ(recorded(kms::Event::CertificateConfirmed), 1U);
  EXPECT_EQ(recorded(kms::Event::TokenUsed), 1U);
  EXPECT_OK(confirm(*issued));  // again
  EXPECT_EQ(recorded(kms::Event::CertificateConfirmed), 1U);
  EXPECT_CODE(confirm(*issued, false), Code::Conflict);
  EXPECT_EQ(state(issued->serial), CertificateState::Active);
}

TEST_F(Enrol, TheSameKeyGetsTheSameCertificateAgainAndNoOtherDoes) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  auto again = enrol("alice", token, key);
  ASSERT_OK(again);
  EXPECT_EQ(again->certificate, issued->certificate);
  EXPECT_EQ(again->confirmBy, issued->confirmBy);
  EXPECT_REASON(enrol("alice", token, other), Reason::TokenRefused);
  EXPECT_EQ(recorded(kms::Event::CertificateIssued), 1U);
  EXPECT_OK(confirm(*issued));
}

TEST_F(Enrol, AClaimOutlivesARestart) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  restartAll();
  EXPECT_REASON(enrol("alice", token, other), Reason::TokenRefused);
  auto again = enrol("alice", token, key);
  ASSERT_OK(again);
  EXPECT_EQ(again->certificate, issued->certificate);
  EXPECT_OK(confirm(*issued));
  restartAll();
  EXPECT_EQ(state(issued->serial), CertificateState::Active);
}

TEST_F(Enrol, WhatWasNotConfirmedInTimeIsRevokedAndTheTokenFree) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  clock.advance(pkiPolicy.confirmWindow);
  EXPECT_EQ(state(issued->serial), CertificateState::Revoked);
  EXPECT_FALSE(authenticates(*issued));
  auto second = enrol("alice", token, other);
  ASSERT_OK(second);
  EXPECT_NE(second->serial, issued->serial);
  ASSERT_EQ(revocations().size(), 1U);  // of the first
  EXPECT_EQ(revocations()[0].revocation.serial, issued->serial);
  EXPECT_EQ(listening->changes().size(), 1U);
  EXPECT_REASON(confirm(*issued), Reason::CertificateRefused);
  EXPECT_OK(confirm(*second));
  EXPECT_TRUE(authenticates(*second));
  EXPECT_EQ(state(issued->serial), CertificateState::Revoked);
}

TEST_F(Enrol, AConfirmationThatComesTooLateRevokes) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  clock.advance(pkiPolicy.confirmWindow);
  EXPECT_REASON(confirm(*issued), Reason::CertificateRefused);
  EXPECT_EQ(revocations().size(), 1U);
  EXPECT_OK(enrol("alice", token, key));
}

TEST_F(Enrol, AfterTheWindowAnExpiredTokenIsNotFreed) {
  clock.advance(policy.oneTimeTtl - std::chrono::minutes(1));
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  clock.advance(std::chrono::minutes(2));  // the token has ended, the claim has not
  auto again = enrol("alice", token, key);
  ASSERT_OK(again);
  EXPECT_EQ(again->serial, issued->serial);
  clock.advance(pkiPolicy.confirmWindow);
  EXPECT_REASON(enrol("alice", token, key), Reason::TokenRefused);
}

TEST_F(Enrol, ARejectedCertificateIsRevokedAndTheTokenFree) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  EXPECT_OK(confirm(*issued, false));
  EXPECT_EQ(state(issued->serial), CertificateState::Revoked);
  EXPECT_OK(confirm(*issued, false));  // again
  EXPECT_EQ(revocations().size(), 1U);
  EXPECT_TRUE(pending("alice"));
  EXPECT_OK(enrol("alice", token, other));
}

TEST_F(Enrol, ImplicitCountsAtOnceAndIsConfirmedByItsFirstUse) {
  auto issued = enrol("alice", token, key, Confirm::Implicit);
  ASSERT_OK(issued);
  EXPECT_EQ(issued->confirmBy, base::Time{});
  EXPECT_FALSE(pending("alice"));
  EXPECT_OK(enrol("alice", token, key));  // the same again
  EXPECT_REASON(enrol("alice", token, other), Reason::TokenRefused);
  EXPECT_EQ(recorded(kms::Event::CertificateConfirmed), 0U);
  EXPECT_TRUE(authenticates(*issued));
  tidyCertificates();  // behind the write of the first use
  EXPECT_EQ(recorded(kms::Event::CertificateConfirmed), 1U);
  EXPECT_EQ(state(issued->serial), CertificateState::Active);
  EXPECT_REASON(enrol("alice", token, key), Reason::TokenRefused);
}

TEST_F(Enrol, ImplicitIsConfirmedByTime) {
  auto issued = enrol("alice", token, key, Confirm::Implicit);
  ASSERT_OK(issued);
  clock.advance(pkiPolicy.confirmWindow);
  EXPECT_REASON(enrol("alice", token, key), Reason::TokenRefused);
  EXPECT_EQ(state(issued->serial), CertificateState::Active);
  EXPECT_EQ(recorded(kms::Event::CertificateConfirmed), 0U);
  tidyCertificates();
  EXPECT_EQ(recorded(kms::Event::CertificateConfirmed), 1U);
  EXPECT_EQ(recorded(kms::Event::TokenUsed), 1U);
  EXPECT_TRUE(authenticates(*issued));
  EXPECT_TRUE(revocations().empty());
}

TEST_F(Enrol, ImplicitCanBeRejectedWhileItsWindowIsOpen) {
  auto issued = enrol("alice", token, key, Confirm::Implicit);
  ASSERT_OK(issued);
  EXPECT_OK(confirm(*issued, false));
  EXPECT_FALSE(authenticates(*issued));
  EXPECT_TRUE(pending("alice"));
  EXPECT_OK(enrol("alice", token, other));
}

TEST_F(Enrol, EveryRefusalLooksTheSameAndIsCounted) {
  const std::string used = enrolToken("bob");
  auto bobs = enrol("bob", used, key);
  ASSERT_OK(bobs);
  ASSERT_OK(confirm(*bobs));
  ASSERT_OK(enrol("alice", token, key));
  ASSERT_OK(addUser("carl"));
  const std::string old = enrolToken("carl");
  ASSERT_OK(addUser("dora"));
  const auto gone = TokenTest::issue({.user = "dora", .kind = kms::TokenKind::Enrol});
  ASSERT_OK(gone);
  ASSERT_OK(TokenTest::revoke(admin, byAccessor(gone->accessor)));
  const struct {
    const char* user;
    std::string token;
  } kRefused[] = {{"nobody", token},
                  {"alice", "0000-0000-0000"},
                  {"alice", token},  // claimed by another key
                  {"bob", used},
                  {"alice", used},  // another's
                  {"dora", std::string(base::view(gone->token))}};
  std::string said;
  for (const auto& [user, text] : kRefused) {
    auto refused = enrol(user, text, other);
    EXPECT_REASON(refused, Reason::TokenRefused);
    if (said.empty()) said = refused.error().what;
    EXPECT_EQ(refused.error().what, said) << user;
  }
  clock.advance(policy.oneTimeTtl);
  EXPECT_REASON(enrol("carl", old, other), Reason::TokenRefused);
  EXPECT_EQ(service->holdBack("carl"), std::chrono::seconds(0));
  for (unsigned i = 0; i < policy.freeTries; ++i)
    EXPECT_REASON(enrol("carl", old, other), Reason::TokenRefused);
  EXPECT_EQ(service->holdBack("carl"), policy.delayFirst);
  EXPECT_EQ(recorded(kms::Event::TokenGuessed), 1U);
  EXPECT_EQ(rowsIn(kms::Table::Certificates), 4U);  // two signers, alice's and bob's
}

TEST_F(Enrol, WhatIsNoTokenIsInvalid) {
  EXPECT_CODE(enrol("alice", "short", key), Code::Invalid);
  EXPECT_CODE(enrol("", token, key), Code::Invalid);
  const auto access = TokenTest::issue({.user = "alice"});
  ASSERT_OK(access);
  EXPECT_CODE(enrol("alice", std::string(base::view(access->token)), key), Code::Invalid);
}

TEST_F(Enrol, ForeignNamesAreRefusedAndLeaveTheTokenFree) {
  for (const char* name : {"bob", "Alice B."}) {
    auto request = requestFor(key);
    request.commonNames = {name};
    auto refused = enrol({.user = "alice", .token = base::secretText(token), .request = request});
    EXPECT_CODE(refused, Code::Denied);
    EXPECT_EQ(refused.error().reason, Reason::None);
  }
  auto request = requestFor(key);
  request.mails = {"alice@example.org"};
  EXPECT_OK(enrol({.user = "alice", .token = base::secretText(token), .request = request}));
}

TEST_F(Enrol, ANameOver64CharactersIsRefusedBeforeAnythingIsMade) {
  const std::string name(65, 'x');
  ASSERT_OK(addUser(name));
  const std::string text = enrolToken(name);
  EXPECT_CODE(enrol(name, text, key), Code::Invalid);
  EXPECT_EQ(rowsIn(kms::Table::Certificates), 2U);
  ASSERT_OK(changeUser(admin, name, {.commonName = "Mister X"}));
  EXPECT_OK(enrol(name, text, key));
}

TEST_F(Enrol, RevokedBeforeItWasFinishedTheUserCanEnrolAgain) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  ASSERT_OK(revoke(admin, issued->serial));
  EXPECT_REASON(confirm(*issued), Reason::CertificateRefused);
  auto again = enrol("alice", token, key);
  ASSERT_OK(again);
  EXPECT_NE(again->serial, issued->serial);
}

TEST_F(Enrol, ARevokedTokenTakesTheUnfinishedEnrolmentWithIt) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  ASSERT_OK(revokeUser(admin, "alice"));
  EXPECT_REASON(enrol("alice", token, key), Reason::TokenRefused);
  EXPECT_REASON(confirm(*issued), Reason::CertificateRefused);
  EXPECT_EQ(state(issued->serial), CertificateState::Revoked);
  EXPECT_EQ(revocations().size(), 1U);
}

TEST_F(Enrol, ANewTokenVoidsAClaim) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  const std::string second = enrolToken("alice");
  EXPECT_REASON(confirm(*issued), Reason::CertificateRefused);
  EXPECT_OK(enrol("alice", second, key));
}

TEST_F(Enrol, AClaimedTokenIsNoneForTheOtherWays) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  EXPECT_FALSE(verify(token, "alice")->active);
  EXPECT_FALSE(redeem("alice", kms::TokenKind::Enrol, token)->active);
  clock.advance(pkiPolicy.confirmWindow);
  EXPECT_TRUE(verify(token, "alice")->active);
}

TEST_F(Enrol, OnlyTheCertificatesOwnHashConfirms) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  auto wrong = *issued;
  wrong.certificate.back() ^= std::byte{1};
  EXPECT_CODE(confirm(wrong), Code::Invalid);
  EXPECT_CODE(confirm(wrong, false), Code::Invalid);
  wrong = *issued;
  wrong.serial.back() ^= std::byte{1};
  EXPECT_CODE(confirm(wrong), Code::NotFound);
  EXPECT_EQ(state(issued->serial), CertificateState::Unconfirmed);
}

TEST_F(Enrol, TheSharedSecretIsThePendingTokenWhileItCanBeUsed) {
  const auto plain = [](std::string text) {
    std::erase(text, '-');
    return text;
  };
  auto secret = service->sharedSecret("alice");
  ASSERT_OK(secret);
  EXPECT_EQ(base::view(secret->plain), plain(token));
  EXPECT_NE(secret->sequence, 0);
  for (const char* user : {"bob", "nobody"}) {
    auto none = service->sharedSecret(user);
    ASSERT_OK(none);
    EXPECT_EQ(none->sequence, 0);
    EXPECT_EQ(none->plain.size(), 12U);
    EXPECT_NE(base::view(none->plain), base::view(service->sharedSecret(user)->plain));
  }
  auto issued =
      enrol({.user = "alice", .proven = true, .sequence = secret->sequence, .request = requestFor(key)});
  ASSERT_OK(issued);
  EXPECT_EQ(service->sharedSecret("alice")->sequence, secret->sequence);  // for certConf
  EXPECT_OK(confirm(*issued));
  EXPECT_EQ(service->sharedSecret("alice")->sequence, 0);
}

TEST_F(Enrol, AProvenOrderIsForThatTokenOnly) {
  auto secret = service->sharedSecret("alice");
  ASSERT_OK(secret);
  enrolToken("alice");  // voids it
  EXPECT_REASON(
      enrol({.user = "alice", .proven = true, .sequence = secret->sequence, .request = requestFor(key)}),
      Reason::TokenRefused);
  EXPECT_REASON(enrol({.user = "bob", .proven = true, .sequence = 0, .request = requestFor(key)}),
                Reason::TokenRefused);
}

TEST_F(Enrol, NothingWhileSealedOrWithTheClockBack) {
  auto secret = service->sharedSecret("alice");
  ASSERT_OK(secret);
  clock.advance(-std::chrono::hours(1));
  EXPECT_REASON(enrol("alice", token, key), Reason::ClockBack);
  clock.advance(std::chrono::hours(1));
  vault->seal();
  EXPECT_REASON(enrol("alice", token, key), Reason::Sealed);
  EXPECT_REASON(service->sharedSecret("alice"), Reason::Sealed);
  unseal();
  EXPECT_OK(enrol("alice", token, key));
}

TEST_F(Enrol, AClockThatGoesBackOpensNoClaimAgain) {
  auto issued = enrol("alice", token, key);
  ASSERT_OK(issued);
  clock.advance(pkiPolicy.confirmWindow);
  EXPECT_REASON(confirm(*issued), Reason::CertificateRefused);
  clock.advance(-pkiPolicy.confirmWindow);
  EXPECT_REASON(confirm(*issued), Reason::CertificateRefused);
  EXPECT_EQ(state(issued->serial), CertificateState::Revoked);
}

}  // namespace
}  // namespace tests
