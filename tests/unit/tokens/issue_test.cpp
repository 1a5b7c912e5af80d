#include <set>

#include "kms/tokens/token_sequence.h"
#include "kms/tokens/token_text.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using base::view;
using kms::Role;
using kms::TokenKind;
using std::chrono::hours;
using std::chrono::seconds;

class Issue : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    ASSERT_OK(addUser("alice"));
    ASSERT_OK(addUser("boss", {.role = Role::Admin}));
  }
};

TEST_F(Issue, AnAccessTokenVerifies) {
  auto made = issue({.user = "alice", .scopes = {"read", "write"}});
  ASSERT_OK(made);
  EXPECT_EQ(kms::accessorIn(view(made->token)), made->accessor);
  EXPECT_EQ(made->issuedAt, clock.now());
  EXPECT_EQ(made->expiresAt, clock.now() + hours(24));
  auto seen = verify(view(made->token));
  ASSERT_OK(seen);
  EXPECT_TRUE(seen->active);
  EXPECT_EQ(seen->user, "alice");
  EXPECT_EQ(seen->kind, TokenKind::Access);
  EXPECT_EQ(seen->scopes, made->scopes);
  EXPECT_EQ(seen->accessor, made->accessor);
  EXPECT_EQ(seen->expiresAt, made->expiresAt);
  EXPECT_FALSE(seen->usesLeft);
  EXPECT_EQ(recorded(kms::Event::TokenIssued), 1U);
}

TEST_F(Issue, TtlLimitsAreNamed) {
  for (const auto ttl :
       {seconds(0), seconds(-1), seconds::min(), seconds::max(), seconds(hours(24 * 366)) + seconds(1)})
    EXPECT_CODE(issue({.user = "alice", .ttl = ttl}), Code::Invalid);
  for (const auto ttl : {seconds(0), seconds(hours(24 * 14)) + seconds(1)})
    EXPECT_CODE(issue({.user = "alice", .kind = TokenKind::Enrol, .ttl = ttl}), Code::Invalid);
  auto huge = issue({.user = "alice", .ttl = seconds::max()});
  EXPECT_NE(huge.error().what.find("31622400 seconds"), std::string::npos) << huge.error().what;
  ASSERT_OK(issue({.user = "alice", .ttl = seconds(1)}));
  ASSERT_OK(issue({.user = "alice", .ttl = hours(24 * 366)}));
  ASSERT_OK(issue({.user = "alice", .kind = TokenKind::Enrol, .ttl = hours(24 * 14)}));
  auto standard = issue({.user = "alice", .kind = TokenKind::Enrol});
  ASSERT_OK(standard);
  EXPECT_EQ(standard->expiresAt - standard->issuedAt, hours(72));
}

TEST_F(Issue, ExpiresToTheSecond) {
  auto made = issue({.user = "alice", .ttl = seconds(10)});
  ASSERT_OK(made);
  clock.advance(seconds(9));
  EXPECT_TRUE(verify(view(made->token))->active);
  clock.advance(seconds(1));
  EXPECT_FALSE(verify(view(made->token))->active);
}

TEST_F(Issue, RefusesWhatIsWrong) {
  EXPECT_CODE(issue({.user = "nobody"}), Code::NotFound);
  EXPECT_CODE(issue({.user = std::string(300, 'x')}), Code::Invalid);
  EXPECT_CODE(issue({.user = "alice", .scopes = {"Bad"}}), Code::Invalid);
  EXPECT_CODE(issue({.user = "alice", .scopes = {}, .uses = 0}), Code::Invalid);
  EXPECT_CODE(issue({.user = "alice", .scopes = {}, .uses = policy.usesMost + 1}), Code::Invalid);
  EXPECT_CODE(issue({.user = "alice", .kind = TokenKind::Enrol, .uses = 1}), Code::Invalid);
  EXPECT_CODE(issue({.user = "alice", .scopes = {"kms:user"}, .uses = 1}), Code::Invalid);
  EXPECT_EQ(recorded(kms::Event::TokenIssued), 0U);
}

