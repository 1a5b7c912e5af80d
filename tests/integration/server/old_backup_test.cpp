// An old copy of a server, and a medium that went since then, open nothing of today's data: neither together
// with today's database, nor out of what is left in its files.
#include "tests/integration/server/renewal_host.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

// Each way in which a medium goes.
class OldBackup : public RenewalHost, public ::testing::WithParamInterface<const char*> {
 protected:
  void endTheSpare() const {
    const std::string way = GetParam();
    if (way == "rotate")
      done(offline({"rotate", "--medium", disk("key.img"), "--drop", mediumId("lost.img")}));
    if (way == "retire")
      done(offline({"medium", "retire", mediumId("lost.img"), "--medium", disk("key.img")}));
    if (way == "rekey") done(offline({"rekey", disk("spare.img"), "--medium", disk("key.img")}));
  }
};

TEST_P(OldBackup, WithTheMediumThatWentDoesNotOpenTodaysData) {
  fill();
  const fs::path backup = server_.safe() / "old.kdb";
  done(offline({"backup", backup.string(), "--medium", disk("key.img")}));
  fs::copy_file(server_.safe() / "spare.img", server_.safe() / "lost.img");  // who took it has a copy of it
  open();
  ASSERT_EQ(server_.ctl({"user", "add", "today"}).exit, 0);
  ASSERT_EQ(server_.stop(), 0);
  const std::string wrapped = sql(server_.data(), "SELECT lower(hex(wrapped)) FROM slots");
  ASSERT_NO_FATAL_FAILURE(endTheSpare());

  const fs::path other = server_.safe() / "other";
  done({"restore", backup.string(), "--data-dir", other.string()});
  EXPECT_EQ(opens("lost.img", other), 0) << "that is what an old backup is";
  EXPECT_EQ(opens("lost.img", server_.data()), 4);
  EXPECT_EQ(opens("key.img", server_.data()), 0);
  // With the old slots in today's database, and so the old root key: none of its rows opens.
  const fs::path mixed = server_.safe() / "mixed";
  copyTree(server_.data(), mixed);
  sql(mixed, "ATTACH '" + (other / "security/kms.db").string() +
                 "' AS old; DELETE FROM slots; INSERT INTO slots SELECT * FROM old.slots;");
  EXPECT_EQ(opens("lost.img", mixed), 8) << "its keyring is sealed under another root key";
  // And with the old keyring and epochs, too, so that the old root key finds its own: today's users are not
  // among what it opens.
  sql(mixed, "ATTACH '" + (other / "security/kms.db").string() +
                 "' AS old; DELETE FROM keyring; INSERT INTO keyring SELECT * FROM old.keyring;");
  EXPECT_EQ(opens("lost.img", mixed), 0);
  EXPECT_EQ(sql(mixed, "SELECT count(*) FROM users WHERE generation=1"), "0\n");
  fs::copy_file(server_.safe() / "lost.img", server_.drive() / "lost.img");
  server_.pull("key.img");
  fs::rename(server_.data(), server_.safe() / "today");
  fs::rename(mixed, server_.data());
  server_.startWith({"--medium", "image:" + (server_.drive() / "lost.img").string(), "--accept-older"});
  EXPECT_NE(server_.ctl({"user", "show", "today"}).exit, 0);
  EXPECT_NE(server_.ctl({"user", "show", "alice"}).exit, 0);
  server_.stop();
}

// Neither the old slots nor a row that the old root key opens lie anywhere in the files.
TEST_P(OldBackup, NothingIsLeftInTheFiles) {
  fill();
  fs::copy_file(server_.safe() / "spare.img", server_.safe() / "lost.img");
  std::vector<std::string> old;
  const auto add = [&](const std::string& query) {
    std::istringstream lines(sql(server_.data(), query));
    for (std::string line; std::getline(lines, line);) old.push_back(line);
  };
  for (const char* table : {"keyring", "users", "tokens", "authorities", "certificates", "archive"})
    add(std::string("SELECT lower(hex(sealed)) FROM ") + table);
  const std::size_t rows = old.size();
  ASSERT_GT(rows, 40U);
  add("SELECT lower(hex(wrapped)) FROM slots");
  ASSERT_NO_FATAL_FAILURE(endTheSpare());
  for (const auto& file : fs::recursive_directory_iterator(server_.data())) {
    if (!file.is_regular_file()) continue;
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (const char c : content(file.path())) {
      hex.push_back(kDigits[static_cast<unsigned char>(c) / 16]);
      hex.push_back(kDigits[static_cast<unsigned char>(c) % 16]);
    }
    for (const std::string& sealed : old) {
      // Its first and its last bytes: of a row that was moved, parts may be left.
      EXPECT_EQ(hex.find(sealed.substr(0, 32)), hex.npos) << file.path() << ": " << sealed;
      EXPECT_EQ(hex.find(sealed.substr(sealed.size() - 32)), hex.npos) << file.path() << ": " << sealed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, OldBackup, ::testing::Values("rotate", "retire", "rekey"),
                         [](const auto& way) { return std::string(way.param); });

}  // namespace
}  // namespace tests
