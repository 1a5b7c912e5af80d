// Encryption pairs: made by the server, kept for ever, and recovered.
#include <set>

#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using base::Reason;
using pki::CertificateState;
using pki::Profile;

class Escrow : public ServiceTest {
 protected:
  void SetUp() override {
    pkiPolicy.encryptionKey = pki::KeyKind::EcdsaP256;
    ServiceTest::SetUp();
    ASSERT_OK(addUser("alice"));
    ASSERT_OK(addUser("bob"));
    holder = enrolled("alice", newKey()).serial;
  }
  static void expectWhole(const pki::KeyPair& pair) {
    auto opened = pki::PrivateKey::parse(pair.key.bytes());
    ASSERT_OK(opened);
    EXPECT_EQ(opened->publicKey().hash(), pki::parseCertificate(pair.certificate.certificate)->key);
    EXPECT_EQ(pair.certificate.profile, Profile::Encryption);
  }
  pki::Serial recoverer(const std::string& user = "alice") {
    auto issued = enrol(user, enrolToken(user, kms::TokenKind::Recover), newKey());
    EXPECT_OK(issued);
    EXPECT_OK(confirm(*issued));
    return issued->serial;
  }
  // That many pairs of alice's, all but the last revoked; the newest first.
  std::vector<pki::Serial> oldPairs(int count) {
    std::vector<pki::Serial> all;
    for (int i = 0; i < count; ++i) {
      if (i > 0) {
        EXPECT_OK(revoke(admin, all.front()));
      }
      auto pair = encryptionPair(holder);
      EXPECT_OK(pair);
      all.insert(all.begin(), pair->certificate.serial);
    }
    return all;
  }
  // How many different pairs all pages have.
  std::size_t recovered(const pki::Serial& by) {
    std::set<pki::Serial> all;
    std::string after;
    do {
      const auto page = recover(by, after, 1000);
      EXPECT_OK(page);
      if (!page) break;
      for (const pki::KeyPair& pair : page->items) EXPECT_TRUE(all.insert(pair.certificate.serial).second);
      after = page->next.value_or("");
    } while (!after.empty());
    return all.size();
  }
  pki::Serial holder;
};

TEST_F(Escrow, APairIsMadeOnceAndGivenAgain) {
  auto pair = encryptionPair(holder);
  ASSERT_OK(pair);
  expectWhole(*pair);
  auto again = encryptionPair(holder);
  ASSERT_OK(again);
  EXPECT_EQ(again->certificate.serial, pair->certificate.serial);
  EXPECT_TRUE(std::ranges::equal(again->key.bytes(), pair->key.bytes()));
  EXPECT_EQ(rowsIn(kms::Table::Archive), 1U);
  EXPECT_EQ(recorded(kms::Event::KeyArchived), 1U);
  EXPECT_EQ(state(pair->certificate.serial), CertificateState::Active);
  EXPECT_TRUE(service->show(admin, pair->certificate.serial)->archived);
  restartAll();
  EXPECT_EQ(encryptionPair(holder)->certificate.serial, pair->certificate.serial);
}

TEST_F(Escrow, ANewOneComesWhenTheLastIsRevokedOrOld) {
  auto first = encryptionPair(holder);
  ASSERT_OK(first);
  ASSERT_OK(revoke(admin, first->certificate.serial));
  auto second = encryptionPair(holder);
  ASSERT_OK(second);
  EXPECT_NE(second->certificate.serial, first->certificate.serial);
  clock.advance(pkiPolicy.life * 3 / 4);
  auto third = encryptionPair(holder);
  ASSERT_OK(third);
  EXPECT_NE(third->certificate.serial, second->certificate.serial);
  EXPECT_EQ(rowsIn(kms::Table::Archive), 3U);
}

