// The store fails at each of its calls in turn, under every verb of the services: the verb answers with that
// error, and the database is to the byte what it was before.
#include "tests/support/faulty_store.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Result;

template <class T>
Result<void> dropValue(Result<T> result) {
  if (!result) return std::move(result).error();
  return {};
}

class EveryTxnCall : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    faulty_ = std::make_unique<FaultyStore>(*store);
    tokens.reset();
    users.reset();
    vault = std::make_unique<kms::Vault>(*faulty_, server, base::systemRng());
    users = std::make_unique<kms::UserService>(*vault, *faulty_, clock, policy);
    tokens = std::make_unique<kms::TokenService>(*vault, *faulty_, clock, base::systemRng(), policy);
    unseal();
    ASSERT_OK(addUser("alice"));
    token_ = newToken();
  }
  void TearDown() override {
    tokens.reset();
    users.reset();
    vault.reset();
    faulty_.reset();
  }

  std::string newToken(kms::IssueRequest request = {"alice"}) {
    auto issued = issue(std::move(request));
    EXPECT_OK(issued);
    return issued ? std::string(base::view(issued->token)) : std::string();
  }
  bool active(const std::string& token) {
    auto view = verify(token);
    EXPECT_OK(view);
    return view && view->active;
  }

  // All that the database holds.
  std::string content() {
    std::string all;
    EXPECT_OK(store->read([&](kms::StoreReader& reader) -> Result<void> {
      for (const auto table : {kms::Table::Keyring, kms::Table::Users, kms::Table::Tokens}) {
        auto rows = reader.list(table, 0, 100'000);
        if (!rows) return std::move(rows).error();
        for (const auto& row : *rows)
          all.append(std::to_string(row.key) + "." + std::to_string(row.revision) + "=")
              .append(base::asText(row.sealed));
      }
      for (const char* name : {"last_time", "token_sequence_reserved", "tokens_filed", "tokens_tidied"}) {
        auto number = reader.number(name);
        if (!number) return std::move(number).error();
        all.append(std::string(name) + "=" + std::to_string(number->value_or(-1)));
      }
      return {};
    }));
    return all + outboxText();
  }

  // Gives how many calls there were.
  std::uint64_t failEach(const std::function<Result<void>()>& act,
                         const std::function<void()>& unchanged = {}) {
    const std::string before = content();
    for (std::uint64_t n = 1; n < 500; ++n) {
      SCOPED_TRACE("call " + std::to_string(n));
      clock.advance(std::chrono::seconds(1));
      faulty_->failAt(n);
      auto done = act();
      const auto calls = faulty_->calls();
      faulty_->failAt(0);
      if (done) {
        EXPECT_LT(calls, n) << "it succeeded although a call failed";
        return calls;
      }
      EXPECT_EQ(done.error().code, Code::Io) << done.error().what;
      EXPECT_EQ(done.error().what, "injected");
      EXPECT_TRUE(content() == before) << "a refused change left something behind";
      if (unchanged) unchanged();
      if (HasFailure()) return n;
    }
    ADD_FAILURE() << "it has no end";
    return 0;
  }

  std::unique_ptr<FaultyStore> faulty_;
  std::string token_;
};

TEST_F(EveryTxnCall, OfIssuing) {
  std::string fresh;
  const auto entries = recorded(kms::Event::TokenIssued);
  const auto act = [&](kms::TokenKind kind) {
    return [&, kind]() -> Result<void> {
      auto issued = issue({"alice", kind});
      if (!issued) return std::move(issued).error();
      fresh = base::view(issued->token);
      return {};
    };
  };
  EXPECT_GT(failEach(act(kms::TokenKind::Access)), 2U);
  EXPECT_TRUE(active(fresh));
  EXPECT_GT(failEach(act(kms::TokenKind::Enrol)), 2U);
  EXPECT_GT(failEach(act(kms::TokenKind::Recover)), 4U);  // voids the pending one
  EXPECT_TRUE(verify(fresh, "alice")->active);
  EXPECT_EQ(recorded(kms::Event::TokenIssued), entries + 3);
}

TEST_F(EveryTxnCall, OfRenewing) {
  EXPECT_GT(failEach([&] { return dropValue(renew(admin, byText(token_))); }), 2U);
  EXPECT_EQ(recorded(kms::Event::TokenRenewed), 1U);
}

TEST_F(EveryTxnCall, OfRevoking) {
  EXPECT_GT(failEach([&] { return dropValue(revoke(admin, byText(token_))); },
                     [&] { EXPECT_TRUE(active(token_)); }),
            2U);
  EXPECT_FALSE(active(token_));
  EXPECT_EQ(recorded(kms::Event::TokenRevoked), 1U);
}

TEST_F(EveryTxnCall, OfRevokingAUser) {
  ASSERT_OK(issue({"alice", kms::TokenKind::Enrol}));
  EXPECT_GT(failEach([&] { return revokeUser(admin, "alice"); }, [&] { EXPECT_TRUE(active(token_)); }), 4U);
  EXPECT_FALSE(active(token_));
  EXPECT_TRUE(active(newToken())) << "new ones can be issued at once";
}

TEST_F(EveryTxnCall, OfAUseAndOfRedeeming) {
  const std::string once = newToken({"alice", kms::TokenKind::Access, {}, {}, 1});
  EXPECT_GT(failEach([&] { return dropValue(verify(once)); }), 2U);
  EXPECT_FALSE(active(once)) << "its one use is gone";
  const std::string enrol = newToken({"alice", kms::TokenKind::Enrol});
  const auto redeemIt = [&] { return redeem("alice", kms::TokenKind::Enrol, enrol); };
  bool used = false;
  EXPECT_GT(failEach([&]() -> Result<void> {
              auto view = redeemIt();
              if (view) used = view->active;
              return dropValue(std::move(view));
            }),
            4U);
  EXPECT_TRUE(used) << "a failure must not take the one use";
  auto again = redeemIt();
  ASSERT_OK(again);
  EXPECT_FALSE(again->active);
}

TEST_F(EveryTxnCall, OfLooking) {
  failEach([&] { return dropValue(verify(token_)); });
  EXPECT_GT(failEach([&] { return dropValue(tokens->list("", "", 10)); }), 1U);
  EXPECT_GT(failEach([&] { return dropValue(tokens->list("alice", "", 10)); }), 1U);
  EXPECT_GT(failEach([&] { return dropValue(users->list("", 10)); }), 1U);
  failEach([&] { return dropValue(users->show("alice")); });
  failEach([&] { return dropValue(tokens->authenticate(token_)); });
}

TEST_F(EveryTxnCall, OfUsersAndTidying) {
  EXPECT_GT(failEach([&] { return dropValue(addUser("bob")); }), 2U);
  EXPECT_GT(failEach([&] {
              kms::UserChange change;
              change.role = kms::Role::Verifier;
              return dropValue(changeUser(admin, "bob", std::move(change)));
            }),
            2U);
  EXPECT_EQ(users->show("bob")->role, kms::Role::Verifier);
  EXPECT_GT(failEach([&] { return dropValue(tokens->tidy()); }), 2U);  // files
  clock.advance(std::chrono::hours(24 * 30));
  const auto before = content();
  EXPECT_GT(failEach([&] { return dropValue(tokens->tidy()); }), 2U);  // drops the expired
  EXPECT_TRUE(content() != before);
  EXPECT_FALSE(active(token_));
}

}  // namespace
}  // namespace tests
