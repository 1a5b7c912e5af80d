// openssl cmp against the running server: each message, and what must not work.
#include <thread>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

class Cmp : public Pki {
 protected:
  // Signed with the certificate and key of `name`.
  std::vector<std::string> signedBy(const std::string& name, std::vector<std::string> more) const {
    std::vector<std::string> all = {"-cert",    file(name + ".crt"), "-key", file(name + ".key"),
                                    "-trusted", file("ca.pem")};
    all.insert(all.begin(), more.begin(), more.end());
    return all;
  }
  std::string statusOf(const std::string& user) {
    const Ran listed = server_.ctl({"cert", "list", "--user", user});
    EXPECT_EQ(listed.exit, 0) << listed.err;
    return listed.out;
  }
  // A certificate of nobody's authority: NAME.key and NAME.crt.
  void foreign(const std::string& name, const std::string& subject) {
    newKey(name);
    openssl({"req", "-x509", "-new", "-key", file(name + ".key"), "-subj", "/CN=" + subject, "-days", "2",
             "-out", file(name + ".crt")});
  }
};

TEST_F(Cmp, CrAndPkcs10EnrolLikeIr) {
  newKey("alice");
  auto cr = enrolment("alice", token("alice"), "alice");
  cr[1] = "cr";
  Ran ran = cmp(cr);
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(verify("alice").exit, 0);
  newKey("bob");
  request("bob", "bob");
  openssl({"req", "-inform", "DER", "-in", file("bob.req"), "-out", file("bob.csr")});
  ran = cmp({"-cmd", "p10cr", "-ref", "bob", "-secret", "pass:" + token("bob"), "-csr", file("bob.csr"),
             "-certout", file("bob.crt")});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(verify("bob").exit, 0);
}

TEST_F(Cmp, GeneralMessagesTellTheAuthorityAndTheCrl) {
  const std::string secret = token("alice");
  for (const char* what : {"caCerts", "currentCRL"}) {
    const Ran ran = cmp({"-cmd", "genm", "-infotype", what, "-ref", "alice", "-secret", "pass:" + secret});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_NE((ran.out + ran.err).find(what), std::string::npos) << ran.out << ran.err;
  }
  enrol("alice", "alice");
  const Ran ran = cmp(signedBy("alice", {"-cmd", "genm", "-infotype", "caCerts"}));
  EXPECT_EQ(ran.exit, 0) << ran.err;
}

TEST_F(Cmp, AClientOfAnotherAuthorityIsNotFooled) {
  enrol("alice", "alice");
  foreign("other", "other authority");
  newKey("next");
  auto kur = signedBy("alice", {"-cmd", "kur", "-newkey", file("next.key"), "-certout", file("next.crt")});
  kur.back() = file("other.crt");
  EXPECT_NE(cmp(kur).exit, 0) << "it trusts another authority";
  EXPECT_FALSE(has("next.crt"));
  kur.back() = file("ca.pem");
  EXPECT_EQ(cmp(kur).exit, 0);
  foreign("mallory", "alice");
  newKey("late");
  const Ran forged =
      cmp(signedBy("mallory", {"-cmd", "kur", "-newkey", file("late.key"), "-certout", file("late.crt")}));
  EXPECT_NE(forged.exit, 0) << "another authority's alice is nobody here";
  EXPECT_FALSE(has("late.crt"));
}

TEST_F(Cmp, ImplicitConfirmationUsesTheTokenUpForOtherKeys) {
  const std::string secret = token("alice");
  newKey("alice");
  auto ir = enrolment("alice", secret, "alice");
  ir.push_back("-implicit_confirm");
  const Ran ran = cmp(ir);
  ASSERT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(ocsp("alice"), "good");
  newKey("second");
  EXPECT_NE(cmp(enrolment("alice", secret, "second")).exit, 0);
  EXPECT_EQ(verify("alice").exit, 0);
}

TEST_F(Cmp, ACertificateThatTheClientRejectsIsRevokedAndTheTokenFree) {
  const std::string secret = token("alice");
  newKey("alice");
  foreign("other", "other authority");
  auto ir = enrolment("alice", secret, "alice");
  auto rejecting = ir;
  rejecting.insert(rejecting.end(), {"-out_trusted", file("other.crt")});
  EXPECT_NE(cmp(rejecting).exit, 0);
  EXPECT_NE(statusOf("alice").find("revoked"), std::string::npos) << statusOf("alice");
  newKey("second");
  const Ran second = cmp(enrolment("alice", secret, "second"));
  EXPECT_EQ(second.exit, 0) << "another key may now: " << second.err;
  EXPECT_EQ(verify("second").exit, 0);
}

TEST_F(Cmp, WithoutAConfirmationTheSameKeyGetsTheSameAgain) {
  const std::string secret = token("alice");
  newKey("alice");
  auto ir = enrolment("alice", secret, "alice");
  ir.push_back("-disable_confirm");
  const Ran silent = cmp(ir);
  EXPECT_NE(statusOf("alice").find("unconfirmed"), std::string::npos) << silent.err;
  newKey("second");
  EXPECT_NE(cmp(enrolment("alice", secret, "second")).exit, 0) << "the token is the first key's";
  const Ran again = cmp(enrolment("alice", secret, "alice"));
  ASSERT_EQ(again.exit, 0) << again.err;
  EXPECT_EQ(statusOf("alice").find("unconfirmed"), std::string::npos);
  EXPECT_EQ(verify("alice").exit, 0);
}

TEST_F(Cmp, OneOfTwoAtOnceGetsTheToken) {
  const std::string secret = token("alice");
  newKey("first");
  newKey("second");
  Ran ran[2];
  std::thread other([&] { ran[1] = cmp(enrolment("alice", secret, "second")); });
  ran[0] = cmp(enrolment("alice", secret, "first"));
  other.join();
  EXPECT_NE(ran[0].exit == 0, ran[1].exit == 0) << ran[0].err << ran[1].err;
  EXPECT_NE(has("first.crt"), has("second.crt"));
}

TEST_F(Cmp, TwoUsersAtOnceGetTheirOwn) {
  const std::string secrets[] = {token("alice"), token("bob")};
  newKey("alice");
  newKey("bob");
  Ran ran[2];
  std::thread other([&] { ran[1] = cmp(enrolment("bob", secrets[1], "bob")); });
  ran[0] = cmp(enrolment("alice", secrets[0], "alice"));
  other.join();
  for (const Ran& one : ran) EXPECT_EQ(one.exit, 0) << one.err;
  for (const std::string user : {"alice", "bob"})
    EXPECT_NE(openssl({"x509", "-noout", "-subject", "-in", file(user + ".crt")}).find(user),
              std::string::npos);
}

TEST_F(Cmp, OverHttpsToo) {
  newKey("alice");
  auto ir = enrolment("alice", token("alice"), "alice");
  ir.insert(ir.begin(), {"cmp", "-config", "", "-server", https_.substr(std::string("https://").size()),
                         "-path", ".well-known/cmp", "-tls_used", "-tls_trusted", file("tls.crt")});
  const Ran ran = tryOpenssl(ir);
  ASSERT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(verify("alice").exit, 0);
}

}  // namespace
}  // namespace tests
