// The certificate that https shows: when it is made and renewed, and where it is.
#include "tests/unit/pki/server_certificate_fixture.h"

#include <fstream>

#include "tests/support/run.h"

namespace tests {
namespace {

using std::chrono::hours;

TEST_F(ServerCertificateTest, IsMadeOnceForItsNamesAndVerifies) {
  EXPECT_FALSE(own->hold());
  EXPECT_FALSE(own->until());
  EXPECT_TRUE(made(names));
  const auto first = serial();
  EXPECT_FALSE(made(names));
  EXPECT_EQ(serial(), first);
  const auto hold = own->hold();
  ASSERT_TRUE(hold);
  EXPECT_EQ((*hold)->own.key.publicKey().hash(), (*hold)->own.certificate.key);
  EXPECT_EQ(own->until(), (*hold)->own.certificate.notAfter);
  ASSERT_EQ((*hold)->chain.size(), 1U);
  std::ofstream(scratch / "ca.pem") << pki::pem("CERTIFICATE", (*hold)->chain.front());
  std::ofstream(scratch / "own.pem") << pki::pem("CERTIFICATE", (*hold)->own.certificate.der);
  const auto verified = [&](const std::string& option, const std::string& name) {
    return run({"openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-attime",
                std::to_string(clock.now().time_since_epoch().count()), "-CAfile", scratch / "ca.pem", option,
                name, scratch / "own.pem"})
               .exit == 0;
  };
  EXPECT_TRUE(verified("-verify_hostname", "kms.example.org"));
  EXPECT_TRUE(verified("-verify_ip", "127.0.0.1"));
  EXPECT_TRUE(verified("-verify_ip", "::1"));
  EXPECT_FALSE(verified("-verify_hostname", "other.example.org"));
  EXPECT_EQ(recorded(kms::Event::CertificateIssued), 1U);
  auto all = service->list(admin, "", "", 1000);
  ASSERT_OK(all);
  EXPECT_EQ(std::ranges::count(all->items, pki::Profile::Server, &pki::CertificateView::profile), 1);
}

TEST_F(ServerCertificateTest, IsThereAgainAfterEachOpeningAndAwayWhileSealed) {
  ASSERT_TRUE(made(names));
  const auto first = serial();
  const auto until = own->until();
  vault->seal();
  EXPECT_FALSE(own->hold());
  EXPECT_EQ(own->until(), until) << "what an operator must see is no secret";
  EXPECT_REASON(own->keep(names), base::Reason::Sealed);
  unseal();
  EXPECT_EQ(serial(), first);
  own.reset();
  restartAll();
  attachOwn();
  EXPECT_EQ(serial(), first);
  EXPECT_FALSE(made(names));
}

TEST_F(ServerCertificateTest, OtherNamesARevocationAndItsTimeBringANewOne) {
  ASSERT_TRUE(made(names));
  auto before = serial();
  const auto isNew = [&] {
    const auto now = serial();
    return std::exchange(before, now) != now;
  };
  EXPECT_TRUE(made({"other.example.org"}));
  EXPECT_TRUE(isNew());
  ASSERT_OK(revoke(admin, before, pki::RevocationReason::KeyCompromise));
  EXPECT_TRUE(made({"other.example.org"}));
  EXPECT_TRUE(isNew());
  const auto life = pki::row(pki::Profile::Server).life;
  clock.advance(life / 2);
  EXPECT_FALSE(made({"other.example.org"})) << "more than a third is left";
  clock.advance(life / 5);
  EXPECT_TRUE(made({"other.example.org"}));
  EXPECT_TRUE(isNew());
  EXPECT_EQ(rowsIn(kms::Table::Archive), 1U) << "the keys of those before are of no use";
  vault->seal();
  unseal();
  EXPECT_FALSE(isNew());
}

// One that would end with the authority, as the one that is there, is no gain.
TEST_F(ServerCertificateTest, IsNotRenewedAgainAndAgainBeforeTheAuthoritysEnd) {
  const auto end = [&] {
    auto hold = authority->current();
    EXPECT_OK(hold);
    return (*hold)->authority.certificate.notAfter;
  }();
  clock.advance(end - clock.now() - hours(24 * 30));
  ASSERT_TRUE(made(names));
  EXPECT_EQ(own->until(), end);
  clock.advance(hours(24 * 29));
  EXPECT_FALSE(made(names));
  clock.advance(hours(48));
  EXPECT_FALSE(made(names)) << "nothing that the authority signs now would count";
}

TEST_F(ServerCertificateTest, BadNamesAndAClockThatWasSetBackChangeNothing) {
  EXPECT_CODE(own->keep({"not a name"}), base::Code::Invalid);
  EXPECT_FALSE(own->hold());
  ASSERT_TRUE(made(names));
  const auto first = serial();
  clock.advance(-policy.clockBackMost - hours(1));
  EXPECT_REASON(own->keep({"other.example.org"}), base::Reason::ClockBack);
  EXPECT_EQ(serial(), first);
}

TEST_F(ServerCertificateTest, ALostOrForeignRowKeepsTheServerSealed) {
  ASSERT_TRUE(made(names));
  vault->seal();
  ASSERT_OK(tamper([](kms::Txn& txn) -> base::Result<void> {
    auto number = txn.number(pki::ServerCertificate::kNumber);
    return txn.erase(kms::Table::Archive, **number);
  }));
  auto copy = base::MasterKey::fromBytes(key->bytes());
  EXPECT_REASON(vault->unseal(kms::KeyOffer{*std::move(copy), std::nullopt, std::nullopt, "mock:test"}),
                base::Reason::DatabaseCorrupt);
  EXPECT_FALSE(own->hold());
  // Another certificate of ours that has an archived key is none for https.
  ASSERT_OK(tamper(
      [](kms::Txn& txn) -> base::Result<void> { return txn.setNumber(pki::ServerCertificate::kNumber, 1); }));
  copy = base::MasterKey::fromBytes(key->bytes());
  EXPECT_REASON(vault->unseal(kms::KeyOffer{*std::move(copy), std::nullopt, std::nullopt, "mock:test"}),
                base::Reason::DatabaseCorrupt);
}

TEST_F(TokenTest, WithoutAnAuthorityThereIsNoCertificateForHttps) {
  vault->seal();
  const auto authority = std::make_shared<pki::Authority>();
  const auto own = std::make_shared<pki::ServerCertificate>(
      *vault, *store, *authority, clock, base::systemRng(), policy, pki::Addresses{}, "Acme");
  vault->attach(authority);
  vault->attach(own);
  unseal();
  const auto done = own->keep({"kms.example.org"});
  ASSERT_OK(done);
  EXPECT_FALSE(*done);
  EXPECT_FALSE(own->hold());
  vault->seal();
}

}  // namespace
}  // namespace tests
