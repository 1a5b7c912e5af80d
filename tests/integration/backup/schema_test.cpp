// Backups of other versions of keydisk: an older database is brought up to date, a later one is refused.
#include <sqlite3.h>

#include "kms/backup/check.h"
#include "kms/backup/source.h"
#include "kms/store/sqlite_store.h"
#include "tests/integration/backup/hosts.h"

namespace tests {
namespace {

namespace kb = kms::backup;

class OtherSchema : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    open(old_);
    ASSERT_ENDS(old_.ctl({"user", "add", "alice"}), 0);
    access_ = token(old_, "alice", "access");
    ASSERT_EQ(old_.stop(), 0);
    ASSERT_ENDS(old_.kmsd({"backup", backup(), "--data-dir", old_.data(), "--final", "--unsigned"}), 0);
    prepare(new_);
  }

  // Takes the backup apart into files, has `change` work on header and database, and puts it together anew.
  void remake(const std::function<void(kb::Header&, const std::filesystem::path& database)>& change) {
    const Scratch scratch;
    std::vector<kb::PartFile> parts;
    kb::Check taken({{}, [&](const kb::ChunkHead& head, base::BytesView data) -> base::Result<void> {
                       const auto file = scratch / (std::to_string(static_cast<int>(head.part)) + "-" +
                                                    std::to_string(head.segment));
                       if (parts.empty() || parts.back().file != file)
                         parts.push_back({head.part, head.segment, file, 0});
                       std::ofstream(file, std::ios::binary | std::ios::app) << base::asText(data);
                       return {};
                     }});
    const std::string whole = slurp(backup());
    ASSERT_TRUE(taken.feed(base::asBytes(whole)));
    ASSERT_TRUE(taken.finish());
    kb::Header header = *taken.header();
    ASSERT_EQ(parts.front().part, kb::Part::Database);
    change(header, parts.front().file);
    for (kb::PartFile& part : parts) part.length = std::filesystem::file_size(part.file);
    const std::atomic<bool> stop = false;
    auto source = kb::Source::create(header, parts, {}, stop);
    ASSERT_TRUE(source);
    base::Bytes all((*source)->size());
    const auto got = (*source)->read(all);
    ASSERT_TRUE(got);
    ASSERT_EQ(*got, all.size());
    std::ofstream(backup(), std::ios::binary | std::ios::trunc) << base::asText(all);
  }

  static void sql(const std::filesystem::path& database, const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(database.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  Ran restore() { return new_.kmsd({"restore", backup(), "--data-dir", new_.data(), "--accept-unsigned"}); }

  std::string access_;
};

TEST_F(OtherSchema, AnOlderOneIsBroughtUpToDate) {
  // Format 3 is that of before the certificate authority.
  remake([](kb::Header& header, const std::filesystem::path& database) {
    header.schema = 3;
    for (const char* table : {"authorities", "certificates", "archive", "approvals", "revocations"})
      sql(database, std::string("DROP TABLE ") + table);
    sql(database, "PRAGMA user_version=3");
  });
  const Ran checked = new_.kmsd({"backup", "check", backup()});
  ASSERT_ENDS(checked, 0);
  EXPECT_TRUE(says(checked.out, "database format 3"));
  ASSERT_ENDS(restore(), 0);
  carry("key.img");
  open(new_);
  EXPECT_EQ(new_.ctl({"token", "verify", "-"}, access_).exit, 0);
  EXPECT_EQ(new_.ctl({"ca", "init"}).exit, 0) << "the tables of today are there";
  ASSERT_EQ(new_.stop(), 0);
  const auto again = old_.safe() / "again.kdb";
  const Ran made = new_.kmsd({"backup", again, "--data-dir", new_.data()});
  ASSERT_ENDS(made, 0);
  EXPECT_TRUE(says(made.out, "database format " + std::to_string(kms::storeSchema())));
}

TEST_F(OtherSchema, ALaterOneIsRefusedBeforeAnythingIsWritten) {
  remake([](kb::Header& header, const std::filesystem::path&) { header.schema = kms::storeSchema() + 1; });
  EXPECT_EQ(new_.kmsd({"backup", "check", backup()}).exit, 0) << "it is whole";
  const Ran refused = restore();
  EXPECT_EQ(refused.exit, 8) << refused.err;
  EXPECT_TRUE(says(refused.err, "install the newer version"));
  EXPECT_FALSE(std::filesystem::exists(new_.data()));
}

// The header is not believed: what counts is the database.
TEST_F(OtherSchema, ALaterOneThatSaysItIsNotIsRefusedToo) {
  remake([](kb::Header&, const std::filesystem::path& database) {
    sql(database, "PRAGMA user_version=" + std::to_string(kms::storeSchema() + 1));
  });
  const Ran refused = restore();
  EXPECT_EQ(refused.exit, 8) << refused.err;
  EXPECT_TRUE(says(refused.err, "install the newer version"));
  EXPECT_FALSE(std::filesystem::exists(new_.data()));
}

}  // namespace
}  // namespace tests
