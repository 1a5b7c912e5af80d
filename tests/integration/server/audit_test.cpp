// The audit log of a real server: what comes into its files, and what happens when somebody alters them.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <fstream>
#include <future>
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
  EXPECT_EQ(whole.exit, 0) << whole.out << whole.err;
  EXPECT_NE(whole.out.find("accepted by uid "), std::string::npos) << whole.out;
  EXPECT_NE(whole.out.find("1 problems, which an administrator accepted"), std::string::npos) << whole.out;
  ASSERT_EQ(server_.stop(), 0);
  server_.start();
  server_.expectState("unsealed", "");
}

TEST_F(AuditServer, WhatGoesWrongAfterAnAcceptanceSealsTheServer) {
  ASSERT_EQ(server_.ctl({"user", "add", "alice"}).exit, 0);
  ASSERT_EQ(server_.ctl({"seal"}).exit, 0);
  ASSERT_EQ(server_.ctl({"unseal"}).exit, 0);
  alter("\"object\":\"alice\"", "\"object\":\"alicE\"");  // before the last checkpoint
  const Ran found = server_.ctl({"audit", "verify"});
  EXPECT_EQ(found.exit, 1) << found.out << found.err;
  server_.expectState("sealed", "audit_broken");
  EXPECT_EQ(server_.status().at("event").as_int64(), 5058);
  EXPECT_EQ(server_.ctl({"user", "add", "bob"}).exit, 3);
  ASSERT_EQ(server_.stop(), 0);
  server_.start();
  server_.expectState("sealed", "audit_broken");  // a restart does not forget it
  ASSERT_EQ(server_.ctl({"unseal", "--accept-broken-audit"}).exit, 0);
  const Ran accepted = server_.ctl({"audit", "verify", "--store"});
  EXPECT_NE(accepted.out.find("000001.jsonl, line "), std::string::npos) << accepted.out;
  EXPECT_EQ(server_.ctl({"audit", "verify"}).exit, 0);
  alter("\"server_founded\"", "\"server_fOunded\"");
  EXPECT_EQ(server_.ctl({"audit", "verify"}).exit, 1) << "not what was accepted";
  server_.expectState("sealed", "audit_broken");
}

TEST_F(AuditServer, AFileDeletedWhileItRunsSealsItAndSaysWhatToDo) {
  ASSERT_EQ(server_.ctl({"user", "add", "alice"}).exit, 0);
  std::filesystem::rename(file(), server_.safe() / "audit");
  server_.expectState("sealed", "audit_broken");
  const std::string detail(server_.status().at("detail").as_string().c_str());
  EXPECT_NE(detail.find("000001.jsonl was deleted or moved away while the server ran"), std::string::npos);
  EXPECT_NE(detail.find("'kmsctl unseal --accept-broken-audit'"), std::string::npos) << detail;
  EXPECT_EQ(detail.find("free or mend"), std::string::npos) << detail;
  EXPECT_EQ(server_.ctl({"unseal"}).exit, 8);
  std::filesystem::rename(server_.safe() / "audit", file());
  EXPECT_EQ(server_.ctl({"unseal"}).exit, 0);
  EXPECT_EQ(server_.ctl({"audit", "verify", "--store"}).exit, 0);
}

// The disk of the audit log takes nothing when the medium is put in.
TEST_F(AuditServer, ADiskThatTakesNothingAtUnsealIsNotTheMediumsFault) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
  ASSERT_EQ(server_.stop(), 0);
  const std::string at = file().parent_path().string();
  if (::mount(at.c_str(), at.c_str(), nullptr, MS_BIND, nullptr) != 0) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(::mount(nullptr, at.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr), 0);
  server_.start();
  server_.expectState("sealed", "audit_unwritable");
  EXPECT_EQ(server_.status().at("event").as_int64(), 5130);
  EXPECT_EQ(server_.log().find("[5057]"), std::string::npos) << server_.log();
  EXPECT_EQ(::umount2(at.c_str(), MNT_DETACH), 0);
  server_.expectState("unsealed", "");
}

// A file of so many lines that reading them takes minutes.
TEST_F(AuditServer, AStopDoesNotWaitForALogToBeRead) {
  ASSERT_EQ(server_.ctl({"seal"}).exit, 0);
  ASSERT_TRUE(waitUntil([&] { return readAll(file()).find("\"name\":\"sealed\"") != std::string::npos; }));
  ASSERT_EQ(server_.stop(), 0);
  alter("\"name\":\"sealed\",\"actor\":\"u", "\"name\":\"sealed\",\"actor\":\"U");
  server_.start();
  server_.expectState("sealed", "audit_broken");
  ASSERT_EQ(server_.ctl({"unseal", "--accept-broken-audit"}).exit, 0);
  {
    std::string lines;
    for (int i = 0; i < 1 << 20; ++i) lines += "x\n";
    std::ofstream out(file(), std::ios::binary | std::ios::app);
    for (int i = 0; i < 40; ++i) out << lines;
  }
  const auto opened = [&] {  // how often the server has the log open; once, where it writes it
    std::error_code gone;
    int count = 0;
    for (const auto& fd :
         std::filesystem::directory_iterator("/proc/" + std::to_string(server_.pid()) + "/fd", gone))
      if (std::filesystem::read_symlink(fd.path(), gone) == file()) ++count;
    return count;
  };
  const int before = opened();
  auto asked = std::async(std::launch::async, [&] { return server_.ctl({"audit", "verify"}); });
  ASSERT_TRUE(waitUntil([&] { return opened() > before; }));
  auto queued = std::async(std::launch::async, [&] { return server_.ctl({"audit", "verify", "--store"}); });
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(server_.stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  const Ran first = asked.get();
  EXPECT_EQ(first.exit, 8) << first.out;
  EXPECT_NE(first.err.find("the server is stopping"), std::string::npos) << first.err;
  EXPECT_NE(queued.get().exit, 0);
}

}  // namespace
}  // namespace tests
