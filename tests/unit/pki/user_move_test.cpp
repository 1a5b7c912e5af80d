// Users move to another server: sealed for its certificate, imported, and ended where they were.
#include "kms/pki/user_envelope.h"
#include "tests/unit/pki/user_move_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kms::Role;

TEST_F(UserMoveTest, AMailForTheOldCertificateIsReadAfterTheMove) {
  put("mail", std::string_view("for alice's eyes"));
  putCertificate("old.pem", pair.certificate.certificate);
  openssl({"cms", "-encrypt", "-aes256", "-in", "@mail", "-out", "@sealed", "@old.pem"});
  const auto imported = import(exported());
  ASSERT_OK(imported);
  EXPECT_EQ(imported->name, "alice");
  EXPECT_EQ(imported->role, Role::User) << "no more than the importing administrator allows";
  EXPECT_EQ(imported->certificates, 2U);
  EXPECT_EQ(imported->keys, 1U);
  EXPECT_FALSE(imported->again);
  EXPECT_EQ(to.users->show("alice")->mail, "alice@example.org");
  EXPECT_TRUE(from.authenticates(holder)) << "revoked only when the import is confirmed";
  EXPECT_REASON(to.service->authenticate(holder.certificate, holder.profile), Reason::CertificateRefused);

  const auto ended = from.move->confirm(from.admin, imported->receipt);
  ASSERT_OK(ended);
  EXPECT_EQ(ended->name, "alice");
  EXPECT_EQ(ended->revoked.certificates, 2U);
  EXPECT_FALSE(from.authenticates(holder));
  EXPECT_EQ(from.state(pair.certificate.serial), pki::CertificateState::Revoked);
  ASSERT_OK(from.move->confirm(from.admin, imported->receipt)) << "again is no error";

  const auto pairs = recovered();
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].certificate.serial, pair.certificate.serial);
  EXPECT_EQ(pairs[0].certificate.certificate, pair.certificate.certificate);
  EXPECT_EQ(pairs[0].certificate.notAfter, pair.certificate.notAfter);
  put("key", pairs[0].key.bytes());
  openssl({"cms", "-decrypt", "-in", "@sealed", "-inkey", "@key", "-keyform", "DER", "-recip", "@old.pem",
           "-out", "@read"});
  EXPECT_EQ(getText("read").substr(0, 16), "for alice's eyes");

  EXPECT_EQ(from.recorded(kms::Event::UserExported), 1U);
  EXPECT_EQ(from.recorded(kms::Event::UserMovedAway), 2U);
  EXPECT_EQ(to.recorded(kms::Event::UserImported), 1U);
  EXPECT_EQ(to.recorded(kms::Event::CertificateImported), 2U);
}

TEST_F(UserMoveTest, ImportedPairsAreNobodysNewPairAndSeenAsRevoked) {
  ASSERT_OK(import(exported()));
  const auto own = to.enrolled("alice", Host::newKey());
  const auto fresh = to.encryptionPair(own.serial);
  ASSERT_OK(fresh);
  EXPECT_NE(fresh->certificate.certificate, pair.certificate.certificate);
  const auto page = to.service->list(to.admin, "alice", "", 10);
  ASSERT_OK(page);
  ASSERT_EQ(page->items.size(), 4U);
  unsigned foreign = 0;
  for (const auto& one : page->items)
    if (one.authority == 0) {
      ++foreign;
      EXPECT_EQ(one.state, pki::CertificateState::Revoked);
      ASSERT_OK(to.revoke(to.admin, one.serial));
    }
  EXPECT_EQ(foreign, 2U);
  EXPECT_EQ(to.rowsIn(kms::Table::Revocations), 0U) << "no list of ours names a foreign certificate";
  EXPECT_EQ(recovered().size(), 2U);
}

TEST_F(UserMoveTest, TwiceIsOnceAndGivesTheReceiptAgain) {
  const auto package = exported();
  const auto first = import(package);
  ASSERT_OK(first);
  const auto again = import(package, Role::Admin);
  ASSERT_OK(again);
  EXPECT_TRUE(again->again);
  EXPECT_EQ(again->certificates, 0U);
  EXPECT_EQ(again->receipt, first->receipt);
  EXPECT_EQ(again->role, Role::User) << "the role of a user who is there does not change";
  EXPECT_EQ(recovered().size(), 1U);
}

