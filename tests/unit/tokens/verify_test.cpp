#include <algorithm>
#include <fstream>
#include <thread>

#include "kms/tokens/token_row.h"
#include "kms/tokens/user_row.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using base::view;
using kms::TokenKind;
using std::chrono::seconds;

class Verify : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    ASSERT_OK(addUser("alice"));
    ASSERT_OK(addUser("bob"));
  }
  std::int64_t sequenceOf(const std::string& accessor) { return *(*vault->hold())->sequenceOf(accessor); }
};

// Whatever an inactive answer holds beyond that, it would tell something.
void expectBlank(const base::Result<kms::TokenView>& answer) {
  ASSERT_OK(answer);
  EXPECT_FALSE(answer->active);
  EXPECT_EQ(answer->user, "");
  EXPECT_EQ(answer->accessor, "");
  EXPECT_EQ(answer->userId, 0);
  EXPECT_TRUE(answer->scopes.empty());
  EXPECT_EQ(answer->role, kms::Role::None);
}

// Runs `call` on many threads at once and counts those that it gives true.
template <class Call>
int winners(int threads, Call call) {
  std::atomic<bool> go{false};
  std::atomic<int> won{0};
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i)
    all.emplace_back([&] {
      while (!go) std::this_thread::yield();
      if (call()) ++won;
    });
  go = true;
  for (auto& thread : all) thread.join();
  return won;
}

TEST_F(Verify, MistypedTokensAreInvalid) {
  auto made = issue({.user = "alice"});
  ASSERT_OK(made);
  std::string typed(view(made->token));
  typed[20] = typed[20] == 'A' ? 'B' : 'A';
  EXPECT_CODE(verify(typed), Code::Invalid);
  EXPECT_CODE(verify("KMS_" + typed.substr(4)), Code::Invalid);
  EXPECT_CODE(verify(""), Code::Invalid);
  EXPECT_CODE(verify("0123-4567-89A", "alice"), Code::Invalid);
  EXPECT_CODE(verify("0123-4567-89AB"), Code::Invalid);  // whose?
  EXPECT_CODE(verify("0123-4567-89AB", std::string(300, 'x')), Code::Invalid);
  auto both = byText(view(made->token));
  both.accessor = made->accessor;
  EXPECT_CODE(verifyAs(admin, std::move(both)), Code::Invalid);
}

TEST_F(Verify, RevokedExpiredUsedAndUnknownAnswersAreBlank) {
  auto revoked = issue({.user = "alice"});
  ASSERT_OK(revoke(admin, byText(view(revoked->token))));
  auto expired = issue({.user = "alice", .ttl = seconds(1)});
  auto used = issue({.user = "alice", .uses = 1});
  EXPECT_TRUE(verify(view(used->token))->active);
  clock.advance(seconds(1));
  expectBlank(verify(view(revoked->token)));
  expectBlank(verify(view(expired->token)));
  expectBlank(verify(view(used->token)));
  expectBlank(verifyAs(admin, byAccessor(revoked->accessor)));
  expectBlank(verifyAs(admin, byAccessor("00000000000000000000000000")));
  expectBlank(verifyAs(admin, byAccessor("nonsense")));
}

TEST_F(Verify, ByAccessorIsForVerifiersAndTheHolder) {
  auto made = issue({.user = "alice", .uses = 5});
  ASSERT_OK(made);
  const auto alice = users->show("alice")->id;
  EXPECT_REASON(verifyAs(nobody, byAccessor(made->accessor)), Reason::Forbidden);
  EXPECT_REASON(verifyAs({"user bob", kms::Role::User, alice + 1}, byAccessor(made->accessor)),
                Reason::Forbidden);
  EXPECT_REASON(verifyAs(nobody, byAccessor("00000000000000000000000000")), Reason::Forbidden);
  EXPECT_EQ(verifyAs({"user alice", kms::Role::User, alice}, byAccessor(made->accessor))->usesLeft, 5U);
  EXPECT_EQ(verifyAs({"user vera", kms::Role::Verifier, {}}, byAccessor(made->accessor))->usesLeft, 5U);
}

