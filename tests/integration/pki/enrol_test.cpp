// kmsctl enrol, with openssl as the judge of what it leaves behind.
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

class Enrol : public Pki {
 protected:
  std::vector<std::string> enrolInto(const std::string& directory, std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"enrol", "--user",       "alice", "--token-file", file("enrol.token"),
                                    "--out", file(directory)};
    all.insert(all.end(), more.begin(), more.end());
    return all;
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
  std::string publicKeyOf(const std::string& key) { return openssl({"pkey", "-in", file(key), "-pubout"}); }
  std::string certifiedKey(const std::string& certificate) {
    return openssl({"x509", "-in", file(certificate), "-pubkey", "-noout"});
  }
  // What is in the directory holds together, and before openssl and the CRL.
  void expectGood(const std::string& directory) {
    for (const std::string pair : {"", "encryption-"}) {
      const std::string stem = directory + "/" + pair;
      EXPECT_EQ(publicKeyOf(stem + "key.pem"), certifiedKey(stem + "cert.pem"));
      fs::copy_file(file(stem + "cert.pem"), file("judged.crt"), fs::copy_options::overwrite_existing);
      const Ran judged = verify("judged");
      EXPECT_EQ(judged.exit, 0) << judged.err;
    }
    EXPECT_FALSE(has(directory + "/.enrolment"));
  }
  // The server shows a TLS certificate of its own authority from now on.
  void showOwnTlsCertificate() {
    ASSERT_EQ(server_.ctl({"user", "add", "localhost", "--dns", "localhost"}).exit, 0);
    newKey("host");
    request("host", "localhost");
    const Ran issued = server_.ctl(
        {"cert", "issue", "--user", "localhost", "--profile", "server", "--csr", file("host.req")});
    ASSERT_EQ(issued.exit, 0) << issued.err;
    fs::permissions(file("tls.key"), fs::perms::owner_write, fs::perm_options::add);
    write("tls.key", read("host.key"));
    fs::permissions(file("tls.key"), fs::perms::owner_read);
    write("tls.crt", issued.out);
    ASSERT_EQ(::kill(server_.pid(), SIGHUP), 0);
    ASSERT_TRUE(waitUntil([&] {
      return run({"curl", "-sS", "-m", "10", "--cacert", file("ca.pem"), https_ + "/v1/health"}).exit == 0;
    }));
  }
};

TEST_F(Enrol, OverTheSocketLeavesWhatOpensslTakes) {
  tokenFile("alice");
  write("password", "correct horse\n");
  const auto asked = enrolInto("out", {"--password-file", file("password")});
  const Ran enrolled = server_.ctl(asked);
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  EXPECT_EQ(enrolled.out, "") << "the password is known";
  expectGood("out");
  EXPECT_EQ(modeOf(file("out")), 0700U);
  for (const char* secret : {"key.pem", "encryption-key.pem", "signing.p12", "encryption.p12"})
    EXPECT_EQ(modeOf(file(std::string("out/") + secret)), 0600U) << secret;
  for (const char* open : {"cert.pem", "encryption-cert.pem", "ca.pem"})
    EXPECT_EQ(modeOf(file(std::string("out/") + open)), 0644U) << open;
  EXPECT_EQ(read("out/ca.pem"), read("ca.pem"));
  for (const std::string name : {"", "encryption-"}) {
    const std::string bundle = file("out/" + (name.empty() ? "signing" : std::string("encryption")) + ".p12");
    const std::string opened =
        openssl({"pkcs12", "-in", bundle, "-passin", "file:" + file("password"), "-nodes"});
    EXPECT_NE(opened.find("BEGIN PRIVATE KEY"), std::string::npos);
    write("opened.crt", opened);
    EXPECT_EQ(certifiedKey("opened.crt"), certifiedKey("out/" + name + "cert.pem"));
  }
  // It is confirmed, so the token is used up; and nothing is overwritten.
  EXPECT_EQ(server_.ctl(asked).exit, 9) << "it is there already";
  const Ran again = server_.ctl(enrolInto("other"));
  EXPECT_EQ(again.exit, 6) << again.err;
  EXPECT_FALSE(has("other/key.pem"));
}