TEST_F(UserMoveTest, WhatCameAfterTheExportIsNotLost) {
  const auto first = import(exported());
  ASSERT_OK(first);
  ASSERT_OK(from.encryptionPair(from.enrolled("alice", Host::newKey()).serial));
  const auto refused = from.move->confirm(from.admin, first->receipt);
  EXPECT_CODE(refused, Code::Conflict);
  EXPECT_NE(refused.error().what.find("has got 2 certificates since"), std::string::npos);
  EXPECT_TRUE(from.authenticates(holder));
  const auto second = import(exported());
  ASSERT_OK(second);
  EXPECT_TRUE(second->again);
  EXPECT_EQ(second->certificates, 2U);
  EXPECT_EQ(second->keys, 1U);
  ASSERT_OK(from.move->confirm(from.admin, second->receipt));
  EXPECT_EQ(recovered().size(), 2U);
}

TEST_F(UserMoveTest, ANameThatIsThereIsRefused) {
  ASSERT_OK(to.addUser("alice", {.mail = "another@example.org"}));
  EXPECT_CODE(import(exported()), Code::Conflict);
  EXPECT_EQ(to.users->show("alice")->mail, "another@example.org");
  EXPECT_EQ(to.recorded(kms::Event::UserImported), 0U);
  EXPECT_EQ(to.recorded(kms::Event::CertificateImported), 0U);
}

TEST_F(UserMoveTest, AReceiptCountsForItsOwnExportOnly) {
  const auto imported = import(exported());
  ASSERT_OK(imported);
  for (std::size_t i = 0; i < imported->receipt.size(); ++i) {
    auto altered = imported->receipt;
    altered[i] ^= std::byte{1};
    EXPECT_FALSE(from.move->confirm(from.admin, altered)) << "byte " << i;
    EXPECT_FALSE(from.move->confirm(from.admin, base::BytesView(imported->receipt).first(i))) << i;
  }
  ASSERT_OK(to.addUser("bob"));
  EXPECT_REASON(to.move->confirm(to.admin, imported->receipt), Reason::Forbidden);
  EXPECT_TRUE(from.authenticates(holder));
}

TEST_F(UserMoveTest, AnotherServerOpensNothingAndAnotherSourceIsNotTaken) {
  const auto package = exported();
  Host third;
  third.start();
  ASSERT_OK(third.move->certificate(third.admin));
  EXPECT_CODE(third.move->importUser(third.admin, package, from.source(), Role::User), Code::Invalid);
  EXPECT_CODE(to.move->importUser(to.admin, package, third.source(), Role::User), Code::Invalid);
  EXPECT_FALSE(to.users->show("alice"));
  third.end();
}

TEST_F(UserMoveTest, AnyByteChangedOrCutIsRefusedBeforeAnythingIsWritten) {
  const auto package = exported();
  const std::size_t step = package.size() > 2000 ? 7 : 1;
  for (std::size_t i = 0; i < package.size(); i += step) {
    auto altered = package;
    altered[i] ^= std::byte{0x20};
    SCOPED_TRACE(i);
    EXPECT_CODE(import(altered), Code::Invalid);
    EXPECT_CODE(import(base::BytesView(package).first(i)), Code::Invalid);
  }
  auto longer = package;
  longer.push_back(std::byte{0});
  EXPECT_CODE(import(longer), Code::Invalid);
  EXPECT_FALSE(to.users->show("alice"));
}