TEST_F(Verify, OneTimeTokensForgiveTypingAndNeedTheirUser) {
  auto made = issue({.user = "alice", .kind = TokenKind::Enrol});
  ASSERT_OK(made);
  std::string typed(view(made->token));
  EXPECT_TRUE(verify(typed, "alice")->active);
  std::transform(typed.begin(), typed.end(), typed.begin(), [](char c) { return c == '-' ? ' ' : c; });
  std::transform(typed.begin(), typed.end(), typed.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  EXPECT_TRUE(verify(typed, "alice")->active);
  expectBlank(verify(typed, "bob"));
  expectBlank(verify(typed, "nobody"));
}

TEST_F(Verify, WrongOneTimeTokensAreDelayedAlikeAndNeverVoid) {
  auto made = issue({.user = "alice", .kind = TokenKind::Enrol});
  ASSERT_OK(made);
  for (const int wanted : {0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60}) {
    for (const char* name : {"alice", "nobody"}) {
      auto wrong = redeem(name, TokenKind::Enrol, "0123-4567-89AB");
      expectBlank(wrong);
      EXPECT_EQ(wrong->delay, seconds(wanted)) << name;
    }
  }
  EXPECT_EQ(recorded(kms::Event::TokenGuessed), 2U);  // once a name, within a minute
  EXPECT_NE(outboxText().find("nobody"), std::string::npos);
  auto right = redeem("alice", TokenKind::Enrol, view(made->token));
  ASSERT_OK(right);
  EXPECT_TRUE(right->active);
  EXPECT_EQ(right->delay, seconds(0));
  EXPECT_EQ(verify("0123-4567-89AB", "alice")->delay, seconds(0));  // counted anew
}

TEST_F(Verify, RedeemingTakesTheRightKindOnly) {
  auto made = issue({.user = "alice", .kind = TokenKind::Enrol});
  auto access = issue({.user = "alice"});
  ASSERT_OK(access);
  expectBlank(redeem("alice", TokenKind::Recover, view(made->token)));
  EXPECT_CODE(redeem("alice", TokenKind::Access, view(access->token)), Code::Invalid);
  EXPECT_CODE(redeem("alice", TokenKind::Enrol, view(access->token)), Code::Invalid);
  auto used = redeem("alice", TokenKind::Enrol, view(made->token));
  ASSERT_OK(used);
  EXPECT_TRUE(used->active);
  EXPECT_EQ(used->accessor, made->accessor);
  expectBlank(redeem("alice", TokenKind::Enrol, view(made->token)));
  EXPECT_EQ(recorded(kms::Event::TokenUsed), 1U);
}

TEST_F(Verify, AUsedOneTimeTokenIsNotKept) {
  auto made = issue({.user = "alice", .kind = TokenKind::Enrol});
  ASSERT_OK(made);
  const auto kept = [&] {
    std::size_t size = 99;
    EXPECT_OK(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      auto keys = vault->hold();
      auto row = kms::readToken(reader, **keys, sequenceOf(made->accessor));
      if (!row) return std::move(row).error();
      size = (*row)->oneTime.size();
      return {};
    }));
    return size;
  };
  EXPECT_EQ(kept(), 12U);
  ASSERT_OK(redeem("alice", TokenKind::Enrol, view(made->token)));
  EXPECT_EQ(kept(), 0U);
}

TEST_F(Verify, OfManyWhoRedeemOneWins) {
  for (int round = 0; round < 3; ++round) {
    auto made = issue({.user = "alice", .kind = TokenKind::Enrol});
    ASSERT_OK(made);
    EXPECT_EQ(winners(64, [&] { return redeem("alice", TokenKind::Enrol, view(made->token))->active; }), 1);
  }
  EXPECT_EQ(recorded(kms::Event::TokenUsed), 3U);
}

TEST_F(Verify, AUseLimitHoldsAmongMany) {
  auto made = issue({.user = "alice", .uses = 10});
  ASSERT_OK(made);
  EXPECT_EQ(winners(64, [&] { return verify(view(made->token))->active; }), 10);
  expectBlank(verify(view(made->token)));
  EXPECT_EQ(recorded(kms::Event::TokenUsed), 1U);
}

TEST_F(Verify, OfManyOneTimeTokensIssuedAtOnceOneIsLeft) {
  std::mutex mutex;
  std::vector<base::SecretText> all;
  EXPECT_EQ(winners(16,
                    [&] {
                      auto made = issue({.user = "alice", .kind = TokenKind::Enrol});
                      const std::lock_guard lock(mutex);
                      if (made) all.push_back(std::move(made->token));
                      return bool(made);
                    }),
            16);
  int active = 0;
  for (const auto& token : all) active += verify(view(token), "alice")->active ? 1 : 0;
  EXPECT_EQ(active, 1);
}

