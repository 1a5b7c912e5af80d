// The audit log of a real server: what comes into its files, and what happens when somebody alters them.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/server.h"

namespace tests {
namespace {

class AuditServer : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.setUp();
    server_.insert("key.img");
    server_.start();
    server_.expectState("unsealed", "");
  }
  std::filesystem::path file(const std::string& name = "000001.jsonl") const {
    return server_.data() / "security" / "audit" / name;
  }
  static std::string readAll(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  void alter(const std::string& from, const std::string& to) {
    std::string text = readAll(file());
    const auto at = text.rfind(from);
    ASSERT_NE(at, std::string::npos) << text;
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << text.replace(at, from.size(), to);
  }

  Server server_;
};

TEST_F(AuditServer, TellsOfAllThatWasDone) {
  ASSERT_EQ(server_.ctl({"user", "add", "alice"}).exit, 0);
  const auto token = server_.ctlJson({"token", "issue", "--user", "alice"}).as_object();
  const std::string accessor(token.at("accessor").as_string().c_str());
  ASSERT_EQ(server_.ctl({"token", "revoke", "--accessor", accessor}).exit, 0);
  ASSERT_EQ(server_.ctl({"seal"}).exit, 0);

  const Ran sealed = server_.ctl({"audit", "verify"});
  EXPECT_EQ(sealed.exit, 0) << sealed.out << sealed.err;
  EXPECT_NE(sealed.out.find("not checked while sealed"), std::string::npos) << sealed.out;
  EXPECT_NE(sealed.out.find("chain only: open the server"), std::string::npos) << sealed.out;
  EXPECT_TRUE(server_.ctlJson({"audit", "verify"}).at("sound").is_null());
  EXPECT_EQ(server_.ctl({"audit", "verify", "--store"}).exit, 3);

  const std::string text = readAll(file());
  std::size_t at = 0;
  for (const char* name : {"server_founded", "unsealed", "user_added", "token_issued", "token_revoked",
                           "\"checkpoint\"", "\"name\":\"sealed\""}) {
    at = text.find(name, at);
    EXPECT_NE(at, std::string::npos) << name << " in\n" << text;
  }
  EXPECT_NE(text.find("\"sealed\":true}", at), std::string::npos);
  EXPECT_NE(text.find(accessor), std::string::npos);

  ASSERT_EQ(server_.ctl({"unseal"}).exit, 0);
  const Ran whole = server_.ctl({"audit", "verify", "--store"});
  EXPECT_EQ(whole.exit, 0) << whole.out << whole.err;
  EXPECT_NE(whole.out.find("1 users, 1 tokens"), std::string::npos) << whole.out;
  const auto json = server_.ctlJson({"audit", "verify", "--store"}).as_object();
  EXPECT_TRUE(json.at("sound").as_bool());
  EXPECT_TRUE(json.at("checkpoints_checked").as_bool());
}

TEST_F(AuditServer, AStopAndAStartLoseNothing) {
  ASSERT_EQ(server_.ctl({"user", "add", "alice", "bob"}).exit, 0);
  ASSERT_EQ(server_.stop(), 0);
  EXPECT_NE(readAll(file()).find("\"bob\""), std::string::npos);
  server_.start();
  server_.expectState("unsealed", "");
  EXPECT_EQ(server_.ctl({"audit", "verify", "--store"}).exit, 0);
}

TEST_F(AuditServer, AnAlteredLineKeepsItSealedUntilAnAdministratorAccepts) {
  ASSERT_EQ(server_.ctl({"user", "add", "alice"}).exit, 0);
  ASSERT_EQ(server_.ctl({"seal"}).exit, 0);
  ASSERT_TRUE(waitUntil([&] { return readAll(file()).find("\"name\":\"sealed\"") != std::string::npos; }));
  ASSERT_EQ(server_.stop(), 0);
  const std::string me = "\"name\":\"sealed\",\"actor\":\"uid " + std::to_string(::geteuid());
  std::string other = me;
  other[other.find("uid")] = 'U';
  alter(me, other);
  const std::string altered = readAll(file());

  server_.start();
  server_.expectState("sealed", "audit_broken");
  EXPECT_EQ(server_.status().at("event").as_int64(), 5058);
  const std::string detail(server_.status().at("detail").as_string().c_str());
  EXPECT_NE(detail.find("000001.jsonl, line "), std::string::npos) << detail;
  EXPECT_EQ(server_.log().find("[5057]"), std::string::npos) << "the medium is not to blame";
  const Ran refused = server_.ctl({"unseal"});
  EXPECT_EQ(refused.exit, 8) << refused.err;
  EXPECT_NE(refused.err.find("line "), std::string::npos) << refused.err;

  const Ran accepted = server_.ctl({"unseal", "--accept-broken-audit"});
  ASSERT_EQ(accepted.exit, 0) << accepted.err;
  EXPECT_TRUE(readAll(file()).starts_with(altered)) << "nothing is put away";
  EXPECT_NE(readAll(file("000002.jsonl")).find("audit_accepted"), std::string::npos);
  EXPECT_EQ(server_.ctl({"user", "add", "bob"}).exit, 0);
  const Ran whole = server_.ctl({"audit", "verify"});
  EXPECT_EQ(whole.exit, 1);
  EXPECT_NE(whole.out.find("accepted by uid "), std::string::npos) << whole.out;
  ASSERT_EQ(server_.stop(), 0);
  server_.start();
  server_.expectState("unsealed", "");
}

}  // namespace
}  // namespace tests