TEST_F(Issue, NobodyGrantsMoreThanTheyHave) {
  EXPECT_REASON(issueAs(nobody, {.user = "alice"}), Reason::Forbidden);
  const kms::Actor verifier{"user vera", Role::Verifier, 7};
  EXPECT_REASON(issueAs(verifier, {.user = "alice"}), Reason::Forbidden);
  EXPECT_REASON(issueAs(issuer, {.user = "alice", .kind = TokenKind::Recover}), Reason::Forbidden);
  EXPECT_REASON(issueAs(issuer, {.user = "boss", .scopes = {"kms:admin"}}), Reason::Forbidden);
  EXPECT_REASON(issueAs(issuer, {.user = "boss", .kind = TokenKind::Enrol}), Reason::Forbidden);
  ASSERT_OK(issueAs(issuer, {.user = "alice", .kind = TokenKind::Enrol}));
  ASSERT_OK(issueAs(issuer, {.user = "boss", .scopes = {"kms:issuer"}}));
  ASSERT_OK(issue({.user = "alice", .kind = TokenKind::Recover}));
}

TEST_F(Issue, ABearersRightsAreTheLeastOfThree) {
  const auto roleOf = [&](const kms::Actor& by, const std::string& user, std::vector<std::string> scopes) {
    auto made = issueAs(by, {.user = user, .scopes = std::move(scopes)});
    EXPECT_OK(made);
    auto actor = tokens->authenticate(view(made->token));
    EXPECT_OK(actor);
    EXPECT_EQ(actor->name, "user " + user);
    EXPECT_TRUE(actor->user);
    return actor->role;
  };
  EXPECT_EQ(roleOf(admin, "boss", {"kms:admin"}), Role::Admin);
  EXPECT_EQ(roleOf(admin, "boss", {"kms:verifier", "read"}), Role::Verifier);
  EXPECT_EQ(roleOf(admin, "boss", {}), Role::User);
  EXPECT_EQ(roleOf(admin, "alice", {"kms:admin"}), Role::User);
  EXPECT_EQ(roleOf(issuer, "boss", {"kms:issuer"}), Role::Issuer);
  auto made = issue({.user = "boss", .scopes = {"kms:admin"}});
  ASSERT_OK(changeUser(admin, "boss", {.role = Role::Verifier}));
  EXPECT_EQ(tokens->authenticate(view(made->token))->role, Role::Verifier);  // what the user is now
}

TEST_F(Issue, OnlyAccessTokensThatAreGoodAuthenticate) {
  auto limited = issue({.user = "alice", .uses = 3});
  auto enrol = issue({.user = "alice", .kind = TokenKind::Enrol});
  auto good = issue({.user = "alice", .ttl = seconds(5)});
  ASSERT_OK(good);
  for (const std::string_view bearer :
       {view(limited->token), view(enrol->token), std::string_view(), std::string_view("kms_")})
    EXPECT_REASON(tokens->authenticate(bearer), Reason::Unauthenticated);
  EXPECT_EQ(verify(view(limited->token))->usesLeft, 2U);  // no use was taken by trying
  ASSERT_OK(tokens->authenticate(view(good->token)));
  clock.advance(seconds(5));
  EXPECT_REASON(tokens->authenticate(view(good->token)), Reason::Unauthenticated);
}

TEST_F(Issue, ANewOneTimeTokenVoidsThePendingOne) {
  auto first = issue({.user = "alice", .kind = TokenKind::Enrol});
  auto other = issue({.user = "boss", .kind = TokenKind::Enrol});
  auto second = issue({.user = "alice", .kind = TokenKind::Recover});
  ASSERT_OK(second);
  EXPECT_FALSE(verify(view(first->token), "alice")->active);
  EXPECT_TRUE(verify(view(second->token), "alice")->active);
  EXPECT_TRUE(verify(view(other->token), "boss")->active);
  EXPECT_EQ(recorded(kms::Event::TokenVoided), 1U);
}