TEST_F(Verify, SealingWhileManyAreServedIsSafe) {
  auto made = issue({.user = "alice"});
  ASSERT_OK(made);
  std::atomic<bool> stop{false};
  std::atomic<int> odd{0};
  std::vector<std::thread> all;
  for (int i = 0; i < 4; ++i)
    all.emplace_back([&] {
      while (!stop) {
        auto seen = verify(view(made->token));
        if (seen ? !seen->active : seen.error().reason != Reason::Sealed) ++odd;
        auto another = issue({.user = "bob"});
        if (!another && another.error().reason != Reason::Sealed) ++odd;
      }
    });
  for (int i = 0; i < 3; ++i) {
    vault->seal();
    unseal();
  }
  stop = true;
  for (auto& thread : all) thread.join();
  EXPECT_EQ(odd, 0);
}

TEST_F(Verify, AnAlteredRowIsCorruptNotInactive) {
  auto access = issue({.user = "alice"});
  auto other = issue({.user = "bob"});
  auto enrol = issue({.user = "alice", .kind = TokenKind::Enrol});
  ASSERT_OK(enrol);
  const auto alter = [&](std::int64_t sequence, std::function<void(kms::SealedRow&)> how) {
    return tamper([&, sequence](kms::Txn& txn) -> base::Result<void> {
      auto row = txn.get(kms::Table::Tokens, sequence);
      if (!row) return std::move(row).error();
      how(**row);
      return txn.put(kms::Table::Tokens, **row);
    });
  };
  const auto first = sequenceOf(access->accessor);
  const auto flip = [](kms::SealedRow& row) { row.sealed[3] ^= std::byte{1}; };
  ASSERT_OK(alter(first, flip));
  EXPECT_REASON(verify(view(access->token)), Reason::DatabaseCorrupt);
  EXPECT_REASON(tokens->authenticate(view(access->token)), Reason::DatabaseCorrupt);
  EXPECT_REASON(revoke(admin, byText(view(access->token))), Reason::DatabaseCorrupt);
  EXPECT_REASON(tokens->list("", "", 10), Reason::DatabaseCorrupt);
  EXPECT_REASON(tokens->tidy(), Reason::DatabaseCorrupt);
  ASSERT_OK(alter(first, flip));
  EXPECT_TRUE(verify(view(access->token))->active);
  ASSERT_OK(alter(first, [](kms::SealedRow& row) { ++row.revision; }));
  EXPECT_REASON(verify(view(access->token)), Reason::DatabaseCorrupt);
  ASSERT_OK(alter(sequenceOf(enrol->accessor), flip));
  EXPECT_REASON(redeem("alice", TokenKind::Enrol, view(enrol->token)), Reason::DatabaseCorrupt);
  // Another's row in its place.
  const auto second = sequenceOf(other->accessor);
  ASSERT_OK(alter(second, [first](kms::SealedRow& row) { row.key = first; }));
  EXPECT_REASON(verify(view(access->token)), Reason::DatabaseCorrupt);
  ASSERT_OK(tamper([](kms::Txn& txn) { return txn.erase(kms::Table::Users, 2); }));
  EXPECT_REASON(verify(view(other->token)), Reason::DatabaseCorrupt);
}

TEST_F(Verify, NoTokenIsInTheFilesOrOnRecord) {
  std::vector<std::string> secrets;
  for (const auto kind : {TokenKind::Access, TokenKind::Enrol}) {
    auto made = issue({.user = "alice", .kind = kind});
    ASSERT_OK(made);
    std::string text(view(made->token));
    secrets.push_back(kind == TokenKind::Access ? text.substr(26, 26) : text);
    if (kind == TokenKind::Enrol) {
      std::erase(text, '-');
      secrets.push_back(text);
    }
  }
  const auto found = [&](const std::string& what) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      if (content.find(what) != std::string::npos) ++files;
    }
    return files;
  };
  for (int again = 0; again < 2; ++again) {
    for (const auto& secret : secrets) EXPECT_EQ(found(secret), 0);
    EXPECT_GT(found("token_issued"), 0);  // the search itself works
    restart();                            // moves the log into the file
  }
}

}  // namespace
}  // namespace tests
