// kmsctl renew, and mail that is read after the keys were lost.
#include <filesystem>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

class Renew : public Pki {
 protected:
  void SetUp() override {
    Pki::SetUp();
    const Ran enrolled = server_.ctl({"enrol", "--user", "alice", "--token-file", tokenFile("alice"), "--out",
                                      file("alice"), "--no-pkcs12"});
    ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  }
  Ran renew(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"renew", "--dir", file("alice")};
    all.insert(all.end(), more.begin(), more.end());
    return server_.ctl(all);
  }
  std::string serialIn(const std::string& name) const {
    std::string serial = openssl({"x509", "-noout", "-serial", "-in", file(name)}).substr(7, 32);
    for (char& c : serial)
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    return serial;
  }
  bool fits(const std::string& key, const std::string& certificate) const {
    return openssl({"pkey", "-in", file(key), "-pubout"}) ==
           openssl({"x509", "-in", file(certificate), "-pubkey", "-noout"});
  }
};

TEST_F(Renew, SaysWhenAndDoesNothingEarlier) {
  const std::string before = read("alice/cert.pem");
  const Ran early = renew();
  EXPECT_EQ(early.exit, 0) << early.err;
  EXPECT_TRUE(early.out.starts_with("not due before 20")) << early.out;
  EXPECT_EQ(read("alice/cert.pem"), before);
  EXPECT_FALSE(has("alice/old"));
  EXPECT_EQ(server_.ctl({"renew", "--dir", file("nowhere")}).exit, 1);
}

TEST_F(Renew, ByForceKeepsTheKeyAndTheOldCertificate) {
  const std::string serial = serialIn("alice/cert.pem");
  const std::string key = read("alice/key.pem");
  const std::string old = read("alice/cert.pem");
  const Ran renewed = renew({"--force"});
  ASSERT_EQ(renewed.exit, 0) << renewed.err;
  EXPECT_NE(serialIn("alice/cert.pem"), serial);
  EXPECT_EQ(read("alice/key.pem"), key);
  EXPECT_EQ(read("alice/old/" + serial + "-cert.pem"), old);
  EXPECT_TRUE(fits("alice/key.pem", "alice/cert.pem"));
  fs::copy_file(file("alice/cert.pem"), file("now.crt"));
  EXPECT_EQ(verify("now").exit, 0) << verify("now").err;
  EXPECT_EQ(ocsp("now"), "good");
}

TEST_F(Renew, WithANewKeyOverTlsAndNewBundles) {
  const std::string serial = serialIn("alice/cert.pem");
  const std::string key = read("alice/key.pem");
  write("password", "correct horse\n");
  const Ran renewed =
      overTls({"renew", "--dir", file("alice"), "--force", "--new-key", "--password-file", file("password")});
  ASSERT_EQ(renewed.exit, 0) << renewed.err;
  EXPECT_NE(read("alice/key.pem"), key);
  EXPECT_EQ(read("alice/old/" + serial + "-key.pem"), key);
  EXPECT_TRUE(fits("alice/key.pem", "alice/cert.pem"));
  const std::string bundle = openssl({"pkcs12", "-in", file("alice/signing.p12"), "-passin",
                                      "file:" + file("password"), "-nodes", "-nocerts"});
  write("bundle.key", bundle);
  EXPECT_TRUE(fits("bundle.key", "alice/cert.pem"));
}

// Each place where the two renames of a new pair can be broken off.
TEST_F(Renew, EndsAReplacementThatWasBrokenOff) {
  const std::string serial = serialIn("alice/cert.pem");
  ASSERT_EQ(renew({"--force", "--new-key"}).exit, 0);
  const std::string now = serialIn("alice/cert.pem");
  fs::rename(file("alice/cert.pem"), file("alice/cert.pem.next"));
  fs::copy_file(file("alice/old/" + serial + "-cert.pem"), file("alice/cert.pem"));
  ASSERT_FALSE(fits("alice/key.pem", "alice/cert.pem"));
  EXPECT_EQ(renew().exit, 0);
  EXPECT_EQ(serialIn("alice/cert.pem"), now);
  EXPECT_TRUE(fits("alice/key.pem", "alice/cert.pem"));
  // A new key that has no certificate yet is the one to go on with.
  newKey("ahead");
  fs::copy_file(file("ahead.key"), file("alice/key.pem.next"));
  const Ran gone = renew();
  EXPECT_EQ(gone.exit, 0) << gone.err;
  EXPECT_TRUE(fits("ahead.key", "alice/cert.pem"));
  EXPECT_TRUE(fits("alice/key.pem", "alice/cert.pem"));
  EXPECT_FALSE(has("alice/key.pem.next"));
}

TEST_F(Renew, ARevokedHolderGetsNothing) {
  ASSERT_EQ(server_.ctl({"cert", "revoke", serialIn("alice/cert.pem"), "--reason", "key-compromise"}).exit,
            0);
  const std::string before = read("alice/cert.pem");
  EXPECT_EQ(renew({"--force"}).exit, 6);
  EXPECT_EQ(overTls({"renew", "--dir", file("alice"), "--force"}).exit, 6);
  EXPECT_EQ(read("alice/cert.pem"), before);
}