TEST_F(Enrol, AnewMovesWhatIsThere) {
  tokenFile("alice");
  const Ran first = server_.ctl(enrolInto("out"));
  ASSERT_EQ(first.exit, 0) << first.err;
  const std::string serial =
      openssl({"x509", "-noout", "-serial", "-in", file("out/cert.pem")}).substr(7, 32);
  const std::string key = read("out/key.pem");
  tokenFile("alice");
  const Ran second = server_.ctl(enrolInto("out", {"--force"}));
  ASSERT_EQ(second.exit, 0) << second.err;
  expectGood("out");
  EXPECT_NE(read("out/key.pem"), key);
  std::size_t kept = 0;
  for (const auto& one : fs::directory_iterator(file("out/old")))
    if (read("out/old/" + one.path().filename().string()) == key) ++kept;
  EXPECT_EQ(kept, 1U) << "of serial " << serial;
}

TEST_F(Enrol, PrintsARandomPasswordAlone) {
  tokenFile("alice");
  const Ran enrolled = server_.ctl(enrolInto("out"));
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  ASSERT_EQ(enrolled.out.size(), 25U) << enrolled.out;
  const std::string password = enrolled.out.substr(0, 24);
  EXPECT_EQ(enrolled.err.find(password), std::string::npos);
  EXPECT_NE(enrolled.err.find("CN=alice"), std::string::npos) << enrolled.err;
  for (const char* bundle : {"signing", "encryption"})
    openssl({"pkcs12", "-in", file(std::string("out/") + bundle + ".p12"), "-passin", "pass:" + password,
             "-noout"});
}

TEST_F(Enrol, ForAMachineLeavesOneCertificateAndNoPassword) {
  tokenFile("alice");
  write("token.password", read("enrol.token"));
  const Ran same = server_.ctl(enrolInto("out", {"--password-file", file("token.password")}));
  EXPECT_EQ(same.exit, 2) << "the token is no password: " << same.err;
  const Ran enrolled = server_.ctl(enrolInto("out", {"--no-encryption", "--no-pkcs12", "--kind", "ed25519"}));
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  EXPECT_EQ(enrolled.out, "");
  EXPECT_EQ(publicKeyOf("out/key.pem"), certifiedKey("out/cert.pem"));
  EXPECT_FALSE(has("out/encryption-key.pem"));
  EXPECT_FALSE(has("out/signing.p12"));
}

TEST_F(Enrol, SendsNoTokenToAServerOfAnotherAuthority) {
  tokenFile("alice");
  const Ran refused = overTls(enrolInto("out", {"--ca-sha256", std::string(64, '0')}));
  EXPECT_EQ(refused.exit, 6) << refused.err;
  EXPECT_NE(refused.err.find("not sent"), std::string::npos) << refused.err;
  EXPECT_FALSE(has("out/key.pem"));
  const Ran enrolled = overTls(enrolInto("out", {"--ca-sha256", fingerprint()}));
  EXPECT_EQ(enrolled.exit, 0) << enrolled.err;
  expectGood("out");
}

TEST_F(Enrol, ByNothingButTheTokenOverTls) {
  showOwnTlsCertificate();
  tokenFile("alice");
  auto asked = enrolInto("out");
  asked.insert(asked.begin(), {server_.program("kmsctl"), "--server", https_});
  const Ran enrolled = run(asked);
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  expectGood("out");
}

TEST_F(Enrol, ByTheFingerprintAloneOverTls) {
  showOwnTlsCertificate();
  tokenFile("alice");
  auto asked = enrolInto("out", {"--ca-sha256", fingerprint()});
  asked.insert(asked.begin(), {server_.program("kmsctl"), "--server", https_});
  const Ran enrolled = run(asked);
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  expectGood("out");
}

