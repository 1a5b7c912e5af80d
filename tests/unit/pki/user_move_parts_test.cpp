// Users with more certificates than a package takes, with none, and those whom another server must not take.
#include "tests/unit/pki/user_move_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kms::Role;

class UserMoveParts : public UserMoveTest {
 protected:
  // Of alice, as many as it takes.
  std::vector<pki::ExportedUser> packages() {
    std::vector<pki::ExportedUser> out;
    std::string after;
    do {
      auto one = from.move->exportUser(from.admin, "alice", recipient, after);
      EXPECT_OK(one);
      if (!one) return {};
      EXPECT_LE(one->package.size(), pki::kPackageMost);
      after = one->next.value_or("");
      out.push_back(*std::move(one));
    } while (!after.empty());
    return out;
  }
  void makePairs(unsigned count) {
    for (unsigned i = 0; i < count; ++i)
      ASSERT_OK(from.encryptionPair(from.enrolled("alice", Host::newKey()).serial));
  }
  static pki::MoveId idOf(const pki::ExportedUser& one) { return pki::decodePackage(one.package)->id; }
};

TEST_F(UserMoveParts, ManyCertificatesTakeSeveralPackages) {
  makePairs(59);
  const auto all = packages();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].certificates + all[1].certificates, 120U);
  EXPECT_EQ(all[0].keys + all[1].keys, 60U);
  EXPECT_NE(idOf(all[0]), idOf(all[1]));

  EXPECT_CODE(import(all[1].package), Code::Conflict);
  EXPECT_FALSE(to.users->show("alice")) << "the first one must come first";
  const auto first = import(all[0].package);
  ASSERT_OK(first);
  EXPECT_TRUE(first->receipt.empty()) << "nothing is confirmed before all is there";
  const auto second = import(all[1].package);
  ASSERT_OK(second);
  EXPECT_TRUE(second->again);
  EXPECT_EQ(second->certificates, all[1].certificates);
  ASSERT_FALSE(second->receipt.empty());
  const auto again = import(all[0].package);
  ASSERT_OK(again);
  EXPECT_EQ(again->certificates, 0U);
  ASSERT_OK(from.move->confirm(from.admin, second->receipt));
  EXPECT_EQ(from.state(pair.certificate.serial), pki::CertificateState::Revoked);
  EXPECT_EQ(from.recorded(kms::Event::UserExported), 2U);

  auto issued = to.enrol("alice", to.enrolToken("alice", kms::TokenKind::Recover), Host::newKey());
  ASSERT_OK(issued);
  ASSERT_OK(to.confirm(*issued));
  std::size_t keys = 0;
  for (std::string after;;) {
    const auto page = to.recover(issued->serial, after, 100);
    ASSERT_OK(page);
    keys += page->items.size();
    if (!page->next) break;
    after = *page->next;
  }
  EXPECT_EQ(keys, 60U);
}

TEST_F(UserMoveParts, WhatCameBetweenTwoPackagesIsInTheLast) {
  makePairs(59);
  const auto first = from.move->exportUser(from.admin, "alice", recipient);
  ASSERT_OK(first);
  makePairs(1);
  const auto last = from.move->exportUser(from.admin, "alice", recipient, first->next.value_or(""));
  ASSERT_OK(last);
  EXPECT_FALSE(last->next);
  EXPECT_EQ(first->keys + last->keys, 61U);
  ASSERT_OK(import(first->package));
  const auto imported = import(last->package);
  ASSERT_OK(imported);
  ASSERT_OK(from.move->confirm(from.admin, imported->receipt));
}

TEST_F(UserMoveParts, ApprovalIsUsedUpByTheLastPackage) {
  makePairs(59);
  from.policy.recoveryApprovals = 2;
  ASSERT_OK(from.addUser("anna", {.role = Role::Admin}));
  ASSERT_OK(from.addUser("boris", {.role = Role::Admin}));
  const auto anna = from.actorOf("anna", Role::Admin);
  EXPECT_REASON(from.move->exportUser(anna, "alice", recipient), Reason::ApprovalNeeded);
  const auto listed = from.tokens->approvals().list(anna, "", 10);
  ASSERT_OK(listed);
  from.approve(from.actorOf("boris", Role::Admin), listed->items.at(0).id);
  const auto first = from.move->exportUser(anna, "alice", recipient);
  ASSERT_OK(first);
  ASSERT_TRUE(first->next);
  ASSERT_OK(from.move->exportUser(anna, "alice", recipient, *first->next));
  EXPECT_REASON(from.move->exportUser(anna, "alice", recipient, *first->next), Reason::ApprovalNeeded);
}

TEST_F(UserMoveParts, APlaceThatIsNoneIsRefused) {
  ASSERT_OK(from.addUser("bob"));
  EXPECT_CODE(from.move->exportUser(from.admin, "alice", recipient, "no serial"), Code::Invalid);
  EXPECT_CODE(from.move->exportUser(from.admin, "bob", recipient, pki::serialText(holder.serial)),
              Code::Invalid);
}