// Whoever can have a certificate made in alice's name cannot read by it what was encrypted to her before:
// that takes a recover token, and the approvals for it.
TEST_F(Escrow, APairIsGivenAgainToItsOwnLineOnly) {
  auto pair = encryptionPair(holder);
  ASSERT_OK(pair);
  std::vector<pki::Serial> others;
  auto byIssuer = issue(issuer, "alice", Profile::Signing, newKey());
  ASSERT_OK(byIssuer);
  others.push_back(byIssuer->serial);
  others.push_back(enrolled("alice", newKey()).serial);
  others.push_back(recoverer());
  auto ofAnother = renew(byIssuer->serial, newKey());
  ASSERT_OK(ofAnother);
  std::set<pki::Serial> given{pair->certificate.serial};
  for (const pki::Serial& other : others) {
    auto own = encryptionPair(other);
    ASSERT_OK(own);
    EXPECT_TRUE(given.insert(own->certificate.serial).second) << "another line's pair";
    EXPECT_EQ(encryptionPair(other)->certificate.serial, own->certificate.serial);
    expectWhole(*own);
  }
  EXPECT_EQ(encryptionPair(ofAnother->serial)->certificate.serial,
            encryptionPair(byIssuer->serial)->certificate.serial);
  auto renewed = renew(holder, newKey());
  ASSERT_OK(renewed);
  auto later = renew(renewed->serial, newKey());
  ASSERT_OK(later);
  EXPECT_EQ(encryptionPair(later->serial)->certificate.serial, pair->certificate.serial);
  EXPECT_EQ(encryptionPair(holder)->certificate.serial, pair->certificate.serial);
  EXPECT_EQ(rowsIn(kms::Table::Archive), 4U);
}

TEST_F(Escrow, OneThatAnIssuerMadeForTheUsersOwnKeyHasNoKeyHere) {
  ASSERT_OK(issue(admin, "alice", Profile::Encryption, newKey()));
  auto pair = encryptionPair(holder);
  ASSERT_OK(pair);
  expectWhole(*pair);
}

TEST_F(Escrow, OnlyAnActiveSigningCertificateGetsOne) {
  auto client = issue(admin, "alice", Profile::Client, newKey());
  ASSERT_OK(client);
  EXPECT_REASON(encryptionPair(client->serial), Reason::CertificateRefused);
  EXPECT_REASON(encryptionPair(pki::newSerial(base::systemRng())), Reason::CertificateRefused);
  auto open = enrol("bob", enrolToken("bob"), newKey());
  ASSERT_OK(open);
  EXPECT_REASON(encryptionPair(open->serial), Reason::CertificateRefused);
  ASSERT_OK(revoke(admin, holder));
  EXPECT_REASON(encryptionPair(holder), Reason::CertificateRefused);
  EXPECT_EQ(rowsIn(kms::Table::Archive), 0U);
}

TEST_F(Escrow, AskingForItIsTheFirstUseOfAnImplicitOne) {
  auto issued = enrol("bob", enrolToken("bob"), newKey(), pki::Confirm::Implicit);
  ASSERT_OK(issued);
  ASSERT_OK(encryptionPair(issued->serial));
  EXPECT_EQ(state(issued->serial), CertificateState::Active);
}

TEST_F(Escrow, RecoveryGivesEveryKeyThatTheUserEverHad) {
  std::vector<pki::Serial> all;
  for (int i = 0; i < 3; ++i) {
    auto pair = encryptionPair(holder);
    ASSERT_OK(pair);
    all.insert(all.begin(), pair->certificate.serial);
    if (i < 2) {
      ASSERT_OK(revoke(admin, pair->certificate.serial));
    }
  }
  auto bobs = enrolled("bob", newKey());
  ASSERT_OK(encryptionPair(bobs.serial));
  auto page = recover(recoverer());
  ASSERT_OK(page);
  EXPECT_FALSE(page->next);
  const auto& pairs = page->items;
  ASSERT_EQ(pairs.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(pairs[i].certificate.serial, all[i]);
    EXPECT_EQ(pairs[i].certificate.user, "alice");
    expectWhole(pairs[i]);
  }
  EXPECT_EQ(recorded(kms::Event::KeysRecovered), 1U);
  EXPECT_NE(outboxText().find("3 keys by the recover token"), std::string::npos);
}

TEST_F(Escrow, RecoveryGoesPageByPage) {
  const std::vector<pki::Serial> all = oldPairs(5);
  const pki::Serial by = recoverer();
  std::vector<pki::Serial> got;
  std::string after;
  for (int page = 0; page < 3; ++page) {
    for (int again = 0; again < 2; ++again) {  // an answer may be lost
      auto some = recover(by, after, 2);
      ASSERT_OK(some);
      ASSERT_EQ(some->items.size(), page < 2 ? 2U : 1U);
      EXPECT_EQ(some->next.has_value(), page < 2);
      if (again == 0) continue;
      for (const pki::KeyPair& pair : some->items) {
        expectWhole(pair);
        got.push_back(pair.certificate.serial);
      }
      after = some->next.value_or("");
    }
  }
  EXPECT_EQ(got, all);
  EXPECT_EQ(recorded(kms::Event::KeysRecovered), 6U);
  EXPECT_NE(outboxText().find(", behind " + pki::serialText(all[1])), std::string::npos);
}

