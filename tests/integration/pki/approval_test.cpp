// Recover tokens that two administrators must agree to, with the real programs.
#include <algorithm>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

using Words = std::vector<std::string>;

const Words kRecover = {"token", "issue", "--user", "alice", "--kind", "recover"};

class Approval : public Pki {
 protected:
  Words options() const override { return {"--recovery-approvals", "2"}; }
  void SetUp() override {
    Pki::SetUp();
    for (const char* name : {"anna", "boris"}) {
      ASSERT_EQ(server_.ctl({"user", "add", name, "--role", "admin"}).exit, 0);
      const Ran bearer =
          server_.ctl({"token", "issue", "--user", name, "--kind", "access", "--scope", "kms:admin"});
      ASSERT_EQ(bearer.exit, 0) << bearer.err;
      write(std::string(name) + ".bearer", bearer.out);
    }
  }
  Ran as(const std::string& who, Words words) {
    words.insert(words.begin(), {"--token-file", file(who + ".bearer")});
    return overTls(words);
  }
  // The request that a refused command has named.
  static std::string namedIn(const Ran& ran) {
    const std::size_t at = ran.err.find("request ");
    return at == ran.err.npos ? "" : ran.err.substr(at + 8, 12);
  }
};

TEST_F(Approval, OneAsksAnotherAgreesAndTheFirstRecovers) {
  const Ran refused = as("anna", kRecover);
  EXPECT_EQ(refused.exit, 6);
  EXPECT_TRUE(refused.out.empty()) << "nothing that a script could take for a token";
  EXPECT_NE(refused.err.find("needs 2 administrators to agree, and has 1"), std::string::npos) << refused.err;
  const std::string id = namedIn(refused);
  const auto json = server_.ctlJson({"approval", "show", id}).as_object();
  EXPECT_EQ(json.at("state"), "open");
  EXPECT_EQ(json.at("user"), "alice");
  EXPECT_EQ(json.at("asked_by"), "anna");
  EXPECT_NE(as("boris", {"approval", "list"}).out.find(id), std::string::npos);
  EXPECT_EQ(as("anna", {"approval", "approve", id}).exit, 9) << "her own";
  EXPECT_EQ(as("boris", kRecover).exit, 6) << "that is a request of his own";

  const Ran agreed = as("boris", {"approval", "approve", id});
  EXPECT_EQ(agreed.exit, 0) << agreed.err;
  EXPECT_NE(agreed.out.find("2 of 2"), std::string::npos) << agreed.out;
  EXPECT_EQ(as("boris", {"approval", "approve", id}).exit, 9) << "again";
  EXPECT_EQ(as("boris", kRecover).exit, 6) << "he has not asked for this one";
  const Ran issued = as("anna", kRecover);
  ASSERT_EQ(issued.exit, 0) << issued.err;
  EXPECT_EQ(issued.out.size(), 15U);
  EXPECT_EQ(as("anna", kRecover).exit, 6) << "once";
  EXPECT_EQ(as("boris", {"approval", "approve", id}).exit, 6) << "it is used up";
  EXPECT_EQ(server_.ctl({"approval", "approve", "000000000000"}).exit, 1);

  EXPECT_EQ(server_.ctl({"token", "verify", "--user", "alice", "-"}, issued.out).exit, 0);
  EXPECT_EQ(server_.ctl({"audit", "verify", "--store"}).exit, 0);
}

TEST_F(Approval, RootCountsOnceAndWhatIsCancelledIsGone) {
  const Ran refused = server_.ctl(kRecover);
  EXPECT_EQ(refused.exit, 6);
  const std::string id = namedIn(refused);
  EXPECT_EQ(server_.ctl({"approval", "approve", id}).exit, 9);
  ASSERT_EQ(as("boris", {"approval", "approve", id}).exit, 0);
  ASSERT_EQ(as("anna", {"approval", "cancel", id}).exit, 0);
  const Ran after = server_.ctl(kRecover);
  EXPECT_EQ(after.exit, 6);
  EXPECT_NE(namedIn(after), id) << "a new request";
  const Ran problem = server_.ctl({"--json", "token", "issue", "--user", "alice", "--kind", "recover"});
  EXPECT_EQ(problem.exit, 6);
  EXPECT_EQ(boost::json::parse(problem.out).as_object().at("code"), "approval_needed");
  EXPECT_EQ(server_.ctl({"user", "set", "boris", "--role", "issuer"}).exit, 0);
  EXPECT_EQ(as("boris", {"approval", "approve", namedIn(after)}).exit, 6) << "no administrator any more";
  EXPECT_EQ(server_.ctl({"token", "issue", "--user", "alice", "--kind", "enrol"}).exit, 0);
}

TEST_F(Approval, ARestartKeepsThem) {
  const std::string id = namedIn(as("anna", kRecover));
  ASSERT_EQ(server_.ctl({"approval", "approve", id}).exit, 0) << "root is another person";
  ASSERT_EQ(server_.stop(), 0);
  server_.start({"--recovery-approvals", "3"});
  server_.expectState("unsealed", "");
  const auto shown = server_.ctlJson({"approval", "show", id}).as_object();
  EXPECT_EQ(shown.at("state"), "open") << "the policy asks for more now";
  EXPECT_EQ(shown.at("given"), 2);
  EXPECT_EQ(shown.at("needed"), 3);
}

}  // namespace
}  // namespace tests
