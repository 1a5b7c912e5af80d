// Sealed rows through the open keys, over a real database.
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/keys/fixture.h"

namespace {

using base::asBytes;
using base::Reason;
using kms::Table;
using tests::Founded;

class Rows : public ::testing::Test {
 protected:
  void SetUp() override {
    vault.emplace(*f.store, f.server, base::systemRng());
    const auto opened = vault->unseal(f.offer(Founded::kFirst, Founded::kFirst));
    ASSERT_TRUE(opened) << opened.error().what;
  }
  void restart() {
    vault.reset();
    f.reopen();
    vault.emplace(*f.store, f.server, base::systemRng());
  }
  kms::Vault::Hold keys() { return *vault->hold(); }
  kms::SealedRow sealed(std::string_view text) { return *keys()->seal(Table::Users, 5, 1, asBytes(text)); }

  Founded f;
  std::optional<kms::Vault> vault;
};

TEST_F(Rows, OpenAsTheyWereSealed) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{256 * 1024}}) {
    const std::string text(size, 'x');
    const auto row = keys()->seal(Table::Tokens, 7, 3, asBytes(text));
    ASSERT_TRUE(row) << row.error().what;
    EXPECT_EQ(row->key, 7);
    EXPECT_EQ(row->revision, 3U);
    EXPECT_EQ(row->sealed.size(), size + 16);
    const auto plain = keys()->open(Table::Tokens, *row);
    ASSERT_TRUE(plain) << plain.error().what;
    EXPECT_EQ(base::asText(*plain), text);
  }
  EXPECT_EQ(keys()->seal(Table::Users, 1, 1, base::Bytes(256 * 1024 + 1)).error().code, base::Code::Invalid);
}

TEST_F(Rows, DoNotOpenWhereOrAsSomethingElse) {
  const kms::SealedRow row = sealed("alice");
  const auto refused = [&](Table table, auto change) {
    kms::SealedRow moved = row;
    change(moved);
    const auto plain = keys()->open(table, moved);
    return !plain && plain.error().reason == Reason::DatabaseCorrupt;
  };
  EXPECT_FALSE(refused(Table::Users, [](auto&) {}));
  EXPECT_TRUE(refused(Table::Tokens, [](auto&) {}));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { ++r.key; }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { ++r.revision; }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { ++r.generation; }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { ++r.counter; }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { r.epoch = 1; }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { r.epoch = 99; }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { r.epoch = -1; }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { r.sealed.clear(); }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { r.sealed.resize(15); }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { r.sealed.push_back({}); }));
  EXPECT_TRUE(refused(Table::Users, [](auto& r) { r.sealed.resize(1 << 20); }));
  for (std::size_t at = 0; at < row.sealed.size(); ++at)
    EXPECT_TRUE(refused(Table::Users, [at](auto& r) { r.sealed[at] ^= std::byte{0x80}; })) << at;
}

TEST_F(Rows, OpenInLaterEpochsMoreThanAreKeptToo) {
  constexpr int kUnseals = 70;  // above RowCipher::kKept; the ciphers of the oldest give way
  std::vector<kms::SealedRow> rows;
  for (int i = 0; i < kUnseals; ++i) {
    rows.push_back(sealed(std::to_string(i)));
    vault->seal();
    if (i == kUnseals / 2) restart();
    ASSERT_TRUE(vault->unseal(f.offer(Founded::kSecond, Founded::kSecond)));
  }
  for (int twice = 0; twice < 2; ++twice)
    for (int i = 0; i < kUnseals; ++i) {
      const auto plain = keys()->open(Table::Users, rows[static_cast<std::size_t>(i)]);
      ASSERT_TRUE(plain) << plain.error().what;
      EXPECT_EQ(base::asText(*plain), std::to_string(i));
    }
}

TEST_F(Rows, NeverUseANonceTwice) {
  std::set<std::pair<std::int64_t, std::uint64_t>> nonces;
  for (int unsealing = 0; unsealing < 5; ++unsealing) {
    for (int i = 0; i < 100; ++i) {
      const kms::SealedRow row = sealed("x");
      EXPECT_TRUE(nonces.emplace(row.epoch, row.counter).second) << row.epoch << ":" << row.counter;
    }
    restart();
    ASSERT_TRUE(vault->unseal(f.offer(Founded::kFirst, Founded::kFirst)));
  }
}

// A restored database gives the same epoch number again; its key must be another.
TEST_F(Rows, ShareNoKeyStreamAfterARestore) {
  vault->seal();
  f.store.reset();
  std::filesystem::copy(f.scratch / "kms.db", f.scratch / "backup.db");
  std::vector<kms::SealedRow> rows;
  for (int run = 0; run < 2; ++run) {
    std::filesystem::copy_file(f.scratch / "backup.db", f.scratch / "kms.db",
                               std::filesystem::copy_options::overwrite_existing);
    f.store = *kms::openSqliteStore(f.scratch / "kms.db");
    kms::Vault again(*f.store, f.server, base::systemRng());
    ASSERT_TRUE(again.unseal(f.offer(Founded::kFirst, Founded::kFirst)));
    rows.push_back(*(*again.hold())->seal(Table::Users, 5, 1, asBytes("the same text")));
    again.seal();
    f.store.reset();
  }
  ASSERT_EQ(rows[0].epoch, rows[1].epoch);
  ASSERT_EQ(rows[0].counter, rows[1].counter);
  EXPECT_NE(rows[0].sealed, rows[1].sealed);
}

TEST_F(Rows, AccessorsTellNothingAndCannotBeMadeUp) {
  std::set<std::string> seen;
  for (const std::int64_t sequence : {0L, 1L, 2L, 1'000'000'007L, 9'223'372'036'854'775'807L}) {
    const std::string accessor = keys()->accessor(sequence);
    EXPECT_EQ(accessor.size(), kms::OpenKeys::kAccessorLength);
    EXPECT_TRUE(seen.insert(accessor).second);
    EXPECT_EQ(keys()->sequenceOf(accessor), sequence);
    for (std::size_t at = 0; at < accessor.size(); ++at) {
      std::string altered = accessor;
      altered[at] = altered[at] == '0' ? '1' : '0';
      EXPECT_EQ(keys()->sequenceOf(altered), std::nullopt) << at;
    }
    EXPECT_EQ(keys()->sequenceOf(accessor.substr(1)), std::nullopt);
    EXPECT_EQ(keys()->sequenceOf(accessor + "0"), std::nullopt);
  }
  EXPECT_EQ(keys()->sequenceOf(""), std::nullopt);
}

TEST_F(Rows, MacsAndAccessorsOutliveTheUnsealing) {
  const auto token = keys()->tokenMac(asBytes("secret"));
  const auto name = keys()->indexMac(kms::Index::UserName, asBytes("1000"));
  const std::string accessor = keys()->accessor(42);
  EXPECT_NE(name, keys()->indexMac(kms::Index::UserUid, asBytes("1000")));
  EXPECT_NE(token, keys()->indexMac(kms::Index::UserName, asBytes("secret")));
  vault->seal();
  ASSERT_TRUE(vault->unseal(f.offer(Founded::kSecond, Founded::kSecond)));
  EXPECT_EQ(token, keys()->tokenMac(asBytes("secret")));
  EXPECT_EQ(name, keys()->indexMac(kms::Index::UserName, asBytes("1000")));
  EXPECT_EQ(keys()->sequenceOf(accessor), 42);
}

}  // namespace
