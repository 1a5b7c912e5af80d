// Packages and receipts that were made up, kept, or shown to the wrong server.
#include "tests/unit/pki/user_move_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kms::Role;

class UserMoveAttack : public UserMoveTest {
 protected:
  // A receipt for the package, made by somebody who knows all but the claim.
  static base::Bytes madeUp(base::BytesView like, const std::string& name, base::BytesView idOf) {
    auto receipt = pki::decodeReceipt(like);
    EXPECT_OK(receipt);
    auto other = pki::decodeReceipt(idOf);
    EXPECT_OK(other);
    receipt->name = name;
    receipt->id = other->id;
    return pki::encodeReceipt(*receipt);
  }
};

TEST_F(UserMoveAttack, AReceiptIsForItsUserAndItsPackage) {
  ASSERT_OK(from.addUser("bob"));
  const auto bobs = from.enrolled("bob", Host::newKey());
  const auto first = import(exported());
  const auto second = import(exported());
  const auto other = import(exported("bob"));
  ASSERT_OK(first);
  ASSERT_OK(second);
  ASSERT_OK(other);
  EXPECT_REASON(from.move->confirm(from.admin, madeUp(first->receipt, "bob", other->receipt)),
                Reason::Forbidden);
  EXPECT_REASON(from.move->confirm(from.admin, madeUp(first->receipt, "alice", second->receipt)),
                Reason::Forbidden);
  EXPECT_TRUE(from.authenticates(holder));
  ASSERT_OK(from.move->confirm(from.admin, other->receipt));
  EXPECT_FALSE(from.authenticates(bobs));
  EXPECT_TRUE(from.authenticates(holder)) << "one user's receipt ends nobody else";
}

TEST_F(UserMoveAttack, AServerThatNeverHadThePackageConfirmsNothing) {
  const auto imported = import(exported());
  ASSERT_OK(imported);
  Host third;
  third.start();
  EXPECT_CODE(third.move->confirm(third.admin, imported->receipt), Code::NotFound);
  ASSERT_OK(third.addUser("alice"));
  const auto theirs = third.enrolled("alice", Host::newKey());
  EXPECT_REASON(third.move->confirm(third.admin, imported->receipt), Reason::Forbidden);
  EXPECT_TRUE(third.authenticates(theirs));
  // Its own export of another alice, to the same server, is none of the first one's.
  const auto own = third.move->exportUser(third.admin, "alice", recipient);
  ASSERT_OK(own);
  EXPECT_CODE(to.move->importUser(to.admin, own->package, third.source(), Role::User), Code::Conflict);
  third.end();
}

TEST_F(UserMoveAttack, AnOldPackageRevivesNobodyAndAnOldReceiptEndsNothingNew) {
  const auto package = exported();
  const auto first = import(package);
  ASSERT_OK(first);
  ASSERT_OK(from.move->confirm(from.admin, first->receipt));
  const auto here = to.enrolled("alice", Host::newKey());
  const auto again = import(package, Role::Admin);
  ASSERT_OK(again);
  EXPECT_TRUE(again->again);
  EXPECT_EQ(again->certificates + again->keys, 0U);
  EXPECT_EQ(again->role, Role::User);
  EXPECT_TRUE(to.authenticates(here));
  EXPECT_FALSE(from.authenticates(holder));
  // He comes back to the server that he left.
  const auto back = from.enrolled("alice", Host::newKey());
  EXPECT_CODE(from.move->confirm(from.admin, again->receipt), Code::Conflict);
  EXPECT_TRUE(from.authenticates(back));
}

// How far back a receipt is looked for has an end.
TEST_F(UserMoveAttack, AReceiptFromBeforeManyCertificatesIsRefused) {
  const auto imported = import(exported());
  ASSERT_OK(imported);
  const auto key = Host::newKey();
  for (int i = 0; i < 64; ++i) ASSERT_OK(from.issue(from.admin, "alice", pki::Profile::Client, key));
  EXPECT_CODE(from.move->confirm(from.admin, imported->receipt), Code::Conflict);
  ASSERT_OK(from.issue(from.admin, "alice", pki::Profile::Client, key));
  EXPECT_REASON(from.move->confirm(from.admin, imported->receipt), Reason::Forbidden);
  EXPECT_TRUE(from.authenticates(holder));
}

TEST_F(UserMoveAttack, OneWhoIsNotThereOrHasNoNameIsNotFound) {
  const auto imported = import(exported());
  ASSERT_OK(imported);
  EXPECT_CODE(from.move->confirm(from.admin, madeUp(imported->receipt, "nobody", imported->receipt)),
              Code::NotFound);
  for (const char* name : {"al\x1b[2Jice", "al\nice", "\xff", ""})
    EXPECT_CODE(from.move->confirm(from.admin, madeUp(imported->receipt, name, imported->receipt)),
                Code::Invalid);
}

TEST_F(UserMoveAttack, SealedServersDoNothingAndGoOnLater) {
  const auto package = exported();
  const auto source = from.source();
  const auto imported = import(package);
  ASSERT_OK(imported);
  from.vault->seal();
  to.vault->seal();
  EXPECT_REASON(from.move->confirm(from.admin, imported->receipt), Reason::Sealed);
  EXPECT_REASON(to.move->importUser(to.admin, package, source, Role::User), Reason::Sealed);
  EXPECT_REASON(to.move->certificate(to.admin), Reason::Sealed);
  from.unseal();
  to.unseal();
  const auto again = import(package);
  ASSERT_OK(again);
  EXPECT_EQ(again->receipt, imported->receipt);
  const auto ended = from.move->confirm(from.admin, again->receipt);
  ASSERT_OK(ended);
  EXPECT_EQ(ended->revoked.certificates, 2U);
}

// A package that an authority of another name has signed anew, with the thumbprint that nobody compared.
TEST_F(UserMoveAttack, APackageSignedAnewByAnotherIsNotTaken) {
  const auto package = exported();
  auto parts = pki::decodePackage(package);
  ASSERT_OK(parts);
  const auto other = makeAuthority();
  parts->source = other.certificate.der;
  ASSERT_OK(pki::signPackage(*parts, other.key));
  const auto anew = pki::encodePackage(*parts);
  EXPECT_CODE(import(anew), Code::Invalid);
  const auto thumbprint = pki::sha256(other.certificate.der);
  EXPECT_CODE(to.move->importUser(to.admin, anew, thumbprint, Role::User), Code::Invalid);
  EXPECT_FALSE(to.users->show("alice"));
}

}  // namespace
}  // namespace tests
