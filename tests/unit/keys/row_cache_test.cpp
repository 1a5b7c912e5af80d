// The rules of RowCache one by one: what is taken, what is dropped, and that it stays within its bounds.
#include "kms/keys/row_cache.h"

#include <gtest/gtest.h>

namespace tests {
namespace {

using kms::Index;
using kms::RowCache;
using kms::Table;

base::Bytes plainOf(std::string_view text) {
  const auto view = base::asBytes(text);
  return {view.begin(), view.end()};
}

class RowCacheTest : public ::testing::Test {
 protected:
  void SetUp() override { cache.open(); }
  void keep(Table table, std::int64_t key, std::string_view text, std::uint64_t asOf) {
    cache.insert(table, key, 1, plainOf(text), asOf);
  }
  std::string kept(Table table, std::int64_t key) {
    const auto found = cache.find(table, key);
    return found ? std::string(base::asText(found->plain())) : "nothing";
  }
  RowCache cache;
};

TEST_F(RowCacheTest, KeepsRowsOfUsersAndTokensApart) {
  keep(Table::Tokens, 5, "token", 1);
  keep(Table::Users, 5, "user", 1);
  keep(Table::Keyring, 5, "keys", 1);
  EXPECT_EQ(kept(Table::Tokens, 5), "token");
  EXPECT_EQ(kept(Table::Users, 5), "user");
  EXPECT_EQ(kept(Table::Keyring, 5), "nothing");
  EXPECT_EQ(kept(Table::Tokens, 6), "nothing");
}

TEST_F(RowCacheTest, TakesNothingOfAnOlderOrUnknownView) {
  keep(Table::Tokens, 5, "unknown", 0);
  EXPECT_EQ(kept(Table::Tokens, 5), "nothing");
  cache.changing(Table::Tokens, 5, 10);
  cache.settled(11);
  keep(Table::Tokens, 5, "before it began", 9);
  keep(Table::Tokens, 5, "before it was committed", 10);
  EXPECT_EQ(kept(Table::Tokens, 5), "nothing");
  keep(Table::Tokens, 5, "after", 11);
  EXPECT_EQ(kept(Table::Tokens, 5), "after");
}

TEST_F(RowCacheTest, BetweenChangeAndCommitARowIsNotKeptAtAll) {
  keep(Table::Users, 5, "old", 1);
  cache.changing(Table::Users, 5, 10);
  EXPECT_EQ(kept(Table::Users, 5), "nothing");
  keep(Table::Users, 5, "not committed", kms::StoreReader::kLatest);
  keep(Table::Users, 5, "old", 10);
  EXPECT_EQ(kept(Table::Users, 5), "nothing");
  cache.settled(11);
  keep(Table::Users, 5, "new", kms::StoreReader::kLatest);
  EXPECT_EQ(kept(Table::Users, 5), "new");
}

TEST_F(RowCacheTest, ClosedItForgetsAllAndTakesNothing) {
  keep(Table::Tokens, 5, "token", 1);
  cache.leaveHint(Index::UserName, plainOf("alice"), 7);
  EXPECT_EQ(cache.hint(Index::UserName, plainOf("alice")), 7);
  EXPECT_EQ(cache.hint(Index::UserUid, plainOf("alice")), std::nullopt);
  cache.close();
  EXPECT_EQ(kept(Table::Tokens, 5), "nothing");
  keep(Table::Tokens, 5, "token", 1);
  cache.leaveHint(Index::UserName, plainOf("alice"), 7);
  cache.changing(Table::Tokens, 5, 10);
  cache.settled(11);
  cache.open();
  EXPECT_EQ(kept(Table::Tokens, 5), "nothing");
  EXPECT_EQ(cache.hint(Index::UserName, plainOf("alice")), std::nullopt);
}

TEST_F(RowCacheTest, RowsThatAreTooLargeAreNotKept) {
  const std::string most(RowCache::kTokenMost, 'x');
  keep(Table::Tokens, 1, most, 1);
  keep(Table::Tokens, 2, most + "y", 1);
  keep(Table::Users, 3, std::string(RowCache::kUserMost + 1, 'z'), 1);
  EXPECT_EQ(kept(Table::Tokens, 1), most);
  EXPECT_EQ(kept(Table::Tokens, 2), "nothing");
  EXPECT_EQ(kept(Table::Users, 3), "nothing");
}

TEST_F(RowCacheTest, HoldsAHundredThousandInUseAndStaysBounded) {
  constexpr std::int64_t kHot = 100'000;
  for (std::int64_t key = 1; key <= kHot; ++key) keep(Table::Tokens, key, std::to_string(key), 1);
  for (std::int64_t key = 1; key <= kHot; ++key) ASSERT_EQ(kept(Table::Tokens, key), std::to_string(key));
  std::int64_t there = 0;
  for (std::int64_t key = 1; key <= 10 * kHot; ++key) {
    keep(Table::Tokens, key, std::to_string(key), 1);
    keep(Table::Users, key, std::to_string(key), 1);
  }
  for (std::int64_t key = 1; key <= 10 * kHot; ++key) {
    const std::string text = kept(Table::Tokens, key);
    if (text != "nothing") {
      ++there;
      ASSERT_EQ(text, std::to_string(key));
    }
  }
  EXPECT_GE(there, kHot);
  EXPECT_LE(static_cast<std::size_t>(there) * RowCache::kTokenMost, RowCache::kBytes);
}

TEST_F(RowCacheTest, WhatIsWantedOutlivesWhatIsSeenOnce) {
  constexpr std::int64_t kWanted = 1000;
  for (std::int64_t key = 1; key <= kWanted; ++key) keep(Table::Tokens, key, "wanted", 1);
  for (std::int64_t key = 1'000'000; key < 1'400'000; ++key) {
    keep(Table::Tokens, key, "seen once", 1);
    if (key % 50'000 == 0)
      for (std::int64_t hot = 1; hot <= kWanted; ++hot) (void)cache.find(Table::Tokens, hot);
  }
  std::int64_t there = 0;
  for (std::int64_t key = 1; key <= kWanted; ++key)
    if (cache.find(Table::Tokens, key)) ++there;
  EXPECT_GE(there, kWanted * 9 / 10);
}

}  // namespace
}  // namespace tests
