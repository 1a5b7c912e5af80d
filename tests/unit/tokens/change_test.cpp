#include "kms/tokens/token_filing.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using base::view;
using kms::TokenKind;
using std::chrono::hours;
using std::chrono::seconds;

class Change : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    ASSERT_OK(addUser("alice"));
    ASSERT_OK(addUser("bob"));
    alice = {"user alice", kms::Role::User, users->show("alice")->id};
    bob = {"user bob", kms::Role::User, users->show("bob")->id};
  }
  // All accessors of a list, page by page.
  std::vector<std::string> walk(const std::string& user, std::size_t limit) {
    std::vector<std::string> out;
    std::string after;
    for (int pages = 0; pages < 10'000; ++pages) {
      auto page = tokens->list(user, after, limit);
      EXPECT_OK(page);
      if (!page) return out;
      EXPECT_LE(page->items.size(), limit);
      for (const auto& item : page->items) out.push_back(item.accessor);
      if (!page->next) return out;
      after = *page->next;
    }
    ADD_FAILURE() << "the list has no end";
    return out;
  }
  // Many at once, so that they share commits.
  std::vector<std::string> issueMany(const std::string& user, int count, seconds ttl = hours(1)) {
    std::vector<std::future<base::Result<kms::IssuedToken>>> waiting;
    for (int i = 0; i < count; ++i) {
      auto promise = std::make_shared<std::promise<base::Result<kms::IssuedToken>>>();
      waiting.push_back(promise->get_future());
      tokens->issue(admin, {.user = user, .ttl = ttl},
                    [promise](base::Result<kms::IssuedToken> made) { promise->set_value(std::move(made)); });
    }
    std::vector<std::string> out;
    for (auto& future : waiting) {
      auto made = future.get();
      EXPECT_OK(made);
      out.push_back(made->accessor);
    }
    return out;
  }

  kms::Actor alice;
  kms::Actor bob;
};

TEST_F(Change, RenewCountsFromNowUpToTheLongestLife) {
  auto made = issue({.user = "alice", .ttl = hours(24 * 200)});
  ASSERT_OK(made);
  clock.advance(hours(24 * 100));
  auto renewed = renew(alice, byText(view(made->token)));
  ASSERT_OK(renewed);
  EXPECT_TRUE(renewed->active);
  EXPECT_EQ(renewed->expiresAt, clock.now() + hours(24 * 200));
  clock.advance(hours(24 * 199));
  renewed = renew(issuer, byAccessor(made->accessor));
  ASSERT_OK(renewed);
  EXPECT_EQ(renewed->expiresAt, made->issuedAt + policy.accessLifeMost);
  EXPECT_EQ(verify(view(made->token))->expiresAt, renewed->expiresAt);
  EXPECT_EQ(recorded(kms::Event::TokenRenewed), 2U);
}

TEST_F(Change, RenewRefusesOthersAndWhatIsNotActive) {
  auto made = issue({.user = "alice", .ttl = seconds(10)});
  auto enrol = issue({.user = "alice", .kind = TokenKind::Enrol});
  ASSERT_OK(enrol);
  EXPECT_REASON(renew(bob, byText(view(made->token))), Reason::Forbidden);
  EXPECT_REASON(renew(nobody, byText(view(made->token))), Reason::Forbidden);
  EXPECT_CODE(renew(admin, byText(view(enrol->token), "alice")), Code::Invalid);
  EXPECT_CODE(renew(admin, byAccessor(enrol->accessor)), Code::Invalid);
  EXPECT_CODE(renew(admin, byAccessor("nonsense")), Code::NotFound);
  clock.advance(seconds(10));
  EXPECT_CODE(renew(alice, byText(view(made->token))), Code::NotFound);
  auto revoked = issue({.user = "alice"});
  ASSERT_OK(revoke(alice, byText(view(revoked->token))));
  EXPECT_CODE(renew(alice, byText(view(revoked->token))), Code::NotFound);
}

