// A new key for an authority that signed itself.
#include "tests/unit/pki/change_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

using Rollover = ChangeTest;

TEST_F(Rollover, TheNewKeyHasTheOldNameAndLinksLeadBothWays) {
  const auto before = enrolled("alice", newKey());
  ASSERT_EQ(*rollover(), 2);
  const auto after = issue(admin, "alice", pki::Profile::Signing, newKey());
  ASSERT_OK(after);
  const pki::Certificate old = signers(1).authority.certificate;
  const Seen now = signers(2);
  EXPECT_EQ(now.authority.certificate.subject, old.subject);
  EXPECT_NE(now.authority.certificate.key, old.key);
  EXPECT_EQ((*authority->current())->number, 2);
  putPem("old.crt", old.der);
  putPem("new.crt", now.authority.certificate.der);
  putPem("new-with-old.crt", now.newWithOld);
  putPem("old-with-new.crt", now.oldWithNew);
  putPem("before.crt", before.certificate);
  putPem("after.crt", after->certificate);
  const auto holds = [&](const char* trusted, const char* untrusted, const char* leaf) {
    return verify(trusted, untrusted, leaf).exit == 0;
  };
  EXPECT_TRUE(holds("old.crt", "", "before.crt"));
  EXPECT_TRUE(holds("new.crt", "", "after.crt"));
  EXPECT_FALSE(holds("old.crt", "", "after.crt"));
  EXPECT_TRUE(holds("old.crt", "new-with-old.crt", "after.crt"))
      << verify("old.crt", "new-with-old.crt", "after.crt").err;
  EXPECT_TRUE(holds("new.crt", "old-with-new.crt", "before.crt"));
  EXPECT_EQ(recorded(kms::Event::AuthorityRolledOver), 1U);
}

TEST_F(Rollover, WhatTheOldKeySignedIsStillRenewedAndRevoked) {
  const auto own = newKey();
  const auto before = enrolled("alice", own);
  ASSERT_OK(rollover(pki::KeyKind::EcdsaP384));
  EXPECT_EQ(signers(2).authority.kind, pki::KeyKind::EcdsaP384);
  restartAll();
  EXPECT_TRUE(authenticates(before));
  const auto renewed = renew(before.serial, newKey());
  ASSERT_OK(renewed);
  EXPECT_EQ(service->show(admin, before.serial)->authority, 1);
  EXPECT_EQ(service->show(admin, renewed->serial)->authority, 2);
  EXPECT_EQ(renewed->chain.front(), signers(2).authority.certificate.der);
  ASSERT_OK(revoke(admin, before.serial));
  ASSERT_OK(revoke(admin, renewed->serial));
  EXPECT_FALSE(authenticates(before));
  EXPECT_FALSE(authenticates(*renewed));
  const auto rows = revocations();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].authority, 1) << "each on the list of the one that signed it";
  EXPECT_EQ(rows[1].authority, 2);
}

TEST_F(Rollover, AKeyThatWaitsGoesOnWaiting) {
  parent("root");
  const auto csr = request();
  ASSERT_OK(csr);
  ASSERT_EQ(*rollover(), 2);
  EXPECT_EQ(*pki::pendingRequest(tools(), admin), *csr);
  restartAll();
  ASSERT_EQ(*rollover(), 3);
  ASSERT_EQ(*install(sign(*csr) + get("root.crt")), 4);
  EXPECT_EQ(authority->numbers(), (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ((*authority->current())->number, 4);
  EXPECT_TRUE(signers(4).newWithOld.empty()) << "there is nothing to link: it stands under another one";
}

TEST_F(Rollover, IsRefusedWhereItCannotBeRight) {
  EXPECT_REASON(pki::rolloverAuthority(tools(), std::nullopt, plan(), issuer), Reason::Forbidden);
  auto one = plan();
  one.addresses.crl = {"http://ca.example.org/crl.der"};
  const auto refused = pki::rolloverAuthority(tools(), std::nullopt, one, admin);
  EXPECT_CODE(refused, Code::Conflict);
  EXPECT_NE(refused.error().what.find("{ca}"), std::string::npos);
  EXPECT_EQ(rowsIn(kms::Table::Authorities), 1U);
  one.addresses.crl = {"http://ca.example.org/crl/{ca}.der"};
  ASSERT_OK(pki::rolloverAuthority(tools(), std::nullopt, one, admin));
  putPem("ocsp.crt", signers(2).cmp.certificate.der);
  const Ran shown = tryOpenssl({"x509", "-in", file("ocsp.crt"), "-noout", "-text"});
  EXPECT_NE(shown.out.find("URI:http://ca.example.org/crl/2.der"), std::string::npos) << shown.out;
  vault->seal();
  EXPECT_REASON(rollover(), Reason::Sealed);
}

TEST_F(Rollover, WithoutAnAuthorityThereIsNothingToRollOver) {
  ASSERT_OK(tamper([](kms::Txn& txn) { return txn.erase(kms::Table::Authorities, 1); }));
  ASSERT_OK(authority->refresh(*vault, *store));
  EXPECT_REASON(rollover(), Reason::NoAuthority);
  // A key that waits is no authority; one may be made beside it.
  ASSERT_OK(request());
  ASSERT_OK(authority->refresh(*vault, *store));
  EXPECT_REASON(rollover(), Reason::NoAuthority);
  makeAuthority();
  EXPECT_EQ((*authority->current())->number, 1);
  EXPECT_OK(pki::pendingRequest(tools(), admin));
}

TEST_F(Rollover, SignersOfBothAreRenewedUntilTheirAuthorityEnds) {
  ASSERT_OK(rollover());
  const base::Bytes first = signers(1).ocsp.certificate.der;
  const auto life = signers(2).ocsp.certificate.notAfter - signers(2).ocsp.certificate.notBefore;
  const auto end = signers(1).authority.certificate.notAfter;
  clock.advance(life * 3 / 4);
  tidyCertificates();
  EXPECT_NE(signers(1).ocsp.certificate.der, first);
  EXPECT_EQ(recorded(kms::Event::AuthoritySignersRenewed), 2U);
  clock.advance(end - clock.now() - std::chrono::hours(1));
  tidyCertificates();
  EXPECT_EQ(signers(1).ocsp.certificate.notAfter, end);
  const base::Bytes last = signers(1).ocsp.certificate.der;
  tidyCertificates();
  EXPECT_EQ(signers(1).ocsp.certificate.der, last) << "it cannot be made to last longer";
}

}  // namespace
}  // namespace tests
