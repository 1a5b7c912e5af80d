// What `openssl ocsp` is told while the server is sealed: after a seal, after kill -9, after a restart
// without the medium.
#include <signal.h>

#include <fstream>
#include <sstream>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

class SealedStatus : public Pki {
 protected:
  void SetUp() override {
    Pki::SetUp();
    enrol("alice", "alice");
    // Opening writes all answers at once.
    ASSERT_EQ(server_.stop(), 0);
    start();
    server_.expectState("unsealed", "");
    ASSERT_TRUE(waitUntil([&] { return kept().find(serial()) != std::string::npos && ocspUntil(); }));
  }
  void start() {
    const std::size_t before = server_.log().size();
    server_.start({"--listen", "http://127.0.0.1:0"});
    const std::string mark = "listening on http://127.0.0.1:";
    std::string said;
    ASSERT_TRUE(waitUntil([&] {
      said = server_.log().substr(before);
      return said.find(mark) != said.npos;
    }));
    http_ = "127.0.0.1:" + std::to_string(std::stoul(said.substr(said.find(mark) + mark.size())));
  }
  void startSealed() {
    if (std::filesystem::exists(server_.drive() / "key.img")) server_.pull("key.img");
    start();
    server_.expectState("sealed", "awaiting_medium");
  }
  void kill() { EXPECT_EQ(server_.stop(SIGKILL), 128 + SIGKILL); }
  std::filesystem::path keptFile() const { return server_.data() / "security" / "public" / "ocsp.kept"; }
  std::string kept() const {
    std::ifstream in(keptFile(), std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  void replace(const std::string& content) const { std::ofstream(keptFile(), std::ios::binary) << content; }
  // As bytes, which stand in the file.
  std::string serial() const {
    const std::string hex = serialOf("alice");
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
      out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return out;
  }
  bool ocspUntil() const { return server_.status().at("ocsp_until").is_string(); }
  // All that openssl says.
  std::string asked(const std::string& option = "-no_nonce", const std::string& hash = "-sha1") const {
    const Ran ran = tryOpenssl({"ocsp", "-issuer", file("ca.pem"), hash, "-cert", file("alice.crt"), "-url",
                                "http://" + http_ + "/ocsp", "-CAfile", file("ca.pem"), option});
    return ran.out + ran.err;
  }
  void expectGood() const {
    for (const char* hash : {"-sha1", "-sha256"}) {
      const std::string said = asked("-no_nonce", hash);
      EXPECT_NE(said.find("alice.crt: good"), std::string::npos) << said;
      EXPECT_NE(said.find("Response verify OK"), std::string::npos) << said;
    }
  }
  void expectTryLater() const {
    for (const char* nonce : {"-no_nonce", "-nonce"}) {
      const std::string said = asked(nonce);
      EXPECT_EQ(said.find("good"), std::string::npos) << said;
      EXPECT_NE(said.find("trylater"), std::string::npos) << said;
    }
  }
};

TEST_F(SealedStatus, AnswersAreGivenAfterASealAKillAndARestart) {
  EXPECT_EQ(server_.ctl({"seal"}).exit, 0);
  expectGood();
  kill();
  startSealed();
  expectGood();
  // What openssl asks if nobody says otherwise: it warns, and goes on.
  const std::string said = asked("-nonce");
  EXPECT_NE(said.find("alice.crt: good"), std::string::npos) << said;
  EXPECT_NE(said.find("no nonce"), std::string::npos) << said;

  openssl({"ocsp", "-issuer", file("ca.pem"), "-cert", file("alice.crt"), "-no_nonce", "-reqout",
           file("alice.req")});
  openssl({"base64", "-A", "-in", file("alice.req"), "-out", file("alice.b64")});
  std::string path;
  for (const char c : read("alice.b64"))
    path += c == '+' ? "%2B" : c == '/' ? "%2F" : c == '=' ? "%3D" : std::string(1, c);
  std::string status;
  write("alice.resp", curl("http://" + http_ + "/ocsp/" + path, {}, {}, &status));
  EXPECT_EQ(status, "200");
  const Ran shown = tryOpenssl({"ocsp", "-respin", file("alice.resp"), "-issuer", file("ca.pem"), "-cert",
                                file("alice.crt"), "-CAfile", file("ca.pem")});
  EXPECT_NE((shown.out + shown.err).find("alice.crt: good"), std::string::npos) << shown.out << shown.err;

  const auto document = server_.status();
  EXPECT_TRUE(document.at("crl_until").is_string());
  EXPECT_TRUE(document.at("ocsp_until").is_string());
  const Ran told = server_.ctl({"status"});
  EXPECT_NE(told.out.find("OCSP until"), std::string::npos) << told.out;
  EXPECT_NE(told.out.find(" hours left)"), std::string::npos) << told.out;
  EXPECT_EQ(server_.stop(), 0);
}

TEST_F(SealedStatus, WhoIsRevokedIsNeverGood) {
  const std::string before = kept();
  const auto revoke = [&] { return server_.ctl({"cert", "revoke", serialOf("alice")}).exit; };
  ASSERT_EQ(revoke(), 0);
  kill();
  startSealed();
  // Whether there was time to write the file anew or not.
  const std::string said = asked();
  EXPECT_EQ(said.find("good"), std::string::npos) << said;
  EXPECT_TRUE(said.find("trylater") != std::string::npos || said.find(": revoked") != std::string::npos)
      << said;
  kill();
  replace(before);
  startSealed();
  expectTryLater();
  EXPECT_FALSE(ocspUntil());
  EXPECT_EQ(server_.stop(), 0);
}

TEST_F(SealedStatus, ADamagedFileIsToldOfOnce) {
  kill();
  std::string content = kept();
  content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
  replace(content);
  const std::size_t before = server_.log().size();
  startSealed();
  expectTryLater();
  const auto lines = [&] {
    const std::string log = server_.log().substr(before);
    int count = 0;
    for (std::size_t at = log.find("ocsp.kept"); at != log.npos; at = log.find("ocsp.kept", at + 1)) ++count;
    return count;
  };
  EXPECT_TRUE(waitUntil([&] { return lines() > 0; }));
  expectTryLater();
  EXPECT_EQ(lines(), 1);
  server_.insert("key.img");
  server_.expectState("unsealed", "");
  EXPECT_TRUE(waitUntil([&] { return kept().find(serial()) != std::string::npos && ocspUntil(); }));
  EXPECT_EQ(server_.stop(), 0);
}

}  // namespace
}  // namespace tests
