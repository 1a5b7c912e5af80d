#include "kms/store/sqlite_schema.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>

#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using base::Code;
using kms::sqlite::Access;
using kms::sqlite::checkSchema;
using kms::sqlite::Connection;
using kms::sqlite::migrate;

constexpr std::array<const char*, 2> kTwo = {"CREATE TABLE a(x)",
                                             "CREATE TABLE b(x); INSERT INTO b VALUES(1)"};
constexpr std::array<const char*, 3> kThree = {kTwo[0], kTwo[1], "ALTER TABLE a ADD COLUMN y"};
constexpr std::array<const char*, 3> kBroken = {kTwo[0], kTwo[1], "CREATE TABLE c(x); CREATE TABLE b(x)"};

class Schema : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(file_).flush();
    auto opened = Connection::open(file_, Access::Write, 1U << 20U);
    ASSERT_TRUE(opened) << opened.error().what;
    db_ = std::make_unique<Connection>(*std::move(opened));
  }
  std::int64_t version() {
    auto value = db_->pragma("PRAGMA user_version");
    return value ? *value : -1;
  }
  Scratch scratch_;
  std::filesystem::path file_ = scratch_ / "kms.db";
  std::unique_ptr<Connection> db_;
};

TEST_F(Schema, RunsOnlyWhatIsMissing) {
  ASSERT_TRUE(migrate(*db_, kTwo));
  EXPECT_EQ(version(), 2);
  ASSERT_TRUE(migrate(*db_, kThree));
  EXPECT_EQ(version(), 3);
  ASSERT_TRUE(migrate(*db_, kThree));
  auto rows = db_->pragma("SELECT count(*) FROM b");
  EXPECT_TRUE(rows && *rows == 1);
  EXPECT_TRUE(checkSchema(*db_, kThree));
}

TEST_F(Schema, AnOlderFileIsCheckedAgainstItsOwnVersion) {
  ASSERT_TRUE(migrate(*db_, kTwo));
  EXPECT_TRUE(checkSchema(*db_, kThree));
  ASSERT_TRUE(db_->script("DROP TABLE b"));
  auto checked = checkSchema(*db_, kThree);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::Corrupt);
}

TEST_F(Schema, AFailingScriptLeavesTheVersionBefore) {
  EXPECT_FALSE(migrate(*db_, kBroken));
  EXPECT_EQ(version(), 2);
  EXPECT_TRUE(checkSchema(*db_, kThree));  // no table c
  EXPECT_TRUE(migrate(*db_, kThree));
}

TEST_F(Schema, ANewerFileIsRefused) {
  ASSERT_TRUE(migrate(*db_, kThree));
  for (auto result : {migrate(*db_, kTwo), checkSchema(*db_, kTwo)}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::Unsupported);
  }
}

TEST_F(Schema, AnEmptyFileIsNoDatabase) {
  auto checked = checkSchema(*db_, kTwo);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::Corrupt);
}

// A database of each older format, as a server left it, becomes one of today's and keeps what is in it.
TEST(OlderDatabase, OpensAndKeepsItsRows) {
  const auto scripts = kms::sqlite::migrations();
  for (std::size_t version = 1; version <= scripts.size(); ++version) {
    const Scratch scratch;
    const auto file = scratch / "kms.db";
    std::ofstream(file).flush();
    {
      auto db = Connection::open(file, Access::Write, 1U << 20U);
      ASSERT_TRUE(db);
      ASSERT_TRUE(migrate(*db, scripts.first(version)));
      ASSERT_TRUE(
          db->script("INSERT INTO users VALUES(7,1,1,1,1,x'0102'); INSERT INTO numbers VALUES('n',5)"));
    }
    auto store = kms::openSqliteStore(file);
    ASSERT_TRUE(store) << version << ": " << store.error().what;
    EXPECT_TRUE((*store)->writeAndWait([](kms::Txn& txn) -> base::Result<void> {
      auto user = txn.get(kms::Table::Users, 7);
      EXPECT_TRUE(user && *user);
      EXPECT_EQ(txn.number("n")->value_or(0), 5);
      return txn.put(kms::Table::Certificates, {1, 1, 1, 1, 1, {std::byte{1}}});
    }));
  }
}

}  // namespace
}  // namespace tests
