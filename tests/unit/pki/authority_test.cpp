// The authority: made once, kept sealed, in memory only while the vault is open.
#include <thread>

#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

// Before there is an authority: as a server that was founded by an older version.
class NoAuthority : public ServiceTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    restartAll();
  }
  base::Result<std::int64_t> create(const pki::AuthorityPlan& plan, const kms::Actor& by) {
    return pki::createAuthority(*vault, *store, *authority, clock, policy, base::systemRng(), plan, by);
  }
};

TEST_F(NoAuthority, OpensAndSaysWhatIsMissing) {
  EXPECT_FALSE(vault->sealed());
  EXPECT_TRUE(authority->numbers().empty());
  ASSERT_OK(addUser("alice"));
  const auto own = newKey();
  const auto refused = issue(admin, "alice", pki::Profile::Signing, own);
  EXPECT_REASON(refused, Reason::NoAuthority);
  EXPECT_EQ(refused.error().code, Code::NotFound);
  EXPECT_NE(refused.error().what.find("kmsctl ca init"), std::string::npos);
  EXPECT_REASON(enrol("alice", enrolToken("alice"), own), Reason::NoAuthority);
  tidyCertificates();
  makeAuthority();
  EXPECT_OK(issue(admin, "alice", pki::Profile::Signing, own));
}

TEST_F(NoAuthority, IsMadeOnceAndByAdminsOnly) {
  EXPECT_REASON(create({}, issuer), Reason::Forbidden);
  pki::AuthorityPlan plan;
  plan.commonName = std::string(65, 'x');
  EXPECT_CODE(create(plan, admin), Code::Invalid);
  EXPECT_EQ(rowsIn(kms::Table::Authorities), 0U);
  EXPECT_EQ(*create({}, admin), 1);
  EXPECT_CODE(create({}, admin), Code::Conflict);
  EXPECT_EQ(rowsIn(kms::Table::Authorities), 1U);
  EXPECT_EQ(rowsIn(kms::Table::Certificates), 2U);
  EXPECT_EQ(recorded(kms::Event::AuthorityCreated), 1U);
}

TEST_F(NoAuthority, EveryKindOfKeySigns) {
  ASSERT_OK(addUser("alice"));
  const auto own = newKey();
  for (const auto kind : {pki::KeyKind::EcdsaP384, pki::KeyKind::Ed25519, pki::KeyKind::Rsa2048}) {
    pki::AuthorityPlan plan;
    plan.key = kind;
    ASSERT_OK(create(plan, admin));
    {
      auto hold = authority->current();
      ASSERT_OK(hold);
      EXPECT_EQ((*hold)->authority.key.kind(), kind);
      EXPECT_EQ((*hold)->ocsp.key.kind(), kind);
    }
    ASSERT_OK(issue(admin, "alice", pki::Profile::Signing, own));
    ASSERT_OK(tamper([](kms::Txn& txn) { return txn.erase(kms::Table::Authorities, 1); }));
    ASSERT_OK(authority->refresh(*vault, *store));
  }
}

using AuthorityTest = ServiceTest;

TEST_F(AuthorityTest, HasDelegatedSignersWithRowsOfTheirOwn) {
  auto hold = authority->current();
  ASSERT_OK(hold);
  const pki::Signers& signers = **hold;
  EXPECT_TRUE(signers.authority.certificate.authority);
  EXPECT_EQ(signers.authority.certificate.notBefore, clock.now() - std::chrono::minutes(5));
  for (const pki::Issuer* signer : {&signers.ocsp, &signers.cmp}) {
    EXPECT_EQ(signer->certificate.issuer, signers.authority.certificate.subject);
    EXPECT_EQ(signer->certificate.key, signer->key.publicKey().hash());
    const auto serial = signer->certificate.ourSerial();
    ASSERT_TRUE(serial);
    EXPECT_EQ(state(*serial), pki::CertificateState::Active);
    auto view = service->show(admin, *serial);
    ASSERT_OK(view);
    EXPECT_EQ(view->user, "");
    EXPECT_EQ(view->certificate, signer->certificate.der);
  }
  EXPECT_NE(signers.ocsp.certificate.key, signers.cmp.certificate.key);
}

