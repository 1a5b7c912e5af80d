// What goes on record: damage met at any time, keys that were refused, and who sealed.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "hal/key_file.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/server.h"

namespace tests {
namespace {

class OnRecord : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.setUp();
    server_.insert("key.img");
    server_.start();
    server_.expectState("unsealed", "");
  }
  std::filesystem::path database() const { return server_.data() / "security" / "kms.db"; }
  // The audit log of a stopped server.
  std::string onRecord() {
    std::stringstream all;
    for (const auto& file : std::filesystem::directory_iterator(server_.data() / "security" / "audit"))
      all << std::ifstream(file.path()).rdbuf();
    return all.str();
  }

  Server server_;
};

TEST_F(OnRecord, AnAlteredRowIsEvent5085AndNotAbsence) {
  ASSERT_EQ(server_.ctl({"user", "add", "alice", "bob"}).exit, 0);
  ASSERT_EQ(server_.stop(), 0);
  {
    auto store = kms::openSqliteStore(database());
    ASSERT_TRUE(store) << store.error().what;
    ASSERT_TRUE((*store)->writeAndWait([](kms::Txn& txn) -> base::Result<void> {
      auto row = txn.get(kms::Table::Users, 2);
      if (!row) return std::move(row).error();
      (*row)->sealed[5] ^= std::byte{1};
      return txn.put(kms::Table::Users, **row);
    }));
  }
  server_.start();
  server_.expectState("unsealed", "");
  EXPECT_EQ(server_.ctl({"user", "show", "alice"}).exit, 0);
  EXPECT_EQ(server_.ctl({"user", "show", "bob"}).exit, 8);
  EXPECT_NE(server_.log().find("[5085]"), std::string::npos) << server_.log();
  ASSERT_EQ(server_.stop(), 0);
  EXPECT_NE(onRecord().find("5085"), std::string::npos);
}

TEST_F(OnRecord, WhoSealedAndWhoUnsealed) {
  ASSERT_EQ(server_.ctl({"seal"}).exit, 0);
  ASSERT_EQ(server_.ctl({"unseal"}).exit, 0);
  ASSERT_EQ(server_.stop(), 0);
  const std::string all = onRecord();
  const std::string me = "\"actor\":\"uid " + std::to_string(::geteuid()) + "\"";
  for (const char* event : {"\"event\":5002", "\"event\":5001"}) {
    bool mine = false;
    std::istringstream lines(all);
    for (std::string line; std::getline(lines, line);)
      mine = mine || (line.find(event) != std::string::npos && line.find(me) != std::string::npos);
    EXPECT_TRUE(mine) << event << " by " << me << " in\n" << all;
  }
}

TEST_F(OnRecord, ARefusedTypedKeyIsEvent5057) {
  ASSERT_EQ(server_.ctl({"seal"}).exit, 0);
  const auto key = base::MasterKey::generate(base::systemRng());
  const auto pwd = hal::formatPwd(*key);
  const Ran ran = server_.ctl({"unseal", "--pwd-file", "-"}, std::string(pwd->text()));
  EXPECT_EQ(ran.exit, 4) << ran.err;
  EXPECT_NE(server_.log().find("[5057]"), std::string::npos) << server_.log();
  EXPECT_EQ(server_.log().find(std::string(pwd->text())), std::string::npos);
  server_.expectState("sealed", "sealed_by_command");
}

TEST(Waiting, APlaceThatCannotBeLookedAtIsSaid) {
  Server server;
  server.setUp();
  server.startWith({"--medium", "floppy:/dev/none"});
  EXPECT_TRUE(waitUntil([&] {
    const auto status = server.status();
    const auto* detail = status.if_contains("detail");
    return detail != nullptr && detail->as_string().find("no drive") != std::string::npos;
  })) << server.ctl({"status"}).out;
  const Ran ran = server.ctl({"unseal"});
  EXPECT_EQ(ran.exit, 5);
  EXPECT_NE(ran.err.find("no drive"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace tests