TEST_F(UserMoveParts, AUserWithoutCertificatesIsTheSameOneAgain) {
  ASSERT_OK(from.addUser("bob", {.mail = "bob@example.org"}));
  const auto first = import(exported("bob"));
  ASSERT_OK(first);
  EXPECT_FALSE(first->again);
  const auto again = import(exported("bob"));
  ASSERT_OK(again);
  EXPECT_TRUE(again->again);
  ASSERT_OK(from.move->confirm(from.admin, first->receipt));
  ASSERT_OK(from.move->confirm(from.admin, again->receipt));
}

TEST_F(UserMoveParts, AUserOfTheSameNameFromAThirdServerIsAnother) {
  ASSERT_OK(from.addUser("bob"));
  ASSERT_OK(import(exported("bob")));
  Host third;
  third.start();
  ASSERT_OK(third.addUser("bob"));
  const auto other = third.move->exportUser(third.admin, "bob", recipient);
  ASSERT_OK(other);
  EXPECT_CODE(to.move->importUser(to.admin, other->package, third.source(), Role::User), Code::Conflict);
  third.end();
}

TEST_F(UserMoveParts, AUserGoesOnToAThirdServerWithHisOldKeys) {
  ASSERT_OK(import(exported()));
  Host third;
  third.start();
  const auto certificate = third.move->certificate(third.admin);
  ASSERT_OK(certificate);
  const auto on = to.move->exportUser(to.admin, "alice", *certificate);
  ASSERT_OK(on);
  EXPECT_EQ(on->keys, 1U);
  const auto arrived = third.move->importUser(third.admin, on->package, to.source(), Role::User);
  ASSERT_OK(arrived);
  EXPECT_EQ(arrived->certificates, 2U);
  ASSERT_OK(to.move->confirm(to.admin, arrived->receipt));
  auto issued = third.enrol("alice", third.enrolToken("alice", kms::TokenKind::Recover), Host::newKey());
  ASSERT_OK(issued);
  ASSERT_OK(third.confirm(*issued));
  const auto pairs = third.recover(issued->serial);
  ASSERT_OK(pairs);
  ASSERT_EQ(pairs->items.size(), 1U);
  EXPECT_EQ(pairs->items[0].certificate.certificate, pair.certificate.certificate);
  third.end();
}

// Certificates that are good for something else.
TEST_F(UserMoveParts, OnlyACertificateForEncryptionIsSealedTo) {
  const auto authority = makeAuthority();
  const auto of = [&](const pki::PrivateKey& key, pki::Profile profile) {
    auto der = pki::signCertificate(authority, orderFor(key.publicKey(), profile), {});
    EXPECT_OK(der);
    return *std::move(der);
  };
  for (const auto kind : {pki::KeyKind::EcdsaP256, pki::KeyKind::Rsa2048}) {
    const auto key = Host::newKey(kind);
    EXPECT_CODE(from.move->exportUser(from.admin, "alice", of(key, pki::Profile::Signing)), Code::Invalid);
    EXPECT_OK(from.move->exportUser(from.admin, "alice", of(key, pki::Profile::Encryption)));
  }
  const auto signer = Host::newKey(pki::KeyKind::Ed25519);
  EXPECT_CODE(from.move->exportUser(from.admin, "alice", of(signer, pki::Profile::Signing)), Code::Invalid);
  EXPECT_CODE(from.move->exportUser(from.admin, "alice", authority.certificate.der), Code::Invalid);
  EXPECT_EQ(from.recorded(kms::Event::UserExported), 2U);
}

TEST_F(UserMoveParts, ARecipientThatHasEndedIsRefusedAndAnotherOneMade) {
  from.clock.advance(std::chrono::hours(24 * 31));
  EXPECT_CODE(from.move->exportUser(from.admin, "alice", recipient), Code::Invalid);
  from.clock.advance(-std::chrono::hours(24 * 31));
  const auto late = exported();
  to.clock.advance(std::chrono::hours(24 * 31));
  ASSERT_OK(import(late)) << "what was sealed in time is taken until there is another certificate";
  const auto next = to.move->certificate(to.admin);
  ASSERT_OK(next);
  EXPECT_NE(*next, recipient);
  EXPECT_CODE(import(late), Code::Invalid);
  EXPECT_EQ(to.rowsIn(kms::Table::Archive), 2U) << "the key before is gone; alice's is there";
}

// What is held there could be released there; here nothing of it counts.
TEST_F(UserMoveParts, WhatWasRevokedThereStaysRevokedForTheSameReason) {
  ASSERT_OK(from.revoke(from.admin, holder.serial, pki::RevocationReason::KeyCompromise));
  ASSERT_OK(from.revoke(from.admin, pair.certificate.serial, pki::RevocationReason::Hold));
  ASSERT_OK(import(exported()));
  const auto page = to.service->list(to.admin, "alice", "", 10);
  ASSERT_OK(page);
  ASSERT_EQ(page->items.size(), 2U);
  for (const auto& one : page->items) {
    EXPECT_EQ(one.state, pki::CertificateState::Revoked);
    EXPECT_EQ(one.reason, one.archived ? pki::RevocationReason::CessationOfOperation
                                       : pki::RevocationReason::KeyCompromise);
    EXPECT_CODE(to.revoke(to.admin, one.serial, pki::RevocationReason::RemoveFromCrl), Code::Conflict);
  }
  EXPECT_EQ(recovered().size(), 1U);
}

}  // namespace
}  // namespace tests
