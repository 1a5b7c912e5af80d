// A server with users, tokens and certificates, and what changes its keys while it is stopped.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/programs.h"
#include "tests/support/server.h"

namespace tests {

class RenewalHost : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.setUp();
    server_.insert("key.img");
  }
  void open() {
    server_.start();
    server_.expectState("unsealed", "");
  }
  std::string disk(const std::string& name) const { return "image:" + (server_.safe() / name).string(); }
  std::vector<std::string> offline(std::vector<std::string> words) const {
    words.insert(words.end(), {"--data-dir", server_.data().string()});
    return words;
  }
  static Ran least(std::vector<std::string> words) {
    words.insert(words.begin(), leastKmsd());
    return run(words);
  }
  static void done(const std::vector<std::string>& words) {
    const Ran ran = least(words);
    ASSERT_EQ(ran.exit, 0) << ran.out << ran.err;
  }
  int opens(const std::string& name, const std::filesystem::path& dir) const {
    return least({"medium", "check", disk(name), "--data-dir", dir.string()}).exit;
  }
  std::string mediumId(const std::string& name) const {
    const Ran ran = least({"medium", "check", disk(name), "--json"});
    return std::string(boost::json::parse(ran.out).as_object().at("medium").as_string());
  }
  // Users, tokens and certificates.
  void fill() {
    open();
    ASSERT_EQ(server_.ctl({"user", "add", "alice", "bob", "carol"}).exit, 0);
    for (int i = 0; i < 40; ++i)
      ASSERT_EQ(server_.ctl({"token", "issue", "--user", i % 2 == 0 ? "alice" : "bob"}).exit, 0);
    const Ran issued = server_.ctl({"token", "issue", "--user", "carol", "--kind", "enrol"});
    const std::string out = (server_.safe() / "carol").string();
    ASSERT_EQ(server_.ctl({"enrol", "--user", "carol", "--out", out, "--token-file", "-"}, issued.out).exit,
              0);
    ASSERT_EQ(server_.stop(), 0);
  }
  std::string sql(const std::filesystem::path& dir, const std::string& query) const {
    const Ran ran = run({"sqlite3", (dir / "security/kms.db").string(), query});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.out;
  }
  static void copyTree(const std::filesystem::path& from, const std::filesystem::path& to) {
    ASSERT_EQ(run({"cp", "-a", from.string(), to.string()}).exit, 0);
  }
  static std::string content(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
  }

  Server server_;
};

}  // namespace tests
