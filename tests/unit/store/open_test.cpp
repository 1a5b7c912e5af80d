#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>

#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"
#include "tests/support/store_rows.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Reason;

class OpenStore : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = kms::createSqliteStore(file_);
    ASSERT_TRUE(made) << made.error().what;
    ASSERT_TRUE((*made)->writeAndWait([](kms::Txn& txn) -> base::Result<void> {
      for (int i = 0; i < 500; ++i) {
        auto put = txn.put(kms::Table::Tokens, rowOf(i, std::string(200, 'x')));
        if (!put) return put;
      }
      return txn.addSlot({1, bytesOf("header"), bytesOf("wrapped")});
    }));
  }
  void expectError(Code code, Reason reason) const {
    auto opened = kms::openSqliteStore(file_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code) << opened.error().what;
    EXPECT_EQ(opened.error().reason, reason) << opened.error().what;
  }
  void expectCorrupt() const { expectError(Code::Corrupt, Reason::DatabaseCorrupt); }
  void overwrite(std::streamoff at, const std::string& bytes) const {
    std::fstream out(file_, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(at);
    out << bytes;
    ASSERT_TRUE(out.flush());
  }
  void sql(const char* text) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  Scratch scratch_;
  fs::path file_ = scratch_ / "kms.db";
};

TEST_F(OpenStore, FilesAreForTheOwnerOnlyWhateverTheUmask) {
  const mode_t before = ::umask(0);
  const fs::path other = scratch_ / "other.db";
  auto made = kms::createSqliteStore(other);
  ASSERT_TRUE(made) << made.error().what;
  ASSERT_TRUE((*made)->writeAndWait(putJob(1)));
  ::umask(before);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info {};
    ASSERT_EQ(::stat((other.string() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 07777U, 0600U) << suffix;
  }
}

TEST_F(OpenStore, CreatingReplacesNothing) {
  auto again = kms::createSqliteStore(file_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::Conflict);
  std::ofstream(scratch_ / "left.db-wal") << "an old log";
  auto left = kms::createSqliteStore(scratch_ / "left.db");
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code, Code::Conflict);
  auto nowhere = kms::createSqliteStore(scratch_ / "none" / "kms.db");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Code::NotFound);
  EXPECT_TRUE(kms::openSqliteStore(file_));
}

TEST_F(OpenStore, ClosesToOneFileWithoutLog) {
  EXPECT_FALSE(fs::exists(file_.string() + "-wal"));
  EXPECT_FALSE(fs::exists(file_.string() + "-shm"));
  EXPECT_FALSE(fs::exists(file_.string() + ".new"));
}

TEST_F(OpenStore, SaysThatItIsMissing) {
  fs::remove(file_);
  expectError(Code::NotFound, Reason::DatabaseMissing);
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(OpenStore, ADirectoryIsNoDatabase) {
  fs::remove(file_);
  fs::create_directory(file_);
  expectCorrupt();
}

TEST_F(OpenStore, FindsTruncationAtAnySize) {
  const auto whole = fs::file_size(file_);
  const std::uintmax_t kSizes[] = {0,    1,    15,   16,   50,    99,           100,
                                   1024, 4095, 4096, 8192, 20000, whole - 4096, whole - 4097};
  const fs::path copy = scratch_ / "copy";
  fs::copy_file(file_, copy);
  for (const auto size : kSizes) {
    SCOPED_TRACE(size);
    fs::copy_file(copy, file_, fs::copy_options::overwrite_existing);
    fs::resize_file(file_, size);
    expectCorrupt();
  }
}

TEST_F(OpenStore, FindsADamagedHeader) {
  overwrite(0, "not a database..");
  expectCorrupt();
}

TEST_F(OpenStore, RefusesTheDatabaseOfAnotherProgramAndLeavesIt) {
  sql("PRAGMA journal_mode=DELETE; PRAGMA application_id=7");
  const auto before = fs::last_write_time(file_);
  expectCorrupt();
  EXPECT_EQ(fs::last_write_time(file_), before);
}

TEST_F(OpenStore, RefusesANewerFormat) {
  sql("PRAGMA user_version=1000");
  auto opened = kms::openSqliteStore(file_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::Unsupported);
  EXPECT_NE(opened.error().what.find("newer"), std::string::npos);
}

TEST_F(OpenStore, RefusesAMissingTableAndAForeignTrigger) {
  sql("CREATE TRIGGER foreign_one AFTER INSERT ON tokens BEGIN DELETE FROM tokens; END");
  expectCorrupt();
  sql("DROP TRIGGER foreign_one");
  EXPECT_TRUE(kms::openSqliteStore(file_));
  sql("DROP TABLE user_tokens");
  expectCorrupt();
}

TEST_F(OpenStore, FindsDamageMetLater) {
  // Every page of the tokens' leaves is spoilt; the schema on page 1 and the slots are not.
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
  std::vector<std::int64_t> offsets;
  const auto note = [](void* all, int, char** values, char**) {
    static_cast<std::vector<std::int64_t>*>(all)->push_back(std::stoll(values[0]));
    return 0;
  };
  ASSERT_EQ(sqlite3_exec(db, "SELECT pgoffset FROM dbstat WHERE name='tokens'", note, &offsets, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  ASSERT_GT(offsets.size(), 10U);
  for (const auto offset : offsets) overwrite(offset, std::string(4096, '\x5a'));
  auto opened = kms::openSqliteStore(file_);
  ASSERT_TRUE(opened) << opened.error().what;
  for (auto result : {(*opened)->writeAndWait(putJob(1)), (*opened)->read([](kms::StoreReader& reader) {
                        auto row = reader.get(kms::Table::Tokens, 1);
                        return row ? base::Result<void>() : base::Result<void>(row.error());
                      })}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::Corrupt);
    EXPECT_EQ(result.error().reason, Reason::DatabaseCorrupt);
  }
}

// A second program may look at the file; while it holds the write lock, nothing is lost on either side.
TEST_F(OpenStore, SharesTheFileWithASecondWriter) {
  auto one = kms::openSqliteStore(file_);
  auto two = kms::openSqliteStore(file_);
  ASSERT_TRUE(one && two);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE((*one)->writeAndWait(putJob(1000 + 2 * i)));
    EXPECT_TRUE((*two)->writeAndWait(putJob(1001 + 2 * i)));
  }
  EXPECT_EQ(tokenKeys(**one).size(), 540U);
  EXPECT_EQ(tokenKeys(**one), tokenKeys(**two));
}

}  // namespace
}  // namespace tests