// The signature does not help whoever has the envelope altered.
TEST_F(UserMoveTest, AnEnvelopeThatIsAlteredDoesNotOpen) {
  const auto key = Host::newKey();
  const auto issued = [&] {
    const auto authority = makeAuthority();
    auto der = pki::signCertificate(authority, orderFor(key.publicKey(), pki::Profile::Encryption), {});
    EXPECT_OK(der);
    return *std::move(der);
  }();
  const auto sealed = pki::sealFor(issued, base::asBytes("a secret of forty characters, more or less"));
  ASSERT_OK(sealed);
  const auto opened = pki::openEnvelope(*sealed, issued, key);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->text(), "a secret of forty characters, more or less");
  for (std::size_t i = 0; i < sealed->size(); ++i) {
    EXPECT_FALSE(pki::openEnvelope(base::BytesView(*sealed).first(i), issued, key)) << i;
    auto altered = *sealed;
    altered[i] ^= std::byte{1};
    const auto text = pki::openEnvelope(altered, issued, key);
    EXPECT_EQ(text ? text->text() : opened->text(), opened->text()) << i;
  }
  putCertificate("to.pem", issued);
  put("sealed", *sealed);
  const auto pkcs8 = key.encode();
  ASSERT_OK(pkcs8);
  put("key", pkcs8->bytes());
  openssl({"cms", "-decrypt", "-inform", "DER", "-in", "@sealed", "-inkey", "@key", "-keyform", "DER",
           "-recip", "@to.pem", "-binary", "-out", "@plain"});
  EXPECT_EQ(getText("plain"), opened->text());
  EXPECT_NE(openssl({"cms", "-cmsout", "-print", "-inform", "DER", "-in", "@sealed"}).find("aes-256-gcm"),
            std::string::npos);
}

TEST_F(UserMoveTest, RsaRecipientsGetOaep) {
  const auto key = Host::newKey(pki::KeyKind::Rsa2048);
  const auto authority = makeAuthority();
  const auto der = pki::signCertificate(authority, orderFor(key.publicKey(), pki::Profile::Encryption), {});
  ASSERT_OK(der);
  const auto sealed = pki::sealFor(*der, base::asBytes("text"));
  ASSERT_OK(sealed);
  const auto opened = pki::openEnvelope(*sealed, *der, key);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->text(), "text");
  put("sealed", *sealed);
  EXPECT_NE(openssl({"cms", "-cmsout", "-print", "-inform", "DER", "-in", "@sealed"}).find("rsaesOaep"),
            std::string::npos);
}

TEST_F(UserMoveTest, OnlyAdministratorsMoveUsers) {
  const auto package = exported();
  EXPECT_REASON(from.move->exportUser(from.issuer, "alice", recipient), Reason::Forbidden);
  EXPECT_REASON(to.move->certificate(to.issuer), Reason::Forbidden);
  EXPECT_REASON(to.move->importUser(to.issuer, package, from.source(), Role::User), Reason::Forbidden);
  EXPECT_REASON(from.move->confirm(from.issuer, package), Reason::Forbidden);
  EXPECT_CODE(from.move->exportUser(from.admin, "nobody", recipient), Code::NotFound);
  EXPECT_CODE(from.move->exportUser(from.admin, "alice", base::asBytes("none")), Code::Invalid);
  from.vault->seal();
  EXPECT_REASON(from.move->exportUser(from.admin, "alice", recipient), Reason::Sealed);
}

TEST_F(UserMoveTest, ExportNeedsTheApprovalsThatRecoveryNeeds) {
  from.policy.recoveryApprovals = 2;
  ASSERT_OK(from.addUser("anna", {.role = Role::Admin}));
  ASSERT_OK(from.addUser("boris", {.role = Role::Admin}));
  const auto anna = from.actorOf("anna", Role::Admin);
  EXPECT_REASON(from.move->exportUser(anna, "alice", recipient), Reason::ApprovalNeeded);
  EXPECT_EQ(from.recorded(kms::Event::UserExported), 0U);
  const auto listed = from.tokens->approvals().list(anna, "", 10);
  ASSERT_OK(listed);
  ASSERT_EQ(listed->items.size(), 1U);
  EXPECT_EQ(listed->items[0].kind, kms::ApprovalKind::UserExport);
  EXPECT_EQ(listed->items[0].user, "alice");
  EXPECT_EQ(listed->items[0].detail, "to " + base::toHex(pki::sha256(recipient)));
  from.approve(from.actorOf("boris", Role::Admin), listed->items[0].id);
  ASSERT_OK(import(exportedBy(anna)));
  EXPECT_EQ(from.recorded(kms::Event::ApprovalUsed), 1U);
  EXPECT_REASON(from.move->exportUser(anna, "alice", recipient), Reason::ApprovalNeeded);
}

TEST_F(UserMoveTest, TheCertificateForImportsStays) {
  EXPECT_EQ(*to.move->certificate(to.admin), recipient);
  EXPECT_EQ(to.rowsIn(kms::Table::Archive), 1U);
}

}  // namespace
}  // namespace tests