TEST_F(Change, RevokeByTextByAccessorAndAgain) {
  auto one = issue({.user = "alice"});
  auto two = issue({.user = "alice"});
  auto three = issue({.user = "alice", .kind = TokenKind::Enrol});
  ASSERT_OK(three);
  for (int again = 0; again < 2; ++again) {
    auto gone = revoke(alice, byText(view(one->token)));
    ASSERT_OK(gone);
    EXPECT_FALSE(gone->active);
    EXPECT_EQ(gone->accessor, one->accessor);
    ASSERT_OK(revoke(issuer, byAccessor(two->accessor)));
    ASSERT_OK(revoke(alice, byText(view(three->token), "alice")));
  }
  EXPECT_EQ(recorded(kms::Event::TokenRevoked), 3U);
  restart();
  EXPECT_FALSE(verify(view(one->token))->active);
  EXPECT_FALSE(verify(view(two->token))->active);
  EXPECT_FALSE(verify(view(three->token), "alice")->active);
}

TEST_F(Change, RevokeRefusesOthersAndTheUnknown) {
  auto made = issue({.user = "alice"});
  auto enrol = issue({.user = "alice", .kind = TokenKind::Enrol});
  ASSERT_OK(enrol);
  EXPECT_REASON(revoke(bob, byText(view(made->token))), Reason::Forbidden);
  EXPECT_REASON(revoke(bob, byText(view(enrol->token), "alice")), Reason::Forbidden);
  EXPECT_REASON(revoke(bob, byText("0123-4567-89AB", "nobody")), Reason::Forbidden);
  EXPECT_REASON(revokeUser(bob, "alice"), Reason::Forbidden);
  EXPECT_REASON(revokeUser(bob, "nobody"), Reason::Forbidden);
  EXPECT_CODE(revokeUser(admin, "nobody"), Code::NotFound);
  EXPECT_CODE(revoke(admin, byAccessor("00000000000000000000000000")), Code::NotFound);
  EXPECT_CODE(revoke(admin, byText("0123-4567-89AB", "alice")), Code::NotFound);
  EXPECT_CODE(revoke(admin, byText("nonsense")), Code::Invalid);
  EXPECT_TRUE(verify(view(made->token))->active);
  EXPECT_TRUE(verify(view(enrol->token), "alice")->active);
}

TEST_F(Change, RevokeUserEndsAllOfThemAndNoneOfOthers) {
  auto one = issue({.user = "alice"});
  auto enrol = issue({.user = "alice", .kind = TokenKind::Enrol});
  auto others = issue({.user = "bob"});
  ASSERT_OK(others);
  ASSERT_OK(revokeUser(issuer, "alice"));
  auto fresh = issue({.user = "alice"});  // in the same second
  auto freshEnrol = issue({.user = "alice", .kind = TokenKind::Enrol});
  ASSERT_OK(freshEnrol);
  for (int again = 0; again < 2; ++again) {
    EXPECT_FALSE(verify(view(one->token))->active);
    EXPECT_FALSE(verify(view(enrol->token), "alice")->active);
    EXPECT_TRUE(verify(view(others->token))->active);
    EXPECT_TRUE(verify(view(fresh->token))->active);
    EXPECT_TRUE(verify(view(freshEnrol->token), "alice")->active);
    restart();
  }
  ASSERT_OK(revokeUser(alice, "alice"));  // right after a start, by the user
  EXPECT_FALSE(verify(view(fresh->token))->active);
  ASSERT_OK(issue({.user = "alice"}));
  EXPECT_EQ(recorded(kms::Event::UserTokensRevoked), 2U);
}

TEST_F(Change, ListsAllAndByUserFiledOrNot) {
  std::vector<std::string> all;
  std::vector<std::string> ofAlice;
  for (int i = 0; i < 25; ++i) {
    for (auto& accessor : issueMany("alice", 60)) {
      ofAlice.push_back(accessor);
      all.push_back(accessor);
    }
    for (auto& accessor : issueMany("bob", 40)) all.push_back(accessor);
    if (i == 12) {
      ASSERT_OK(tokens->tidy());  // some filed, some not
    }
  }
  ASSERT_EQ(all.size(), 2500U);
  EXPECT_EQ(walk("", 1000), all);
  EXPECT_EQ(walk("", 7), all);
  EXPECT_EQ(walk("alice", 100), ofAlice);
  tidyAll();
  EXPECT_EQ(walk("alice", 100), ofAlice);
  EXPECT_EQ(walk("alice", 1000), ofAlice);
  EXPECT_EQ(walk("", 999), all);
}

