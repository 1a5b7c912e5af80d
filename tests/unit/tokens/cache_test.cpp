// Rows that are remembered never outlive a change: what was answered holds for whoever asks afterwards.
#include <thread>

#include "kms/keys/row_cache.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {
namespace {

class Remembered : public TokenTest {
 protected:
  std::string token(const std::string& user) {
    auto made = issue({.user = user});
    EXPECT_OK(made);
    return made ? std::string(base::view(made->token)) : "";
  }
  bool active(const std::string& text) {
    auto view = verify(text);
    EXPECT_OK(view);
    return view && view->active;
  }
};

TEST_F(Remembered, WhatBelongsToATokenOrItsUserIsSeenAtOnce) {
  ASSERT_OK(addUser("alice"));
  const std::string first = token("alice");
  const std::string second = token("alice");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(active(first));
    EXPECT_TRUE(active(second));
  }
  ASSERT_OK(revoke(admin, byText(first)));
  EXPECT_FALSE(active(first));
  EXPECT_TRUE(active(second));
  ASSERT_OK(changeUser(admin, "alice", {.role = kms::Role::Admin}));
  auto made = issue({.user = "alice", .scopes = {"kms:admin"}});
  ASSERT_OK(made);
  auto before = tokens->authenticate(base::view(made->token));
  ASSERT_OK(before);
  EXPECT_EQ(before->role, kms::Role::Admin);
  ASSERT_OK(changeUser(admin, "alice", {.role = kms::Role::User}));
  auto after = tokens->authenticate(base::view(made->token));
  ASSERT_OK(after);
  EXPECT_EQ(after->role, kms::Role::User);
  ASSERT_OK(revokeUser(admin, "alice"));
  EXPECT_FALSE(active(second));
}

TEST_F(Remembered, AUidThatWentToAnotherUserIsTheOther) {
  ASSERT_OK(addUser("alice", {.uid = 1000}));
  ASSERT_OK(addUser("bob"));
  ASSERT_EQ(users->actorForUid(1000)->name, "user alice");
  ASSERT_OK(changeUser(admin, "alice", {.clearUid = true}));
  EXPECT_FALSE(users->actorForUid(1000));
  ASSERT_OK(changeUser(admin, "bob", {.uid = 1000}));
  EXPECT_EQ(users->actorForUid(1000)->name, "user bob");
}

TEST_F(Remembered, ARowAlteredBehindTheServicesIsReadAnew) {
  ASSERT_OK(addUser("alice"));
  const std::string text = token("alice");
  ASSERT_TRUE(active(text));
  ASSERT_OK(tamper([](kms::Txn& txn) -> base::Result<void> {
    auto rows = txn.list(kms::Table::Tokens, 0, 1);
    if (!rows) return std::move(rows).error();
    rows->front().sealed.front() ^= std::byte{1};
    return txn.put(kms::Table::Tokens, rows->front());
  }));
  EXPECT_REASON(verify(text), base::Reason::DatabaseCorrupt);
}

TEST_F(Remembered, NothingOutlivesASeal) {
  ASSERT_OK(addUser("alice"));
  const std::string text = token("alice");
  ASSERT_TRUE(active(text));
  kms::RowCache* cache = nullptr;
  {
    auto hold = vault->hold();
    ASSERT_OK(hold);
    cache = (*hold)->cache();
    ASSERT_NE(cache, nullptr);
    EXPECT_TRUE(cache->find(kms::Table::Tokens, 1));
    EXPECT_TRUE(cache->find(kms::Table::Users, 1));
  }
  vault->seal();
  EXPECT_FALSE(cache->find(kms::Table::Tokens, 1));
  EXPECT_FALSE(cache->find(kms::Table::Users, 1));
  EXPECT_REASON(verify(text), base::Reason::Sealed);
  unseal();
  EXPECT_FALSE(cache->find(kms::Table::Tokens, 1));
  EXPECT_TRUE(active(text));
  ASSERT_OK(revoke(admin, byText(text)));
  EXPECT_FALSE(active(text));
}

TEST_F(Remembered, AOneTimeTextIsNeverKept) {
  ASSERT_OK(addUser("alice"));
  auto made = issue({.user = "alice", .kind = kms::TokenKind::Enrol});
  ASSERT_OK(made);
  auto view = verify(base::view(made->token), "alice");
  ASSERT_OK(view);
  EXPECT_TRUE(view->active);
  auto hold = vault->hold();
  ASSERT_OK(hold);
  EXPECT_FALSE((*hold)->cache()->find(kms::Table::Tokens, 1));
}

// Readers look at every token all the time, so that old rows are always about to be remembered.
TEST_F(Remembered, ARevocationThatWasAnsweredIsNeverFollowedByActive) {
  constexpr std::size_t kTokens = 300;
  ASSERT_OK(addUser("alice"));
  ASSERT_OK(addUser("bob"));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < kTokens; ++i) texts.push_back(token(i % 2 == 0 ? "alice" : "bob"));
  std::vector<std::atomic<bool>> revoked(kTokens);
  std::atomic<std::size_t> wrong{0};
  std::atomic<std::size_t> seen{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (std::size_t t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      for (std::size_t i = t; !stop; ++i) {
        const std::size_t at = i * 7 % kTokens;
        const bool was = revoked[at];
        auto view = verify(texts[at]);
        if (!view || (was && view->active)) ++wrong;
        ++seen;
      }
    });
  }
  for (std::size_t i = 0; i < kTokens; ++i) {
    if (i == kTokens / 2) {
      EXPECT_OK(revokeUser(admin, "bob"));
      for (std::size_t b = 1; b < kTokens; b += 2) revoked[b] = true;
    }
    EXPECT_OK(revoke(admin, byText(texts[i])));
    revoked[i] = true;
    const std::size_t enough = seen + 5;
    while (seen < enough) std::this_thread::yield();
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0U);
  for (const auto& text : texts) EXPECT_FALSE(active(text));
}

}  // namespace
}  // namespace tests
