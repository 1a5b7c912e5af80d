// Two servers that know nothing of each other, and a user of the one who moves to the other.
#pragma once

#include "kms/pki/digest.h"
#include "kms/pki/user_move.h"
#include "tests/unit/pki/service_fixture.h"
#include "tests/unit/pki/tools.h"

namespace tests {

// A server of its own, to be made twice.
class Host : public ServiceTest {
 public:
  void TestBody() override {}
  void start() {
    pkiPolicy.encryptionKey = pki::KeyKind::EcdsaP256;
    ServiceTest::SetUp();
    move = std::make_unique<pki::UserMove>(*vault, *store, *authority, *service, *tokens, clock,
                                           base::systemRng(), policy, "Acme");
  }
  void end() {
    move.reset();
    ServiceTest::TearDown();
  }
  void approve(const kms::Actor& by, const std::string& id) {
    auto done = await<kms::ApprovalView>([&](auto reply) { tokens->approvals().approve(by, id, reply); });
    EXPECT_OK(done);
  }
  base::Result<kms::IssuedToken> issueToken(kms::IssueRequest request) {
    return TokenTest::issue(std::move(request));
  }
  pki::Thumbprint source() {
    auto hold = authority->current();
    EXPECT_OK(hold);
    return pki::sha256((*hold)->authority.certificate.der);
  }

  using ServiceTest::actorOf;
  using ServiceTest::addUser;
  using ServiceTest::admin;
  using ServiceTest::authenticates;
  using ServiceTest::authority;
  using ServiceTest::clock;
  using ServiceTest::confirm;
  using ServiceTest::encryptionPair;
  using ServiceTest::enrol;
  using ServiceTest::enrolled;
  using ServiceTest::enrolToken;
  using ServiceTest::issue;
  using ServiceTest::issuer;
  using ServiceTest::listening;
  using ServiceTest::newKey;
  using ServiceTest::policy;
  using ServiceTest::recorded;
  using ServiceTest::recover;
  using ServiceTest::renew;
  using ServiceTest::revoke;
  using ServiceTest::rowsIn;
  using ServiceTest::serveOver;
  using ServiceTest::service;
  using ServiceTest::state;
  using ServiceTest::store;
  using ServiceTest::tokens;
  using ServiceTest::unseal;
  using ServiceTest::users;
  using ServiceTest::vault;
  using ServiceTest::verify;
  std::unique_ptr<pki::UserMove> move;
};

class UserMoveTest : public Tools {
 protected:
  void SetUp() override {
    from.start();
    to.start();
    ASSERT_OK(from.addUser("alice", {.mail = "alice@example.org", .role = kms::Role::Issuer}));
    holder = from.enrolled("alice", Host::newKey());
    auto made = from.encryptionPair(holder.serial);
    ASSERT_OK(made);
    pair = *std::move(made);
    auto certificate = to.move->certificate(to.admin);
    ASSERT_OK(certificate);
    recipient = *std::move(certificate);
  }
  void TearDown() override {
    from.end();
    to.end();
  }
  base::Bytes exported(const std::string& user = "alice") { return exportedBy(from.admin, user); }
  base::Bytes exportedBy(const kms::Actor& by, const std::string& user = "alice") {
    auto out = from.move->exportUser(by, user, recipient);
    EXPECT_OK(out);
    return out ? out->package : base::Bytes{};
  }
  base::Result<pki::ImportedUser> import(base::BytesView package, kms::Role most = kms::Role::User) {
    return to.move->importUser(to.admin, package, from.source(), most);
  }
  std::vector<pki::KeyPair> recovered() {
    auto issued = to.enrol("alice", to.enrolToken("alice", kms::TokenKind::Recover), Host::newKey());
    EXPECT_OK(issued);
    EXPECT_OK(to.confirm(*issued));
    auto pairs = to.recover(issued->serial);
    EXPECT_OK(pairs);
    return pairs ? std::move(pairs->items) : std::vector<pki::KeyPair>{};
  }

  Host from;
  Host to;
  pki::IssuedCertificate holder;
  pki::KeyPair pair;
  base::Bytes recipient;
};

}  // namespace tests