TEST_F(Change, ListSaysWhatIsActiveAndRefusesNonsense) {
  auto one = issue({.user = "alice", .scopes = {"read"}});
  auto two = issue({.user = "alice"});
  ASSERT_OK(revoke(admin, byAccessor(two->accessor)));
  auto page = tokens->list("alice", "", 0);
  ASSERT_OK(page);
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_TRUE(page->items[0].active);
  EXPECT_EQ(page->items[0].scopes, one->scopes);
  EXPECT_FALSE(page->items[1].active);
  EXPECT_EQ(page->items[1].user, "alice");
  EXPECT_FALSE(page->next);
  EXPECT_CODE(tokens->list("nobody", "", 10), Code::NotFound);
  EXPECT_CODE(tokens->list("", "nonsense", 10), Code::Invalid);
  EXPECT_CODE(tokens->list("", "", policy.pageMost + 1), Code::Invalid);
}

TEST_F(Change, TidyDropsExpiredOnesInBoundedBatches) {
  const seconds month = std::chrono::hours(24 * 30);
  const auto kept = issueMany("alice", 30, month);
  issueMany("alice", 600, seconds(10));
  auto enrol = issue({.user = "alice", .kind = TokenKind::Enrol, .ttl = seconds(10)});
  const auto later = issueMany("bob", 5, month);
  tidyAll();
  EXPECT_EQ(walk("", 1000).size(), 636U);
  clock.advance(seconds(10) + policy.expiredKept - seconds(1));
  tidyAll();
  EXPECT_EQ(walk("", 1000).size(), 636U);  // a clock that leapt and is mended in time has cost nothing
  clock.advance(seconds(1));
  auto more = tokens->tidy();
  ASSERT_OK(more);
  EXPECT_TRUE(*more);
  EXPECT_GE(walk("", 1000).size(), 636U - policy.tidyBatch);
  tidyAll();
  EXPECT_EQ(walk("alice", 1000), kept);
  EXPECT_EQ(walk("bob", 1000), later);
  EXPECT_FALSE(verify(view(enrol->token), "alice")->active);
  ASSERT_OK(issue({.user = "alice", .kind = TokenKind::Enrol}));
  restart();
  tidyAll();
  EXPECT_EQ(walk("bob", 1000), later);
}

// The counters lie in clear. Winding one back must not put a new row in the place of an old one: put back
// later, the old row would give the new holder the old one's rights.
TEST_F(Change, ACounterThatWasSetBackIsCorruptAndReplacesNothing) {
  auto token = issue({.user = "alice"});
  ASSERT_OK(token);
  ASSERT_OK(tamper([](kms::Txn& txn) { return txn.setNumber("last_user", 0); }));
  EXPECT_REASON(addUser("mallory"), Reason::DatabaseCorrupt);
  ASSERT_OK(tamper([](kms::Txn& txn) { return txn.setNumber("token_sequence_reserved", 1); }));
  restart();
  EXPECT_REASON(issue({.user = "alice"}), Reason::DatabaseCorrupt);
  EXPECT_TRUE(verify(view(token->token))->active);
}

TEST_F(Change, ATokenFiledUnderAnotherUserIsCorrupt) {
  auto made = issue({.user = "alice"});
  ASSERT_OK(made);
  tidyAll();
  const auto sequence = *(*vault->hold())->sequenceOf(made->accessor);
  ASSERT_OK(tamper([&](kms::Txn& txn) { return txn.fileTokens({{*bob.user, sequence}}); }));
  EXPECT_REASON(tokens->list("bob", "", 10), Reason::DatabaseCorrupt);
}

}  // namespace
}  // namespace tests
