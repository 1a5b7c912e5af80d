// Many tokens in one transaction: each item has its own outcome, and together they are one change.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "tests/support/faulty_store.h"
#include "tests/support/store_rows.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kms::IssuedToken;
using kms::Outcomes;
using kms::TokenKind;
using kms::TokenView;

// Runs each job once in vain before it counts, as a store does whose batch has to be begun again.
class TwiceStore final : public kms::Store {
 public:
  explicit TwiceStore(kms::Store& inner) : inner_(inner) {}
  base::Result<void> read(const ReadJob& job) override { return inner_.read(job); }
  void write(WriteJob job, Done done) override {
    auto undone = inner_.writeAndWait([&](kms::Txn& txn) -> base::Result<void> {
      if (auto ran = job(txn); !ran) return ran;
      return base::Error{Code::Unavailable, "undone"};
    });
    EXPECT_FALSE(undone);
    inner_.write(std::move(job), std::move(done));
  }

 private:
  kms::Store& inner_;
};

class Bulk : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    for (const char* name : {"alice", "bob", "carol"}) ASSERT_OK(addUser(name));
  }
  base::Result<Outcomes<IssuedToken>> issueMany(kms::BulkIssueRequest request) {
    return issueManyAs(admin, std::move(request));
  }
  base::Result<Outcomes<IssuedToken>> issueManyAs(const kms::Actor& by, kms::BulkIssueRequest request) {
    return await<Outcomes<IssuedToken>>(
        [&](auto reply) { tokens->issueMany(by, std::move(request), reply); });
  }
  base::Result<Outcomes<TokenView>> revokeMany(const kms::Actor& by, std::vector<kms::TokenRef> refs) {
    return await<Outcomes<TokenView>>([&](auto reply) { tokens->revokeMany(by, std::move(refs), reply); });
  }
  base::Result<Outcomes<void>> revokeUsers(const kms::Actor& by, std::vector<std::string> names) {
    return await<Outcomes<void>>([&](auto reply) { tokens->revokeUsers(by, std::move(names), reply); });
  }
  bool active(const IssuedToken& token) {
    const auto view = verify(base::view(token.token), token.user);
    return view && view->active && view->user == token.user;
  }
  // The services anew, over this store.
  void serveOver(kms::Store& over) {
    tokens = std::make_unique<kms::TokenService>(*vault, over, clock, base::systemRng(), policy);
  }
};

TEST_F(Bulk, TellsOfEachUserWhatBecameOfIt) {
  const auto all = issueMany({{"alice", "nobody", "bob", "tab\there", "", "carol"},
                              TokenKind::Access,
                              std::chrono::seconds(600),
                              {"deploy"}});
  ASSERT_OK(all);
  ASSERT_EQ(all->size(), 6U);
  for (const auto& [at, name] : {std::pair(0, "alice"), std::pair(2, "bob"), std::pair(5, "carol")}) {
    const auto& one = (*all)[static_cast<std::size_t>(at)];
    ASSERT_OK(one);
    EXPECT_EQ(one->user, name);
    EXPECT_EQ(one->scopes, std::vector<std::string>{"deploy"});
    EXPECT_EQ(one->expiresAt - one->issuedAt, std::chrono::seconds(600));
    EXPECT_TRUE(active(*one));
  }
  EXPECT_CODE((*all)[1], Code::NotFound);
  EXPECT_CODE((*all)[3], Code::Invalid);
  EXPECT_CODE((*all)[4], Code::Invalid);
  EXPECT_EQ(recorded(kms::Event::TokenIssued), 3U);
  EXPECT_EQ(tokenKeys(*store).size(), 3U) << "what failed has left nothing behind";
}

