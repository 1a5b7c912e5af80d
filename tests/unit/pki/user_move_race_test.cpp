// What happens to a user at the very moment at which he is ended, and what a database does that fails then.
#include <algorithm>
#include <future>

#include "tests/support/before_write.h"
#include "tests/support/faulty_store.h"
#include "tests/unit/pki/user_move_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kms::Role;
using pki::CertificateState;

class UserMoveRace : public UserMoveTest {
 protected:
  void SetUp() override {
    UserMoveTest::SetUp();
    moment = std::make_unique<BeforeWrite>(*from.store);
    serveFrom(*moment);
    auto imported = import(exported());
    ASSERT_OK(imported);
    receipt = imported->receipt;
  }
  void serveFrom(kms::Store& over) {
    from.move.reset();
    from.serveOver(over);
    from.move = moveOver(from, over);
  }
  static std::unique_ptr<pki::UserMove> moveOver(Host& host, kms::Store& over) {
    return std::make_unique<pki::UserMove>(*host.vault, over, *host.authority, *host.service, *host.tokens,
                                           host.clock, base::systemRng(), host.policy, "Acme");
  }
  base::Result<pki::MovedUser> confirmNow() { return from.move->confirm(from.admin, receipt); }
  std::vector<pki::CertificateView> certificatesOf(Host& host) {
    auto page = host.service->list(host.admin, "alice", "", 100);
    EXPECT_OK(page);
    return page ? std::move(page->items) : std::vector<pki::CertificateView>{};
  }
  // What has ended at the source is known at the target.
  void expectNothingEndedThatDidNotMove() {
    const auto there = certificatesOf(to);
    for (const auto& one : certificatesOf(from)) {
      const bool moved =
          std::ranges::any_of(there, [&](const auto& other) { return other.certificate == one.certificate; });
      EXPECT_TRUE(moved || one.state != CertificateState::Revoked);
    }
  }
  bool counts(const std::string& token) {
    const auto view = from.verify(token);
    return view && view->active;
  }

  std::unique_ptr<BeforeWrite> moment;
  base::Bytes receipt;
};

// Whatever the user gets between any two writes of a confirmation is either not ended, or ends nothing.
TEST_F(UserMoveRace, ACertificateOfTheLastMomentIsNotRevokedUnmoved) {
  const std::vector<std::function<void()>> gets = {
      [&] { ASSERT_OK(from.issue(from.admin, "alice", pki::Profile::Client, Host::newKey())); },
      [&] { ASSERT_OK(from.renew(holder.serial, Host::newKey())); },
      [&] { ASSERT_OK(from.enrol("alice", from.enrolToken("alice"), Host::newKey())); },
      [&] { ASSERT_OK(from.encryptionPair(from.enrolled("alice", Host::newKey()).serial)); }};
  for (std::size_t i = 0; i < gets.size(); ++i) {
    SCOPED_TRACE(i);
    bool given = false;
    moment->at(1, [&] {
      gets[i]();
      given = true;
    });
    const auto refused = confirmNow();
    EXPECT_CODE(refused, Code::Conflict);
    EXPECT_NE(refused.error().what.find("alice has got "), std::string::npos);
    EXPECT_TRUE(given);
    expectNothingEndedThatDidNotMove();
    EXPECT_TRUE(from.authenticates(holder)) << "nothing is ended";
    EXPECT_EQ(from.recorded(kms::Event::UserMovedAway), 0U);
    EXPECT_EQ(from.recorded(kms::Event::UserTokensRevoked), 0U);
    const auto again = import(exported());  // the way out that the error names
    ASSERT_OK(again);
    receipt = again->receipt;
  }
  const auto ended = confirmNow();
  ASSERT_OK(ended);
  EXPECT_EQ(ended->revoked.certificates, 7U);
  expectNothingEndedThatDidNotMove();
  EXPECT_FALSE(from.authenticates(holder));
}

// There is no second write between whose and the first something else could come.
TEST_F(UserMoveRace, AConfirmationIsOneTransaction) {
  bool second = false;
  moment->at(2, [&] { second = true; });
  ASSERT_OK(confirmNow());
  EXPECT_FALSE(second);
}

// Tokens are not handed over: those that he has end with the rest, those that he gets later do not.
TEST_F(UserMoveRace, TokensEndAtThatMomentAndLaterOnesStay) {
  std::string last;
  moment->at(1, [&] {
    const auto issued = from.issueToken({.user = "alice"});
    ASSERT_OK(issued);
    last = base::view(issued->token);
  });
  ASSERT_OK(confirmNow());
  EXPECT_FALSE(last.empty() || counts(last));
  const auto later = from.issueToken({.user = "alice"});
  ASSERT_OK(later);
  EXPECT_TRUE(counts(std::string(base::view(later->token))));
  const auto again = confirmNow();
  ASSERT_OK(again);
  EXPECT_EQ(again->revoked.certificates, 0U);
  EXPECT_FALSE(counts(std::string(base::view(later->token)))) << "whoever shows the receipt again means it";
}

