// Everything that was ever encrypted to a user can be read after a recovery, however much it is.
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kPairs = 101;

class Recover : public Pki {
 protected:
  // Of RSA, whose keys are large; 2048 bits, because the server is to make so many.
  std::vector<std::string> options() const override { return {"--encryption-key", "rsa-2048"}; }
  void SetUp() override {
    Pki::SetUp();
    enrol("alice", "holder");
    for (std::size_t i = 0; i < kPairs; ++i) {
      const auto pair = json::parse(curl(https_ + "/v1/encryption", {"-X", "POST"}, "holder")).as_object();
      const std::string serial = pair.at("serial").as_string().c_str();
      ASSERT_EQ(std::ranges::count(serials_, serial), 0);
      serials_.push_back(serial);
      if (i == 0) write("oldest.crt", pair.at("certificate").as_string().c_str());
      ASSERT_EQ(server_.ctl({"cert", "revoke", serial, "--reason", "superseded"}).exit, 0);
    }
    write("letter", "from the oldest days\n");
    openssl({"cms", "-encrypt", "-binary", "-in", file("letter"), "-out", file("letter.cms"),
             file("oldest.crt")});
    write("password", "correct horse\n");
    tokenFile("alice", "recover");
  }
  std::vector<std::string> recovery() const {
    return {"recover", "--user",      "alice",           "--token-file",  file("recover.token"),
            "--out",   file("again"), "--password-file", file("password")};
  }
  bool opensLetter(const std::string& key) const {
    return tryOpenssl({"cms", "-decrypt", "-binary", "-in", file("letter.cms"), "-inkey", file(key), "-out",
                       file("letter.out")})
                   .exit == 0 &&
           read("letter.out") == read("letter");
  }
  // The private keys in the .p12, in their order, as openssl writes them.
  std::vector<std::string> bundledKeys() const {
    const std::string all = openssl({"pkcs12", "-in", file("again/encryption.p12"), "-passin",
                                     "file:" + file("password"), "-nodes", "-nocerts"});
    const std::string begin = "-----BEGIN PRIVATE KEY-----";
    const std::string end = "-----END PRIVATE KEY-----\n";
    std::vector<std::string> keys;
    for (std::size_t at = all.find(begin); at != all.npos; at = all.find(begin, at + 1))
      keys.push_back(all.substr(at, all.find(end, at) + end.size() - at));
    return keys;
  }

  std::vector<std::string> serials_;  // the oldest first
};

TEST_F(Recover, MoreKeysThanOneAnswerHolds) {
  // A first run ends when the first old pair cannot be kept.
  fs::create_directory(file("again"));
  fs::permissions(file("again"), fs::perms::owner_all);
  write("again/old", "");
  const Ran broken = server_.ctl(recovery());
  EXPECT_NE(broken.exit, 0);
  fs::remove(file("again/old"));

  const Ran done = server_.ctl(recovery());
  ASSERT_EQ(done.exit, 0) << done.err;
  EXPECT_NE(done.err.find(std::to_string(kPairs)), std::string::npos) << done.err;
  for (const std::string& serial : serials_)
    EXPECT_TRUE(has("again/old/" + serial + "-encryption-key.pem")) << serial;
  EXPECT_TRUE(opensLetter("again/old/" + serials_.front() + "-encryption-key.pem"));

  // A mail program gets them all in one file, and reads the oldest letter with the last key in it.
  const auto keys = bundledKeys();
  ASSERT_EQ(keys.size(), kPairs + 1) << "and the new one";
  write("last.key", keys.back());
  EXPECT_TRUE(opensLetter("last.key"));
  write("first.key", keys.front());
  EXPECT_FALSE(opensLetter("first.key"));

  const Ran judged = server_.ctl({"audit", "verify", "--store"});
  EXPECT_EQ(judged.exit, 0) << judged.out;
}

}  // namespace
}  // namespace tests