TEST_F(Escrow, APageThatIsNoneIsRefusedAndOthersCertificatesToo) {
  ASSERT_OK(encryptionPair(holder));
  const auto bobs = enrolled("bob", newKey());
  const pki::Serial by = recoverer();
  EXPECT_CODE(recover(by, "nothing"), base::Code::Invalid);
  EXPECT_CODE(recover(by, pki::serialText(bobs.serial)), base::Code::Invalid);
  EXPECT_CODE(recover(by, pki::serialText(pki::newSerial(base::systemRng()))), base::Code::Invalid);
  EXPECT_CODE(recover(by, "", 1001), base::Code::Invalid);
  EXPECT_REASON(recover(holder, pki::serialText(holder)), Reason::CertificateRefused);
  EXPECT_EQ(recovered(by), 1U);
}

// However many there are: what is asked for at most is more than one answer holds.
TEST_F(Escrow, APageIsNoLargerThanAnAnswer) {
  const std::vector<pki::Serial> all = oldPairs(100);
  const pki::Serial by = recoverer();
  const auto first = recover(by, "", 1000);
  ASSERT_OK(first);
  EXPECT_TRUE(first->next);
  EXPECT_LT(first->items.size(), all.size());
  EXPECT_GT(first->items.size(), all.size() / 4);
  EXPECT_EQ(recovered(by), all.size());
}

// Certificates whose keys were made elsewhere may be many; a page that is empty goes on all the same.
TEST_F(Escrow, OnePageLooksAtSoManyCertificatesOnly) {
  ASSERT_OK(encryptionPair(holder));
  const auto own = newKey();
  for (int i = 0; i < 1100; ++i) ASSERT_OK(issue(admin, "alice", Profile::Client, own));
  const pki::Serial by = recoverer();
  const auto first = recover(by, "", 1000);
  ASSERT_OK(first);
  EXPECT_TRUE(first->items.empty());
  ASSERT_TRUE(first->next);
  EXPECT_EQ(recovered(by), 1U);
}

TEST_F(Escrow, NothingButARecoverTokenRecoversAndNotForLong) {
  ASSERT_OK(encryptionPair(holder));
  EXPECT_REASON(recover(holder), Reason::CertificateRefused);
  auto plain = issue(admin, "alice", Profile::Signing, newKey());
  ASSERT_OK(plain);
  EXPECT_REASON(recover(plain->serial), Reason::CertificateRefused);
  auto open = enrol("alice", enrolToken("alice", kms::TokenKind::Recover), newKey());
  ASSERT_OK(open);
  EXPECT_REASON(recover(open->serial), Reason::CertificateRefused);  // not confirmed
  const pki::Serial by = recoverer();
  EXPECT_OK(recover(by));
  EXPECT_OK(recover(by));  // a lost answer
  clock.advance(pkiPolicy.confirmWindow);
  EXPECT_REASON(recover(by), Reason::CertificateRefused);
  EXPECT_EQ(recorded(kms::Event::KeysRecovered), 2U);
  const pki::Serial another = recoverer();
  ASSERT_OK(revoke(admin, another));
  EXPECT_REASON(recover(another), Reason::CertificateRefused);
}

TEST_F(Escrow, AnotherUsersArchivedKeyIsDamage) {
  ASSERT_OK(encryptionPair(holder));
  const auto bobs = enrolled("bob", newKey());
  ASSERT_OK(encryptionPair(bobs.serial));
  ASSERT_OK(tamper([](kms::Txn& txn) -> base::Result<void> {
    auto rows = txn.list(kms::Table::Archive, 0, 2);
    if (!rows) return std::move(rows).error();
    auto swapped = (*rows)[0];
    swapped.key = (*rows)[1].key;
    return txn.put(kms::Table::Archive, swapped);
  }));
  EXPECT_REASON(encryptionPair(bobs.serial), Reason::DatabaseCorrupt);
}

}  // namespace
}  // namespace tests
