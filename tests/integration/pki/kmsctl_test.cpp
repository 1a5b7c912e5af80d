// kmsctl's own verbs for certificates, with openssl as the judge of what they leave behind.
#include <sys/stat.h>

#include <filesystem>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

class Kmsctl : public Pki {
 protected:
  Ran overTls(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {std::string(KEYDISK_BINARY_DIR) + "/kmsctl", "--server", https_,
                                         "--ca", file("tls.crt")});
    return run(arguments);
  }
  void tokenFile(const std::string& user) { write("token", token(user) + "\n"); }
  std::vector<std::string> enrolInto(const std::string& name) const {
    return {"enrol", "--user", "alice", "--token-file", file("token"), "--out", file(name)};
  }
  std::string fingerprint() const {
    const Ran shown = server_.ctl({"ca", "show"});
    EXPECT_EQ(shown.exit, 0) << shown.err;
    const std::size_t at = shown.out.find("sha256");
    return shown.out.substr(shown.out.find_first_not_of(' ', at + 6), 64);
  }
  static std::size_t modeOf(const std::string& path) {
    struct stat there {};
    EXPECT_EQ(::stat(path.c_str(), &there), 0) << path;
    return there.st_mode & 0777U;
  }
};

TEST_F(Kmsctl, EnrolsOverTheSocketAndLeavesWhatOpensslTakes) {
  tokenFile("alice");
  auto asked = enrolInto("out");
  write("password", "correct horse\n");
  asked.insert(asked.end(), {"--pkcs12", "--password-file", file("password")});
  const Ran enrolled = server_.ctl(asked);
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  EXPECT_EQ(modeOf(file("out/key.pem")), 0600U);
  EXPECT_EQ(modeOf(file("out/bundle.p12")), 0600U);
  std::filesystem::copy_file(file("out/certificate.pem"), file("alice.crt"));
  EXPECT_EQ(verify("alice").exit, 0) << verify("alice").err;
  EXPECT_EQ(openssl({"pkey", "-in", file("out/key.pem"), "-pubout"}),
            openssl({"x509", "-in", file("alice.crt"), "-pubkey", "-noout"}));
  EXPECT_EQ(read("out/chain.pem"), read("ca.pem"));
  const std::string bundle =
      openssl({"pkcs12", "-in", file("out/bundle.p12"), "-passin", "file:" + file("password"), "-nodes"});
  EXPECT_NE(bundle.find("BEGIN PRIVATE KEY"), std::string::npos);
  EXPECT_NE(bundle.find("BEGIN CERTIFICATE"), std::string::npos);
  // It is confirmed, so the token is used up; and nothing is overwritten.
  EXPECT_EQ(server_.ctl(asked).exit, 9) << "it is there already";
  const Ran again = server_.ctl(enrolInto("other"));
  EXPECT_EQ(again.exit, 6) << again.err;
}

TEST_F(Kmsctl, SendsNoTokenToAServerOfAnotherAuthority) {
  tokenFile("alice");
  const Ran unasked = overTls(enrolInto("out"));
  EXPECT_EQ(unasked.exit, 2) << unasked.err;
  EXPECT_NE(unasked.err.find("--ca-sha256"), std::string::npos) << unasked.err;
  auto asked = enrolInto("out");
  asked.insert(asked.end(), {"--ca-sha256", std::string(64, '0')});
  const Ran refused = overTls(asked);
  EXPECT_EQ(refused.exit, 6) << refused.err;
  EXPECT_FALSE(has("out/key.pem"));
  asked.back() = fingerprint();
  const Ran enrolled = overTls(asked);
  EXPECT_EQ(enrolled.exit, 0) << enrolled.err;
  EXPECT_TRUE(has("out/certificate.pem"));
}

TEST_F(Kmsctl, IssuesListsShowsHoldsAndRevokes) {
  newKey("bob");
  request("bob", "bob");
  const Ran issued =
      server_.ctl({"cert", "issue", "--user", "bob", "--profile", "client", "--csr", file("bob.req")});
  ASSERT_EQ(issued.exit, 0) << issued.err;
  write("bob.crt", issued.out);
  EXPECT_EQ(verify("bob").exit, 0);
  const std::string serial = serialOf("bob");
  const Ran listed = server_.ctl({"cert", "list", "--user", "bob"});
  EXPECT_NE(listed.out.find("client"), std::string::npos) << listed.out;
  EXPECT_EQ(server_.ctl({"cert", "show", serial}).exit, 0);
  EXPECT_EQ(server_.ctl({"cert", "revoke", serial, "--reason", "hold"}).exit, 0);
  EXPECT_EQ(ocsp("bob"), "revoked");
  EXPECT_EQ(server_.ctl({"cert", "revoke", serial, "--reason", "release"}).exit, 0);
  EXPECT_EQ(ocsp("bob"), "good");
  EXPECT_EQ(server_.ctl({"cert", "revoke", serial, "--reason", "superseded"}).exit, 0);
  EXPECT_EQ(ocsp("bob"), "revoked");
  EXPECT_EQ(server_.ctl({"cert", "show", "00"}).exit, 1);
  EXPECT_EQ(server_.ctl({"crl", "show"}).exit, 0);
  EXPECT_EQ(server_.ctl({"ca", "init"}).exit, 9) << "there is one";
}

}  // namespace
}  // namespace tests
