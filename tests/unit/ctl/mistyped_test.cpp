// The built kmsctl and what hurried people give it. There is no server: what would be sent to one ends with
// exit code 7.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

class Mistyped : public ::testing::Test {
 protected:
  Ran ctl(std::vector<std::string> words) const {
    words.insert(words.begin(), {std::string(KEYDISK_BINARY_DIR) + "/kmsctl", "--server",
                                 "unix:" + (scratch_ / "none.sock").string()});
    return run(words);
  }
  // cert issue with a file of this content.
  Ran issue(std::string_view content) const {
    std::ofstream(file_, std::ios::binary) << content;
    return ctl({"cert", "issue", "--user", "web1", "--csr", file_});
  }
  void isNotSent(std::string_view content, std::string_view why) const {
    const Ran ran = issue(content);
    EXPECT_EQ(ran.exit, 2) << ran.err;
    EXPECT_NE(ran.err.find(file_ + " "), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find(why), std::string::npos) << ran.err;
  }

 private:
  Scratch scratch_;
  std::string file_ = (scratch_ / "web1.pem").string();
};

// Whoever mixes up his files sends nobody his key.
TEST_F(Mistyped, NoFileIsSentThatIsNoRequest) {
  const auto pem = [](const std::string& label) {
    return "-----BEGIN " + label + "-----\nMAA=\n-----END " + label + "-----\n";
  };
  const std::string request = pem("CERTIFICATE REQUEST");
  for (const char* kind : {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"}) {
    isNotSent(pem(kind), "private key, which was not sent");
    isNotSent(request + pem(kind), "private key, which was not sent");
  }
  isNotSent("", "is empty");
  isNotSent("Dear server", "no certification request");
  isNotSent(pem("CERTIFICATE"), "no certification request");
  isNotSent(std::string("\x30\x03\x02\x01\x00", 5), "no certification request");  // a key in DER
  for (const std::string& good :
       {request, pem("NEW CERTIFICATE REQUEST"), std::string("\x30\x02\x30\x00", 4)})
    EXPECT_EQ(issue(good).exit, 7);
}

TEST_F(Mistyped, NothingIsAskedOfASerialThatIsNone) {
  for (const char* verb : {"show", "revoke"}) {
    for (const char* serial : {"alice", "web1.crt", "../users/alice", "5eb2?limit=1", "renew", "5eb2"}) {
      const Ran ran = ctl({"cert", verb, serial});
      EXPECT_EQ(ran.exit, 1) << ran.err;
      EXPECT_NE(ran.err.find(std::string("'") + serial + "' is no serial number"), std::string::npos)
          << ran.err;
    }
    EXPECT_EQ(ctl({"cert", verb, "5EB2A35F86A3C4D06E0F2E6F0A1C9B7D"}).exit, 7);
    EXPECT_EQ(ctl({"cert", verb, "5E:B2:A3:5F:86:A3:C4:D0:6E:0F:2E:6F:0A:1C:9B:7D"}).exit, 7);
  }
}

}  // namespace
}  // namespace tests