TEST_F(AuthorityTest, IsGoneWhileSealedAndTheSameAfterwards) {
  base::Bytes before;
  {
    auto hold = authority->current();
    ASSERT_OK(hold);
    before = (*hold)->authority.certificate.der;
  }
  vault->seal();
  EXPECT_REASON(authority->current(), Reason::Sealed);
  EXPECT_REASON(authority->number(1), Reason::Sealed);
  EXPECT_REASON(authority->refresh(*vault, *store), Reason::Sealed);
  EXPECT_TRUE(authority->numbers().empty());
  unseal();
  EXPECT_EQ((*authority->current())->authority.certificate.der, before);
  restartAll();
  EXPECT_EQ((*authority->number(1))->authority.certificate.der, before);
  EXPECT_CODE(authority->number(2), Code::NotFound);
}

TEST_F(AuthorityTest, SealingWaitsForThoseThatSignAndLetsNobodyNewIn) {
  std::atomic<bool> sealed{false};
  std::thread sealer;
  {
    auto hold = authority->current();
    ASSERT_OK(hold);
    sealer = std::thread([&] {
      vault->seal();
      sealed = true;
    });
    const auto deadline = base::Deadline::in(std::chrono::seconds(30));
    while (authority->current() && !deadline.expired()) std::this_thread::yield();
    EXPECT_REASON(authority->current(), Reason::Sealed);
    EXPECT_FALSE(vault->hold());  // no waiting for each other
    EXPECT_FALSE(sealed);
    EXPECT_OK(pki::signCertificate((*hold)->authority,
                                   {pki::Profile::Signing,
                                    {"alice", "Acme", "", {}},
                                    &(*hold)->ocsp.key.publicKey(),
                                    pki::newSerial(base::systemRng()),
                                    clock.now(),
                                    clock.now() + std::chrono::hours(1)},
                                   {}));
  }
  sealer.join();
  EXPECT_TRUE(sealed);
}

TEST_F(AuthorityTest, ADamagedRowKeepsTheServerSealed) {
  vault->seal();
  ASSERT_OK(tamper([](kms::Txn& txn) -> base::Result<void> {
    auto row = txn.get(kms::Table::Authorities, 1);
    if (!row) return std::move(row).error();
    (*row)->sealed.back() ^= std::byte{1};
    return txn.put(kms::Table::Authorities, **row);
  }));
  auto copy = base::MasterKey::fromBytes(key->bytes());
  auto opened = vault->unseal(kms::KeyOffer{*std::move(copy), std::nullopt, std::nullopt, "mock:test"});
  EXPECT_REASON(opened, Reason::DatabaseCorrupt);
  EXPECT_TRUE(vault->sealed());
  EXPECT_REASON(authority->current(), Reason::Sealed);
}

TEST_F(AuthorityTest, SignersAreRenewedBeforeTheyEnd) {
  auto before = authority->current();
  ASSERT_OK(before);
  const auto life = (*before)->ocsp.certificate.notAfter - (*before)->ocsp.certificate.notBefore;
  clock.advance(life / 2);
  tidyCertificates();
  EXPECT_EQ((*authority->current())->ocsp.certificate.der, (*before)->ocsp.certificate.der);
  clock.advance(life / 4);
  tidyCertificates();
  {
    auto after = authority->current();
    ASSERT_OK(after);
    EXPECT_EQ((*after)->authority.certificate.der, (*before)->authority.certificate.der);
    EXPECT_NE((*after)->ocsp.certificate.key, (*before)->ocsp.certificate.key);
    EXPECT_GT((*after)->ocsp.certificate.notAfter, (*before)->ocsp.certificate.notAfter);
    EXPECT_GT((*before)->ocsp.certificate.der.size(), 0U);  // who held the old ones still has them
  }
  EXPECT_EQ(recorded(kms::Event::AuthoritySignersRenewed), 1U);
  tidyCertificates();
  EXPECT_EQ(recorded(kms::Event::AuthoritySignersRenewed), 1U);
}

TEST_F(AuthorityTest, SealAndUnsealUnderLoadLeaveNoStrayKeys) {
  ASSERT_OK(addUser("alice"));
  std::atomic<bool> stop{false};
  std::atomic<int> issued{0};
  std::thread user([&] {
    const auto own = newKey();
    while (!stop) {
      auto got = issue(admin, "alice", pki::Profile::Signing, own);
      if (got) ++issued;
      if (!got) {
        EXPECT_EQ(got.error().reason, Reason::Sealed) << got.error().what;
      }
    }
  });
  for (int i = 0; i < 5; ++i) {
    const int had = issued;
    const auto deadline = base::Deadline::in(std::chrono::seconds(30));
    while (issued == had && !deadline.expired()) std::this_thread::yield();
    EXPECT_GT(issued, had);
    vault->seal();
    EXPECT_TRUE(authority->numbers().empty());
    unseal();
  }
  stop = true;
  user.join();
}

}  // namespace
}  // namespace tests