TEST_F(Bulk, RefusesAllForWhatAllHaveInCommon) {
  EXPECT_CODE(issueMany({}), Code::Invalid);
  EXPECT_CODE(issueMany({std::vector<std::string>(policy.bulkBatch + 1, "alice")}), Code::Invalid);
  EXPECT_CODE(issueMany({{"alice"}, TokenKind::Enrol, std::chrono::hours(24 * 15)}), Code::Invalid);
  EXPECT_CODE(issueMany({{"alice"}, TokenKind::Access, {}, {"no such scope!"}}), Code::Invalid);
  EXPECT_REASON(issueManyAs(nobody, {{"alice"}}), Reason::Forbidden);
  EXPECT_REASON(issueManyAs(issuer, {{"alice"}, TokenKind::Recover}), Reason::Forbidden);
  EXPECT_REASON(issueManyAs(issuer, {{"alice"}, TokenKind::Access, {}, {"kms:admin"}}), Reason::Forbidden);
  EXPECT_CODE(revokeMany(admin, {}), Code::Invalid);
  EXPECT_CODE(revokeUsers(admin, {}), Code::Invalid);
  EXPECT_CODE(revokeUsers(admin, std::vector<std::string>(policy.bulkBatch + 1, "alice")), Code::Invalid);
  EXPECT_TRUE(tokenKeys(*store).empty());
  vault->seal();
  EXPECT_REASON(issueMany({{"alice"}}), Reason::Sealed);
}

TEST_F(Bulk, TakesAsManyAsThePolicySays) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < policy.bulkBatch; ++i) names.push_back(i % 2 == 0 ? "alice" : "bob");
  const auto all = issueMany({names});
  ASSERT_OK(all);
  std::set<std::string> accessors;
  for (const auto& one : *all) {
    ASSERT_OK(one);
    accessors.insert(one->accessor);
  }
  EXPECT_EQ(accessors.size(), policy.bulkBatch);
}

TEST_F(Bulk, OneTimeTokensVoidThePendingOne) {
  kms::UserChange boss;
  boss.role = kms::Role::Admin;
  ASSERT_OK(addUser("boss", boss));
  const auto first = issueManyAs(issuer, {{"alice", "boss", "bob"}, TokenKind::Enrol});
  ASSERT_OK(first);
  ASSERT_OK((*first)[0]);
  EXPECT_REASON((*first)[1], Reason::Forbidden);
  const auto second = issueManyAs(issuer, {{"alice"}, TokenKind::Enrol});
  ASSERT_OK(second);
  EXPECT_FALSE(active(*(*first)[0]));
  EXPECT_TRUE(active(*(*second)[0]));
  EXPECT_TRUE(active(*(*first)[2]));
  EXPECT_EQ(recorded(kms::Event::TokenVoided), 1U);
}

TEST_F(Bulk, RevokesByAccessorAndByText) {
  const auto all = issueMany({{"alice", "bob", "carol"}});
  const auto enrol = issue({"alice", TokenKind::Enrol});
  ASSERT_OK(all);
  ASSERT_OK(enrol);
  const auto gone = revokeMany(
      issuer, {byAccessor((*all)[0]->accessor), byText(base::view((*all)[1]->token)),
               byAccessor("0123456789ABCDEFGHJKMNPQRS"), byText("kms_mistyped"), byAccessor("short"),
               byText(base::view(enrol->token), "alice"), byAccessor(enrol->accessor)});
  ASSERT_OK(gone);
  ASSERT_EQ(gone->size(), 7U);
  ASSERT_OK((*gone)[0]);
  EXPECT_EQ((*gone)[0]->user, "alice");
  ASSERT_OK((*gone)[1]);
  EXPECT_EQ((*gone)[1]->accessor, (*all)[1]->accessor);
  EXPECT_CODE((*gone)[2], Code::NotFound);
  EXPECT_CODE((*gone)[3], Code::Invalid);
  EXPECT_CODE((*gone)[4], Code::NotFound);
  EXPECT_CODE((*gone)[5], Code::Invalid);
  ASSERT_OK((*gone)[6]);
  EXPECT_FALSE(active(*(*all)[0]));
  EXPECT_FALSE(active(*(*all)[1]));
  EXPECT_TRUE(active(*(*all)[2]));
  EXPECT_FALSE(active(*enrol));
  EXPECT_EQ(recorded(kms::Event::TokenRevoked), 3U);
  const auto again = revokeMany(issuer, {byAccessor((*all)[0]->accessor)});
  ASSERT_OK(again);
  EXPECT_OK((*again)[0]) << "revoking again is no error";
}