TEST_F(UserMoveRace, TwoConfirmationsAtOnceEndHimOnce) {
  auto one = std::async(std::launch::async, [&] { return confirmNow(); });
  auto other = std::async(std::launch::async, [&] { return confirmNow(); });
  const auto first = one.get();
  const auto second = other.get();
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_EQ(first->revoked.certificates + second->revoked.certificates, 2U);
  EXPECT_EQ(from.recorded(kms::Event::CertificateRevoked), 2U);
}

TEST_F(UserMoveRace, ADiskThatFailsAtAConfirmationEndsNothing) {
  FaultyStore faulty(*from.store);
  serveFrom(faulty);
  const auto access = from.issueToken({.user = "alice"});
  ASSERT_OK(access);
  const std::string text(base::view(access->token));
  const std::size_t heard = from.listening->changes().size();
  bool done = false;
  for (std::uint64_t n = 1; n < 500 && !done; ++n) {
    faulty.failAt(n, {Code::Unavailable, "the disk is full"});
    done = bool(confirmNow());
    faulty.failAt(0);
    SCOPED_TRACE(n);
    EXPECT_EQ(from.authenticates(holder), !done);
    EXPECT_EQ(from.state(pair.certificate.serial) == CertificateState::Revoked, done);
    EXPECT_EQ(counts(text), !done);
    EXPECT_EQ(from.recorded(kms::Event::UserMovedAway), done ? 1U : 0U);
    EXPECT_EQ(from.listening->changes().size(), heard + (done ? 2U : 0U));
  }
  EXPECT_TRUE(done);
  serveFrom(*moment);
}

TEST_F(UserMoveRace, ADiskThatFailsAtAnImportTakesNothing) {
  ASSERT_OK(from.addUser("bob", {.mail = "bob@example.org"}));
  const auto holds = from.enrolled("bob", Host::newKey());
  ASSERT_OK(from.encryptionPair(holds.serial));
  const auto package = exported("bob");
  const std::size_t rows = to.rowsIn(kms::Table::Certificates);
  const std::size_t keys = to.rowsIn(kms::Table::Archive);
  const std::size_t told = to.recorded(kms::Event::UserImported);
  FaultyStore faulty(*to.store);
  to.move = moveOver(to, faulty);
  bool done = false;
  for (std::uint64_t n = 1; n < 500 && !done; ++n) {
    faulty.failAt(n, {Code::Unavailable, "the disk is full"});
    const auto imported = import(package);
    done = bool(imported);
    SCOPED_TRACE(n);
    EXPECT_EQ(bool(to.users->show("bob")), done);
    EXPECT_EQ(to.rowsIn(kms::Table::Certificates), rows + (done ? 2U : 0U));
    EXPECT_EQ(to.rowsIn(kms::Table::Archive), keys + (done ? 1U : 0U));
    EXPECT_EQ(to.recorded(kms::Event::UserImported), told + (done ? 1U : 0U));
    EXPECT_FALSE(done && imported->again);
  }
  EXPECT_TRUE(done);
  to.move.reset();
}

// The agreement of others is not used up by an export that gave nothing.
TEST_F(UserMoveRace, ADiskThatFailsAtAnExportKeepsTheApproval) {
  from.policy.recoveryApprovals = 2;
  ASSERT_OK(from.addUser("anna", {.role = Role::Admin}));
  ASSERT_OK(from.addUser("boris", {.role = Role::Admin}));
  const auto anna = from.actorOf("anna", Role::Admin);
  EXPECT_REASON(from.move->exportUser(anna, "alice", recipient), Reason::ApprovalNeeded);
  const auto listed = from.tokens->approvals().list(anna, "", 10);
  ASSERT_OK(listed);
  from.approve(from.actorOf("boris", Role::Admin), listed->items.at(0).id);
  FaultyStore faulty(*from.store);
  serveFrom(faulty);
  const std::size_t told = from.recorded(kms::Event::UserExported);
  bool done = false;
  for (std::uint64_t n = 1; n < 500 && !done; ++n) {
    faulty.failAt(n, {Code::Unavailable, "the disk is full"});
    done = bool(from.move->exportUser(anna, "alice", recipient));
    faulty.failAt(0);
    EXPECT_EQ(from.recorded(kms::Event::UserExported), told + (done ? 1U : 0U)) << n;
    EXPECT_EQ(from.recorded(kms::Event::ApprovalUsed), done ? 1U : 0U) << n;
  }
  EXPECT_TRUE(done);
  serveFrom(*moment);
}

TEST_F(UserMoveRace, TwoImportsAtOnceAreOne) {
  ASSERT_OK(from.addUser("bob"));
  const auto holds = from.enrolled("bob", Host::newKey());
  ASSERT_OK(from.encryptionPair(holds.serial));
  const auto package = exported("bob");
  const auto take = [&] { return import(package); };
  auto one = std::async(std::launch::async, take);
  auto other = std::async(std::launch::async, take);
  const auto first = one.get();
  const auto second = other.get();
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_NE(first->again, second->again);
  EXPECT_EQ(first->certificates + second->certificates, 2U);
  EXPECT_EQ(first->keys + second->keys, 1U);
  EXPECT_EQ(first->receipt, second->receipt);
}

}  // namespace
}  // namespace tests
