// The main job, end to end, with the programs that users run.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/server.h"

namespace tests {
namespace {

class MainJob : public ::testing::Test {
 protected:
  void SetUp() override { server_.setUp(Server::Scrypt::Usual); }
  // Issues an access token for alice, who is made where she is not there yet.
  std::string issue() {
    server_.ctl({"user", "add", "alice"});
    const Ran ran = server_.ctl({"token", "issue", "--user", "alice"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.out.substr(0, ran.out.find('\n'));
  }
  int verify(const std::string& token) { return server_.ctl({"token", "verify", "-"}, token + "\n").exit; }

  Server server_;
};

TEST_F(MainJob, IssuesVerifiesAndRevokes) {
  server_.insert("key.img");
  server_.start();
  server_.expectState("unsealed", "");
  const std::string token = issue();
  EXPECT_EQ(token.substr(0, 4), "kms_");
  EXPECT_EQ(verify(token), 0);
  EXPECT_EQ(server_.ctl({"token", "revoke", "-"}, token).exit, 0);
  EXPECT_EQ(verify(token), 1);
  EXPECT_EQ(server_.ctl({"token", "revoke", "-"}, token).exit, 0) << "revoking again is no error";
  EXPECT_EQ(server_.stop(), 0);
}

TEST_F(MainJob, WaitsForTheDiskAndOpensByItself) {
  server_.start();
  server_.expectState("sealed", "awaiting_medium");
  const Ran refused = server_.ctl({"token", "issue", "--user", "alice"});
  EXPECT_EQ(refused.exit, 3) << refused.err;
  EXPECT_NE(refused.err.find("sealed"), std::string::npos);
  server_.insert("key.img");
  server_.expectState("unsealed", "");
  EXPECT_EQ(verify(issue()), 0);
}

TEST_F(MainJob, TheSpareDiskOpensToo) {
  server_.insert("spare.img");
  server_.start();
  server_.expectState("unsealed", "");
}

TEST_F(MainJob, KeepsOpenWhenTheDiskGoesBackIntoTheSafe) {
  server_.insert("key.img");
  server_.start();
  server_.expectState("unsealed", "");
  const std::string token = issue();
  server_.pull("key.img");
  EXPECT_TRUE(waitUntil([&] { return server_.log().find("removed") != std::string::npos; })) << server_.log();
  server_.expectState("unsealed", "");
  EXPECT_EQ(verify(token), 0);
}

TEST_F(MainJob, SealsOnRemovalAndOpensOnReinsertionWithoutRestart) {
  server_.insert("key.img");
  server_.start({"--on-removal", "seal"});
  server_.expectState("unsealed", "");
  const std::string token = issue();
  server_.pull("key.img");
  server_.expectState("sealed", "medium_removed");
  EXPECT_EQ(verify(token), 3);
  server_.insert("key.img");
  server_.expectState("unsealed", "");
  EXPECT_EQ(verify(token), 0);
}

// Nothing is asked of it meanwhile: its silence alone gives it away.
TEST_F(MainJob, SealsOnRemovalThoughTheReaderIsFrozen) {
  server_.insert("key.img");
  server_.start({"--on-removal", "seal"});
  server_.expectState("unsealed", "");
  const pid_t frozen = server_.readerPid();
  ASSERT_GT(frozen, 0);
  ASSERT_EQ(::kill(frozen, SIGSTOP), 0);
  server_.pull("key.img");
  server_.expectState("sealed", "medium_removed");
  EXPECT_NE(server_.readerPid(), frozen);
  server_.insert("key.img");
  server_.expectState("unsealed", "");
}

TEST_F(MainJob, GraceSealsOnlyWhenTheDiskStaysAway) {
  server_.insert("key.img");
  server_.start({"--on-removal", "grace:2s"});
  server_.expectState("unsealed", "");
  server_.pull("key.img");
  server_.expectState("sealed", "medium_removed");
  server_.insert("spare.img");
  server_.expectState("unsealed", "");
}

TEST_F(MainJob, ACommandedSealHoldsUntilUnsealOrANewInsertion) {
  server_.insert("key.img");
  server_.start();
  server_.expectState("unsealed", "");
  const std::string token = issue();
  EXPECT_EQ(server_.ctl({"seal"}).exit, 0);
  server_.expectState("sealed", "sealed_by_command");
  EXPECT_EQ(verify(token), 3);
  EXPECT_EQ(server_.ctl({"unseal"}).exit, 0);
  server_.expectState("unsealed", "");
  EXPECT_EQ(server_.ctl({"seal"}).exit, 0);
  server_.pull("key.img");
  server_.insert("key.img");
  server_.expectState("unsealed", "");
  EXPECT_EQ(verify(token), 0);
}

TEST_F(MainJob, RevocationHoldsAfterARestart) {
  server_.insert("key.img");
  server_.start();
  server_.expectState("unsealed", "");
  const std::string kept = issue();
  const std::string gone = issue();
  EXPECT_EQ(server_.ctl({"token", "revoke", "-"}, gone).exit, 0);
  EXPECT_EQ(server_.stop(SIGKILL), 128 + SIGKILL);
  server_.start();
  server_.expectState("unsealed", "");
  EXPECT_EQ(verify(kept), 0);
  EXPECT_EQ(verify(gone), 1);
}

TEST_F(MainJob, ASecondInstanceIsRefusedAndHarmless) {
  server_.insert("key.img");
  server_.start();
  server_.expectState("unsealed", "");
  const Ran second =
      server_.kmsd({"run", "--data-dir", server_.data(), "--medium", "image:" + server_.drive().string(),
                    "--listen", "unix:" + (server_.safe() / "other.sock").string()});
  EXPECT_EQ(second.exit, 6) << second.err;
  EXPECT_NE(second.err.find(std::to_string(server_.pid())), std::string::npos) << second.err;
  server_.expectState("unsealed", "");
}

TEST_F(MainJob, StopsOnInterrupt) {
  server_.start();
  EXPECT_EQ(server_.stop(SIGINT), 130);
  EXPECT_FALSE(std::filesystem::exists(server_.socket()));
}

TEST_F(MainJob, NoTokenIsInClearInTheDataDirectoryOrTheLog) {
  server_.insert("key.img");
  server_.start();
  server_.expectState("unsealed", "");
  const std::string token = issue();
  const Ran enrol = server_.ctl({"token", "issue", "--user", "alice", "--kind", "enrol"});
  const std::string once = enrol.out.substr(0, enrol.out.find('\n'));
  ASSERT_EQ(once.size(), 14U) << enrol.out;
  EXPECT_EQ(verify(token), 0);
  std::string bare = once;
  std::erase(bare, '-');
  for (const std::string& needle : {token, token.substr(30, 20), once, bare}) {
    EXPECT_EQ(run({"grep", "-raF", "-e", needle, server_.data()}).exit, 1) << "a token is on the disk";
    EXPECT_EQ(server_.log().find(needle), std::string::npos);
  }
  EXPECT_EQ(run({"grep", "-raqF", "-e", "SQLite format 3", server_.data()}).exit, 0)
      << "the search itself works";
}

}  // namespace
}  // namespace tests
