// Thousands of users are enabled and leave again, each with one command that can be interrupted and taken up
// again; what was revoked is on the CRL and in OCSP's answers.
#include <fstream>
#include <set>
#include <sstream>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

constexpr int kUsers = 3000;
constexpr int kCertified = 600;  // the first of them have a certificate

std::string userName(int i) { return "user" + std::to_string(i); }

class BulkRevoke : public Pki {
 protected:
  void SetUp() override {
    Pki::SetUp();
    std::ofstream names(file("list"));
    for (int from = 0; from < kUsers; from += 500) {
      std::vector<std::string> words = {"user", "add"};
      for (int i = from; i < from + 500; ++i) words.push_back(userName(i));
      ASSERT_EQ(server_.ctl(words).exit, 0);
      for (int i = from; i < from + 500; ++i) names << userName(i) << "\n";
    }
  }
  // One curl for all, over one connection: the same key does for many.
  void certify() {
    newKey("many");
    const std::string request = openssl({"req", "-new", "-key", file("many.key"), "-subj", "/"});
    std::ofstream config(file("curl.conf"));
    for (int i = 0; i < kCertified; ++i) {
      const std::string name = file("body" + std::to_string(i));
      const boost::json::object body{{"user", userName(i)}, {"csr", request}};
      std::ofstream(name) << boost::json::serialize(body);
      config << (i == 0 ? "" : "next\n") << "silent\nfail\nunix-socket = \"" << server_.socket().string()
             << "\"\nurl = \"http://kms/v1/certificates\"\nheader = \"Content-Type: application/json\"\n"
             << "data-binary = \"@" << name << "\"\noutput = \"" << name << ".out\"\n";
    }
    config.close();
    const Ran all = run({"curl", "-K", file("curl.conf")});
    ASSERT_EQ(all.exit, 0) << all.err;
    for (const int i : {0, kCertified - 1}) {
      const auto made = boost::json::parse(read("body" + std::to_string(i) + ".out")).as_object();
      write(userName(i) + ".crt", made.at("certificate").as_string().c_str());
    }
  }
  Ran revoke(const std::string& list) {
    return server_.ctl({"cert", "revoke", "--users-file", list, "--reason", "cessation-of-operation",
                        "--report", file("report")});
  }
  std::size_t rows(const std::string& begin) {
    std::istringstream lines(read("report"));
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) count += line.starts_with(begin) ? 1U : 0U;
    return count;
  }
  std::size_t onTheCrl() {
    write("crl.pem", curl("http://" + http_ + "/crl.pem"));
    const std::string text = openssl({"crl", "-in", file("crl.pem"), "-noout", "-text"});
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find("Serial Number:", at)) != text.npos; ++at) ++count;
    return count;
  }
};

TEST_F(BulkRevoke, ThreeThousandAreEnabledAndLeave) {
  const Ran enabled = server_.ctl({"token", "issue", "--users-file", file("list"), "--kind", "enrol",
                                   "--output", file("tokens"), "--report", file("enabled")});
  ASSERT_EQ(enabled.exit, 0) << enabled.err;
  certify();
  EXPECT_EQ(ocsp(userName(0)), "good");
  write("part", read("list").substr(0, read("list").find("user1000\n")) + "nobody\n");
  const Ran part = revoke(file("part"));
  EXPECT_EQ(part.exit, 1) << "one of them is nobody";
  EXPECT_NE(part.err.find("nobody: "), std::string::npos) << part.err;
  EXPECT_EQ(rows("ok\t"), 1000U);
  EXPECT_EQ(rows("failed\tnobody\tnot_found\t"), 1U);
  EXPECT_EQ(rows("ok\tuser7\t1"), 1U);

  const Ran rest = revoke(file("list"));
  ASSERT_EQ(rest.exit, 0) << rest.err;
  EXPECT_NE(rest.err.find("2000 revoked, 0 failed, 1000 skipped"), std::string::npos) << rest.err;
  EXPECT_EQ(rows("ok\t"), static_cast<std::size_t>(kUsers));
  EXPECT_EQ(rows("ok\tuser2000\t0"), 1U);

  EXPECT_TRUE(waitUntil([&] { return onTheCrl() == kCertified; }));
  for (const int i : {0, kCertified - 1}) {
    EXPECT_EQ(ocsp(userName(i)), "revoked");
    EXPECT_NE(verify(userName(i)).exit, 0);
  }
  const std::string first = read("tokens").substr(0, read("tokens").find('\n'));
  const std::string user = first.substr(0, first.find('\t'));
  const std::string token = first.substr(user.size() + 1, 14);
  EXPECT_EQ(server_.ctl({"token", "verify", "--user", user, "-"}, token + "\n").exit, 1)
      << "an enrol token that waited";
  const Ran sound = server_.ctl({"audit", "verify", "--store"});
  EXPECT_EQ(sound.exit, 0) << sound.out;
  EXPECT_NE(sound.out.find(" certificates"), std::string::npos) << sound.out;
}

TEST_F(BulkRevoke, WhatIsWrittenWrongIsSaid) {
  EXPECT_EQ(server_.ctl({"cert", "revoke"}).exit, 2);
  EXPECT_EQ(server_.ctl({"cert", "revoke", "00", "--users-file", file("list")}).exit, 2);
  EXPECT_EQ(server_.ctl({"cert", "revoke", "00", "--report", file("report")}).exit, 2);
  EXPECT_EQ(server_.ctl({"cert", "revoke", "--users-file", file("list"), "--reason", "hold"}).exit, 2);
  EXPECT_EQ(server_.ctl({"cert", "revoke", "--users-file", file("none")}).exit, 8);
  write("report", "# kmsctl report: cert revoke --users-file --reason superseded\n");
  EXPECT_NE(revoke(file("list")).exit, 0) << "the report is of another command";
}

}  // namespace
}  // namespace tests