TEST_F(Renew, TheKeyOpensTheApiOnTheSocketToo) {
  const Ran listed =
      server_.ctl({"--certificate", file("alice/cert.pem"), "--key", file("alice/key.pem"), "cert", "list"});
  EXPECT_EQ(listed.exit, 0) << listed.err;
  EXPECT_NE(listed.out.find(serialIn("alice/cert.pem")), std::string::npos);
  const Ran other = server_.ctl(
      {"--certificate", file("alice/cert.pem"), "--key", file("alice/key.pem"), "user", "show", "bob"});
  EXPECT_EQ(other.exit, 6) << "as alice, though root runs it: " << other.out;
}

// Certificates whose renewal is due after some seconds: two thirds of their life, which began five minutes
// before they were made.
class Mail : public Renew {
 protected:
  std::vector<std::string> options() const override { return {"--certificate-life", "156s"}; }

  void sendLetter(const std::string& name) {
    write(name, "letter " + name + "\n");
    openssl({"cms", "-encrypt", "-aes256", "-in", file(name), "-out", file(name + ".cms"),
             file("alice/encryption-cert.pem")});
  }
  bool opens(const std::string& name, const std::string& key, const std::string& certificate) const {
    const Ran ran = tryOpenssl(
        {"cms", "-decrypt", "-in", file(name + ".cms"), "-recip", file(certificate), "-inkey", file(key)});
    return ran.exit == 0 && ran.out.find("letter " + name) != std::string::npos;
  }
  void renewEncryption() {
    const std::string before = serialIn("alice/encryption-cert.pem");
    ASSERT_TRUE(waitUntil([&] {
      const Ran ran = renew();
      EXPECT_EQ(ran.exit, 0) << ran.err;
      return serialIn("alice/encryption-cert.pem") != before;
    }));
    EXPECT_TRUE(fits("alice/encryption-key.pem", "alice/encryption-cert.pem"));
  }
};

TEST_F(Mail, IsReadAfterTwoRenewalsAndALostKey) {
  sendLetter("first");
  renewEncryption();
  sendLetter("second");
  renewEncryption();
  sendLetter("third");
  EXPECT_FALSE(opens("first", "alice/encryption-key.pem", "alice/encryption-cert.pem"));
  const std::string lost = serialIn("alice/cert.pem");
  write("order", "pay bob\n");
  openssl({"cms", "-sign", "-in", file("order"), "-signer", file("alice/cert.pem"), "-inkey",
           file("alice/key.pem"), "-out", file("order.cms")});
  fs::remove_all(file("alice"));

  ASSERT_EQ(server_.ctl({"cert", "revoke", lost, "--reason", "key-compromise"}).exit, 0);
  write("password", "correct horse\n");
  const Ran recovered =
      server_.ctl({"recover", "--user", "alice", "--token-file", tokenFile("alice", "recover"), "--out",
                   file("again"), "--password-file", file("password")});
  ASSERT_EQ(recovered.exit, 0) << recovered.err;
  EXPECT_TRUE(fits("again/key.pem", "again/cert.pem"));

  std::vector<std::pair<std::string, std::string>> pairs = {
      {"again/encryption-key.pem", "again/encryption-cert.pem"}};
  const std::string end = "-encryption-cert.pem";
  for (const auto& one : fs::directory_iterator(file("again/old"))) {
    const std::string name = one.path().filename().string();
    if (!name.ends_with(end)) continue;
    pairs.emplace_back("again/old/" + name.substr(0, name.size() - end.size()) + "-encryption-key.pem",
                       "again/old/" + name);
  }
  EXPECT_GE(pairs.size(), 3U);
  for (const char* letter : {"first", "second", "third"}) {
    std::size_t read = 0;
    for (const auto& [key, certificate] : pairs)
      if (opens(letter, key, certificate)) ++read;
    EXPECT_EQ(read, 1U) << letter;
  }
  // A mail program gets them all in one file.
  const std::string bundle = openssl({"pkcs12", "-in", file("again/encryption.p12"), "-passin",
                                      "file:" + file("password"), "-nodes", "-nocerts"});
  std::size_t keys = 0;
  for (std::size_t at = bundle.find("BEGIN PRIVATE KEY"); at != bundle.npos;
       at = bundle.find("BEGIN PRIVATE KEY", at + 1))
    ++keys;
  EXPECT_EQ(keys, pairs.size());

  // What the lost key has signed is worth nothing any more.
  EXPECT_TRUE(waitUntil([&] {
    write("trust.pem", read("ca.pem") + curl("http://" + http_ + "/crl.pem"));
    return tryOpenssl({"cms", "-verify", "-in", file("order.cms"), "-CAfile", file("trust.pem"), "-crl_check",
                       "-out", file("order.out")})
               .err.find("certificate revoked") != std::string::npos;
  }));
  const Ran twice = server_.ctl({"recover", "--user", "alice", "--token-file", file("recover.token"), "--out",
                                 file("thief"), "--no-pkcs12"});
  EXPECT_EQ(twice.exit, 6) << "a recover token is used once: " << twice.err;
}

TEST_F(Mail, AnEnrolTokenRecoversNothing) {
  const Ran refused = server_.ctl({"recover", "--user", "alice", "--token-file", tokenFile("alice"), "--out",
                                   file("again"), "--no-pkcs12"});
  EXPECT_EQ(refused.exit, 6) << refused.err;
  EXPECT_FALSE(has("again/old"));
}

}  // namespace
}  // namespace tests