TEST_F(Enrol, SendsNoTokenOverTlsThatNobodyVouchesFor) {
  tokenFile("alice");
  auto asked = enrolInto("out");
  asked.insert(asked.begin(), {server_.program("kmsctl"), "--server", https_});
  const Ran refused = run(asked);
  EXPECT_NE(refused.exit, 0) << "it knows the token, and its TLS certificate is nobody's";
  EXPECT_FALSE(has("out/cert.pem"));
  EXPECT_EQ(server_.ctl({"cert", "list", "--user", "alice"}).out.find("user-signing"), std::string::npos);
  const Ran enrolled = overTls(enrolInto("out"));
  EXPECT_EQ(enrolled.exit, 0) << "the same command, told whom to trust, goes on: " << enrolled.err;
  expectGood("out");
}

TEST_F(Enrol, AWrongTokenIsNeverSent) {
  tokenFile("alice");
  write("right.token", read("enrol.token"));
  write("enrol.token", "0000-0000-0000\n");
  const Ran wrong = server_.ctl(enrolInto("out"));
  EXPECT_EQ(wrong.exit, 6) << wrong.err;
  EXPECT_NE(wrong.err.find("not sent"), std::string::npos) << wrong.err;
  write("enrol.token", "not a token at all\n");
  EXPECT_EQ(server_.ctl(enrolInto("out")).exit, 2);
  write("enrol.token", read("right.token"));
  EXPECT_EQ(server_.ctl(enrolInto("out")).exit, 0);
}

TEST_F(Enrol, GoesOnWhereItWasKilled) {
  tokenFile("alice");
  std::string key;
  bool ended = false;
  for (int milliseconds = 4; milliseconds < 400 && !ended; milliseconds += milliseconds / 3 + 1) {
    auto asked = enrolInto("out", {"--no-pkcs12"});
    asked.insert(asked.begin(), {"timeout", "-s", "KILL",
                                 "0." +
                                     std::string(milliseconds < 10    ? "00"
                                                 : milliseconds < 100 ? "0"
                                                                      : "") +
                                     std::to_string(milliseconds),
                                 server_.program("kmsctl"), "--server", "unix:" + server_.socket().string()});
    const Ran ran = run(asked);
    ended = ran.exit == 0;
    if (!ended) {
      EXPECT_TRUE(ran.exit == 128 + SIGKILL || ran.exit == -SIGKILL || ran.exit == 137)
          << ran.exit << ran.err;
    }
    if (key.empty() && has("out/key.pem")) key = read("out/key.pem");
    if (!key.empty()) {
      EXPECT_EQ(read("out/key.pem"), key) << "the claim is bound to it";
    }
  }
  if (!ended) {
    const Ran last = server_.ctl(enrolInto("out", {"--no-pkcs12"}));
    EXPECT_EQ(last.exit, 0) << last.err;
  }
  expectGood("out");
  const Ran listed = server_.ctl({"cert", "list", "--user", "alice"});
  std::size_t signing = 0;
  for (std::size_t at = listed.out.find("user-signing"); at != listed.out.npos;
       at = listed.out.find("user-signing", at + 1))
    ++signing;
  EXPECT_EQ(signing, 1U) << listed.out;
}

TEST_F(Enrol, EndsWhatWasConfirmedAndNotFetched) {
  tokenFile("alice");
  ASSERT_EQ(server_.ctl(enrolInto("out", {"--no-pkcs12"})).exit, 0);
  const std::string certificate = read("out/cert.pem");
  // As it is when the run is killed behind the confirmation: the token is used up.
  write("out/.enrolment", "alice");
  fs::remove(file("out/encryption-key.pem"));
  fs::remove(file("out/encryption-cert.pem"));
  auto other = enrolInto("out", {"--no-pkcs12"});
  other[2] = "bob";
  EXPECT_EQ(server_.ctl(other).exit, 9) << "it is alice's";
  const Ran ended = overTls(enrolInto("out", {"--no-pkcs12"}));
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_EQ(read("out/cert.pem"), certificate);
  expectGood("out");
}

}  // namespace
}  // namespace tests
