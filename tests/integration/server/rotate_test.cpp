// What a new root key and new token keys leave as it was: users, tokens and the audit log, over the real
// programs.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/server.h"

namespace tests {
namespace {

class RotateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.setUp();
    server_.insert("key.img");
    open();
  }
  void open() {
    server_.start();
    server_.expectState("unsealed", "");
  }
  std::string disk(const std::string& name) const { return "image:" + (server_.safe() / name).string(); }
  // With the daemon stopped.
  Ran offline(std::vector<std::string> words) const {
    words.insert(words.end(), {"--data-dir", server_.data().string()});
    return server_.kmsd(words);
  }
  std::string issue(const std::string& user, const std::string& kind) const {
    const Ran ran = server_.ctl({"token", "issue", "--user", user, "--kind", kind});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.out.substr(0, ran.out.find('\n'));
  }
  boost::json::object verify(const std::string& token) const {
    const Ran ran = server_.ctl({"--json", "token", "verify", "-"}, token + "\n");
    return boost::json::parse(ran.out).as_object();
  }
  void expectActive(const std::string& token, const std::string& accessor) const {
    const auto answer = verify(token);
    EXPECT_TRUE(answer.at("active").as_bool());
    EXPECT_EQ(answer.at("accessor").as_string(), accessor);
  }
  void expectSoundAudit() const {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"audit", "verify"}, {"audit", "verify", "--store"}}) {
      const Ran ran = server_.ctl(words);
      EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
    }
  }
  std::string onRecord() const {
    std::stringstream all;
    for (const auto& file : std::filesystem::directory_iterator(server_.data() / "security" / "audit"))
      all << std::ifstream(file.path()).rdbuf();
    return all.str();
  }

  Server server_;
};

TEST_F(RotateTest, UsersTokensAndTheAuditLogLiveOn) {
  ASSERT_EQ(server_.ctl({"user", "add", "alice", "bob"}).exit, 0);
  const std::string token = issue("alice", "access");
  const std::string accessor(verify(token).at("accessor").as_string());
  const std::string revoked = issue("bob", "access");
  ASSERT_EQ(server_.ctl({"token", "revoke", "-"}, revoked + "\n").exit, 0);
  for (const bool tokens : {false, true, true}) {
    SCOPED_TRACE(tokens);
    ASSERT_EQ(server_.stop(), 0);
    std::vector<std::string> words = {"rotate", "--medium", disk("key.img"), "--medium", disk("spare.img")};
    if (tokens) words.push_back("--tokens");
    const Ran ran = offline(words);
    ASSERT_EQ(ran.exit, 0) << ran.err;
    open();
    expectActive(token, accessor);
    EXPECT_FALSE(verify(revoked).at("active").as_bool());
    EXPECT_EQ(server_.ctl({"user", "show", "bob"}).exit, 0);
    const std::string fresh = issue("bob", "access");
    EXPECT_TRUE(verify(fresh).at("active").as_bool());
    EXPECT_EQ(server_.ctl({"token", "revoke", "--accessor", accessor.substr(0, 25) + "0"}).exit, 1);
    expectSoundAudit();
  }
  ASSERT_EQ(server_.ctl({"token", "revoke", "--accessor", accessor}).exit, 0);
  EXPECT_FALSE(verify(token).at("active").as_bool());
  expectSoundAudit();
  ASSERT_EQ(server_.stop(), 0);
  const std::string all = onRecord();
  for (const char* event : {"root_renewed", "root_renewal_ended", "token_keys_renewed"})
    EXPECT_NE(all.find(event), std::string::npos) << event;
}

TEST_F(RotateTest, AOneTimeTokenOfBeforeIsTaken) {
  ASSERT_EQ(server_.ctl({"user", "add", "carol"}).exit, 0);
  const std::string token = issue("carol", "enrol");
  ASSERT_EQ(server_.stop(), 0);
  ASSERT_EQ(offline({"rotate", "--medium", disk("key.img"), "--medium", disk("spare.img"), "--tokens"}).exit,
            0);
  open();
  const auto out = server_.data().parent_path() / "carol";
  const Ran ran =
      server_.ctl({"enrol", "--user", "carol", "--out", out.string(), "--token-file", "-"}, token + "\n");
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_TRUE(std::filesystem::exists(out / "cert.pem"));
}

TEST_F(RotateTest, ADaemonThatRunsRefusesIt) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"rotate", "--medium", disk("key.img")},
        {"rekey", disk("spare.img"), "--medium", disk("key.img")},
        {"medium", "add", disk("n.img"), "--medium", disk("key.img")}}) {
    const Ran ran = offline(words);
    EXPECT_EQ(ran.exit, 6) << ran.err;
    EXPECT_NE(ran.err.find("stop it first"), std::string::npos) << ran.err;
  }
  EXPECT_EQ(offline({"medium", "list", "--slots"}).exit, 0) << "which changes nothing";
}

TEST_F(RotateTest, TheLastUseIsNotedAndMediaAreToldInTheLog) {
  ASSERT_EQ(server_.stop(), 0);
  const Ran list = offline({"medium", "list", "--slots", "--json"});
  const auto items = boost::json::parse(list.out).as_object().at("items").as_array();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_TRUE(items[0].as_object().at("last_used").is_string());
  EXPECT_TRUE(items[1].as_object().at("last_used").is_null());
  ASSERT_EQ(offline({"medium", "add", disk("third.img"), "--medium", disk("spare.img")}).exit, 0);
  ASSERT_EQ(offline({"rekey", disk("third.img"), "--medium", disk("key.img"), "--no-rotate"}).exit, 0);
  const std::string spare(items[1].as_object().at("medium").as_string());
  ASSERT_EQ(offline({"medium", "retire", spare, "--medium", disk("key.img"), "--no-rotate"}).exit, 0);
  open();
  ASSERT_EQ(server_.stop(), 0);
  const std::string all = onRecord();
  for (const char* event : {"medium_added", "medium_rekeyed", "medium_retired"})
    EXPECT_NE(all.find(event), std::string::npos) << event;
}

}  // namespace
}  // namespace tests
