// `kmsd rotate --tokens` is killed at each of its steps, and the same command, or the server, ends what it
// began: nothing is lost, and tokens of before live on.
#include "tests/integration/server/renewal_host.h"
#include "tests/support/kill_at.h"

namespace tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class RenewalCut : public RenewalHost {
 protected:
  // How far a `rotate --tokens` has come, as the database shows it.
  enum class Step : std::uint8_t { Begun, RootIsNew, RowsAreSealed, TokenKeysAreNew };

  void SetUp() override {
    if (!canTrace()) GTEST_SKIP() << "may not trace another process";
    RenewalHost::SetUp();
    fill();
    open();
    before_ = issue();
    revoked_ = issue();
    ASSERT_EQ(server_.ctl({"token", "revoke", "-"}, revoked_).exit, 0);
    waiting_ = server_.ctl({"token", "issue", "--user", "bob", "--kind", "enrol"}).out;
    ASSERT_EQ(server_.stop(), 0);
  }
  std::vector<std::string> rotate() const {
    return offline({"rotate", "--medium", disk("key.img"), "--medium", disk("spare.img"), "--tokens"});
  }
  std::string issue() const {
    const Ran ran = server_.ctl({"token", "issue", "--user", "alice"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.out;
  }
  // Of the token keys that the database has.
  std::string generations() const {
    return sql(server_.data(), "SELECT count(*) FROM keyring WHERE key < 4294967296");
  }
  Step step() const {
    const auto number = [&](const std::string& query) { return sql(server_.data(), query); };
    if (number("SELECT max(generation) FROM keyring") == "1\n") return Step::Begun;
    if (number("SELECT value FROM numbers WHERE name='reseal_due'") == "1\n") return Step::RootIsNew;
    return generations() == "1\n" ? Step::RowsAreSealed : Step::TokenKeysAreNew;
  }
  // Kills the command at a change where it has come to that step and no further: the first that a search
  // finds.
  void interruptAt(Step wanted) {
    const fs::path kept = server_.safe() / "kept";
    copyTree(server_.data(), kept);
    std::vector<std::string> command = rotate();
    command.insert(command.begin(), leastKmsd());
    const auto whole = runKilledAt(command, server_.data(), 0);
    ASSERT_EQ(whole.exit, 0);
    ASSERT_EQ(step(), Step::TokenKeysAreNew);
    std::uint64_t from = 1;
    std::uint64_t to = whole.changes;
    while (from <= to) {
      const std::uint64_t n = from + (to - from) / 2;
      fs::remove_all(server_.data());
      copyTree(kept, server_.data());
      runKilledAt(command, server_.data(), n);
      const Step now = step();
      if (now == wanted) return;
      if (now < wanted) from = n + 1;
      if (now > wanted) to = n - 1;
    }
    FAIL() << "it was never interrupted there";
  }
  bool active(const std::string& token) const {
    return server_.ctl({"token", "verify", "-"}, token).exit == 0;
  }
  // All that was there before counts as before, and new tokens are made.
  void expectAll() {
    open();
    EXPECT_TRUE(active(before_));
    EXPECT_FALSE(active(revoked_));
    EXPECT_TRUE(active(issue()));
    for (const char* user : {"alice", "bob", "carol"}) EXPECT_EQ(server_.ctl({"user", "show", user}).exit, 0);
    const std::string out = (server_.safe() / "bob").string();
    const Ran enrolled = server_.ctl({"enrol", "--user", "bob", "--out", out, "--token-file", "-"}, waiting_);
    EXPECT_EQ(enrolled.exit, 0) << enrolled.err;
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"audit", "verify"}, {"audit", "verify", "--store"}}) {
      const Ran ran = server_.ctl(words);
      EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
    }
    ASSERT_EQ(server_.stop(), 0);
    for (const char* table : {"users", "tokens", "certificates", "authorities", "archive", "revocations"})
      EXPECT_EQ(sql(server_.data(), std::string("SELECT count(*) FROM ") + table + " WHERE generation=1"),
                "0\n");
    for (const char* medium : {"key.img", "spare.img"}) EXPECT_EQ(opens(medium, server_.data()), 0);
  }

  std::string before_;
  std::string revoked_;
  std::string waiting_;  // a one-time token
};

TEST_F(RenewalCut, TheServerEndsWhatIsLeftOfTheRows) {
  interruptAt(Step::RootIsNew);
  // A retire after it is not the same; that it is unfinished is told.
  const Ran none = least(
      offline({"medium", "retire", "11111111-2222-4333-8444-555555555555", "--medium", disk("key.img")}));
  EXPECT_EQ(none.exit, 1);
  EXPECT_THAT(none.err, HasSubstr("renewal of the root key was interrupted"));
  open();
  EXPECT_EQ(server_.ctl({"user", "show", "alice"}).exit, 0) << "it works meanwhile";
  EXPECT_EQ(server_.ctl({"user", "add", "dave"}).exit, 0);
  ASSERT_TRUE(waitUntil([&] {
    return server_.log().find("the renewal of the root key is ended") != std::string::npos;
  })) << server_.log();
  EXPECT_THAT(server_.log(), HasSubstr("a renewal of the root key was interrupted"));
  ASSERT_EQ(server_.stop(), 0);
  std::string record;
  for (const auto& file : fs::directory_iterator(server_.data() / "security/audit"))
    record += content(file.path());
  EXPECT_THAT(record, HasSubstr("root_renewal_ended"));
  EXPECT_EQ(generations(), "1\n") << "new token keys are the command's alone";
  done(rotate());
  EXPECT_EQ(generations(), "2\n");
  expectAll();
}

// What the same command does, run again.
TEST_F(RenewalCut, BeforeTheRootKeyIsNewNothingWasDone) {
  interruptAt(Step::Begun);
  done(rotate());
  EXPECT_EQ(generations(), "2\n");
  expectAll();
}

TEST_F(RenewalCut, WhileRowsAreLeftItEndsThatAndMakesNewTokenKeys) {
  interruptAt(Step::RootIsNew);
  const Ran ran = least(rotate());
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("it is ended now"), HasSubstr("of the token keys")));
  EXPECT_EQ(sql(server_.data(), "SELECT max(generation) FROM keyring"), "2\n");
  EXPECT_EQ(generations(), "2\n");
  expectAll();
}

TEST_F(RenewalCut, BeforeTheTokenKeysAreNewItRenewsBoth) {
  interruptAt(Step::RowsAreSealed);
  done(rotate());
  EXPECT_EQ(sql(server_.data(), "SELECT max(generation) FROM keyring"), "3\n");
  EXPECT_EQ(generations(), "2\n");
  expectAll();
}

TEST_F(RenewalCut, AfterAllWasDoneItIsDoneOnceMore) {
  interruptAt(Step::TokenKeysAreNew);
  done(rotate());
  EXPECT_EQ(generations(), "3\n");
  expectAll();
}

}  // namespace
}  // namespace tests