TEST_F(Bulk, AUserMayRevokeTheOwnTokensOnly) {
  const auto all = issueMany({{"alice", "bob"}});
  ASSERT_OK(all);
  const auto alice = users->show("alice");
  ASSERT_OK(alice);
  const kms::Actor self{"user alice", kms::Role::User, alice->id};
  const auto gone = revokeMany(self, {byAccessor((*all)[1]->accessor), byAccessor((*all)[0]->accessor)});
  ASSERT_OK(gone);
  EXPECT_REASON((*gone)[0], Reason::Forbidden);
  EXPECT_OK((*gone)[1]);
  EXPECT_TRUE(active(*(*all)[1]));
  const auto own = revokeUsers(self, {"bob", "nobody", "alice"});
  ASSERT_OK(own);
  EXPECT_REASON((*own)[0], Reason::Forbidden);
  EXPECT_REASON((*own)[1], Reason::Forbidden);
  EXPECT_OK((*own)[2]);
}

TEST_F(Bulk, RevokesAllOfManyUsers) {
  const auto all = issueMany({{"alice", "alice", "bob", "carol"}});
  ASSERT_OK(all);
  const auto gone = revokeUsers(issuer, {"alice", "nobody", "bob"});
  ASSERT_OK(gone);
  EXPECT_OK((*gone)[0]);
  EXPECT_CODE((*gone)[1], Code::NotFound);
  EXPECT_OK((*gone)[2]);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(active(*(*all)[i])) << i;
  EXPECT_TRUE(active(*(*all)[3]));
  EXPECT_EQ(recorded(kms::Event::UserTokensRevoked), 2U);
}

TEST_F(Bulk, AFailingDatabaseFailsAllAndLeavesNothing) {
  FaultyStore faulty(*store);
  serveOver(faulty);
  bool succeeded = false;
  for (std::uint64_t n = 1; n < 500 && !succeeded; ++n) {
    faulty.failAt(n);
    const auto all = issueMany({{"alice", "nobody", "bob"}, TokenKind::Enrol});
    faulty.failAt(0);
    const std::size_t rows = tokenKeys(*store).size();
    if (all) {
      succeeded = true;
      EXPECT_EQ(rows, 2U);
      continue;
    }
    EXPECT_EQ(all.error().code, Code::Io) << all.error().what;
    EXPECT_EQ(rows, 0U) << "call " << n;
    EXPECT_EQ(recorded(kms::Event::TokenIssued), 0U);
  }
  EXPECT_TRUE(succeeded);
}

TEST_F(Bulk, AJobThatRunsAgainBeginsAnew) {
  TwiceStore twice(*store);
  serveOver(twice);
  const auto all = issueMany({{"alice", "nobody", "bob"}});
  ASSERT_OK(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_TRUE(active(*(*all)[0]));
  EXPECT_TRUE(active(*(*all)[2]));
  EXPECT_EQ(tokenKeys(*store).size(), 2U);
  const auto gone = revokeMany(admin, {byAccessor((*all)[0]->accessor), byAccessor((*all)[2]->accessor)});
  ASSERT_OK(gone);
  ASSERT_EQ(gone->size(), 2U);
  EXPECT_FALSE(active(*(*all)[0]));
  const auto ended = revokeUsers(admin, {"alice", "bob"});
  ASSERT_OK(ended);
  EXPECT_EQ(ended->size(), 2U);
}

TEST_F(Bulk, ManyAtOnceGetWhatIsTheirs) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 8;
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const auto all = issueMany({{"alice", "nobody", "bob", "carol"}});
        const auto one = issue({"alice"});
        if (!all || !one || !active(*(*all)[0]) || !active(*(*all)[2]) || !active(*one)) continue;
        const auto gone = revokeMany(admin, {byAccessor((*all)[0]->accessor), byAccessor(one->accessor)});
        if (gone && (*gone)[0] && (*gone)[1] && !active(*(*all)[0]) && active(*(*all)[3])) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads * kRounds);
}

}  // namespace
}  // namespace tests