TEST_F(Issue, NumbersNeverRepeatOverRestartsAndFailures) {
  std::set<std::int64_t> seen;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 3; ++i) {
      auto made = issue({.user = "alice"});
      ASSERT_OK(made);
      EXPECT_TRUE(seen.insert(*(*vault->hold())->sequenceOf(made->accessor)).second);
    }
    restart();
  }
  EXPECT_GE(*seen.rbegin(), 3 * kms::TokenSequence::kBlock);
}

TEST_F(Issue, AReservationThatWasUndoneIsMadeAgain) {
  kms::TokenSequence sequence;
  for (int i = 0; i < 3; ++i) {
    std::int64_t taken = 0;
    auto undone = tamper([&](kms::Txn& txn) -> base::Result<void> {
      auto number = sequence.take(txn);
      if (!number) return std::move(number).error();
      taken = *number;
      return base::Error{Code::Internal, "undone"};
    });
    EXPECT_FALSE(undone);
    EXPECT_EQ(taken, i + 1);
  }
  std::int64_t taken = 0;
  ASSERT_OK(tamper([&](kms::Txn& txn) -> base::Result<void> {
    taken = *sequence.take(txn);
    return {};
  }));
  EXPECT_EQ(taken, 4);
  auto mark = kms::TokenSequence();
  ASSERT_OK(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
    EXPECT_GT(*mark.mark(reader), taken);  // what a restart would begin with
    return {};
  }));
}

TEST_F(Issue, WithTheClockSetBackVerifiesAndRevokesButIssuesNothing) {
  auto old = issue({.user = "alice", .ttl = seconds(100)});
  clock.advance(seconds(100));
  auto late = issue({.user = "alice"});
  ASSERT_OK(late);
  clock.advance(-hours(2));
  EXPECT_REASON(issue({.user = "alice"}), Reason::ClockBack);
  EXPECT_REASON(renew(admin, byText(view(late->token))), Reason::ClockBack);
  EXPECT_FALSE(verify(view(old->token))->active);  // expired stays expired
  EXPECT_TRUE(verify(view(late->token))->active);
  restart();
  EXPECT_REASON(issue({.user = "alice"}), Reason::ClockBack);
  EXPECT_FALSE(verify(view(old->token))->active);
  ASSERT_OK(revoke(admin, byText(view(late->token))));
  EXPECT_FALSE(verify(view(late->token))->active);
  clock.advance(hours(2) - std::chrono::minutes(5));
  auto close = issue({.user = "alice"});
  ASSERT_OK(close);
  EXPECT_EQ(close->issuedAt, late->issuedAt);  // time does not run back
}

TEST_F(Issue, SealedRefusesAllAndUnsealingGoesOn) {
  auto made = issue({.user = "alice", .uses = 2});
  auto plain = issue({.user = "alice"});
  ASSERT_OK(plain);
  vault->seal();
  EXPECT_REASON(issue({.user = "alice"}), Reason::Sealed);
  EXPECT_REASON(verify(view(made->token)), Reason::Sealed);
  EXPECT_REASON(renew(admin, byText(view(plain->token))), Reason::Sealed);
  EXPECT_REASON(revoke(admin, byText(view(plain->token))), Reason::Sealed);
  EXPECT_REASON(revokeUser(admin, "alice"), Reason::Sealed);
  EXPECT_REASON(redeem("alice", TokenKind::Enrol, "0123-4567-89AB"), Reason::Sealed);
  EXPECT_REASON(tokens->list("", "", 10), Reason::Sealed);
  EXPECT_REASON(tokens->authenticate(view(plain->token)), Reason::Sealed);
  EXPECT_REASON(tokens->tidy(), Reason::Sealed);
  unseal();
  EXPECT_TRUE(verify(view(plain->token))->active);
  EXPECT_EQ(verify(view(made->token))->usesLeft, 1U);
  ASSERT_OK(issue({.user = "alice"}));
}

}  // namespace
}  // namespace tests
