// https with the certificate that the server makes itself, and what it publishes into a directory for a web
// server beside it: with curl, openssl and kmsctl as the clients.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/exposition.h"
#include "tests/support/server.h"

namespace tests {
namespace {

class OwnTls : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.setUp();
    server_.insert("key.img");
  }
  std::string file(const std::string& name) const { return (scratch_ / name).string(); }
  std::string web(const std::string& name) const { return file("web/" + name); }

  void start(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--listen", "https://127.0.0.1:0", "--metrics-http", "127.0.0.1:0",
                             "--publish-dir", file("web")});
    server_.start(more);
    server_.expectState("unsealed", "");
    port_ = portOf("https://127.0.0.1:");
    ASSERT_TRUE(waitUntil([&] { return std::filesystem::exists(web("crl.pem")); }));
    ASSERT_TRUE(waitUntil([&] { return status() == "200"; })) << server_.log();
  }
  std::string portOf(const std::string& before) const {
    const std::string log = server_.log();
    const std::size_t at = log.rfind("listening on " + before);  // the log goes on after a restart
    if (at == log.npos) return {};
    const std::size_t begin = at + 13 + before.size();
    return log.substr(begin, log.find_first_of(" \n", begin) - begin);
  }
  // Of /v1/health; empty where there is no TLS that the authority vouches for.
  std::string status(const std::string& host = "localhost") const {
    const Ran ran = run({"curl", "-sS", "-m", "20", "--noproxy", "*", "--cacert", web("ca.pem"), "--resolve",
                         host + ":" + port_ + ":127.0.0.1", "-o", "/dev/null", "-w", "%{http_code}",
                         "https://" + host + ":" + port_ + "/v1/health"});
    return ran.exit == 0 ? ran.out : "";
  }
  // "serial=..." of what is shown; empty where nothing is.
  std::string shown() const {
    const Ran ran = run({"openssl", "s_client", "-connect", "127.0.0.1:" + port_, "-CAfile", web("ca.pem"),
                         "-verify_return_error", "-verify_hostname", "localhost"});
    if (ran.exit != 0) return {};
    std::ofstream(file("shown.pem")) << ran.out;
    return run({"openssl", "x509", "-noout", "-serial", "-in", file("shown.pem")}).out;
  }
  Ran kmsctl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {std::string(KEYDISK_BINARY_DIR) + "/kmsctl", "--server",
                                         "https://localhost:" + port_, "--ca", web("ca.pem")});
    return run(arguments);
  }
  bool logs(const std::string& text) {
    return waitUntil([&] { return server_.log().find(text) != std::string::npos; });
  }

  Scratch scratch_;
  Server server_;
  std::string port_;
};

TEST_F(OwnTls, CurlOpensslAndKmsctlTrustItByTheAuthority) {
  start({"--tls-name", "kms.example.org"});
  for (const char* host : {"localhost", "127.0.0.1", "kms.example.org"})
    EXPECT_EQ(status(host), "200") << host;
  EXPECT_EQ(status("other.example.org"), "");
  EXPECT_NE(shown(), "");
  EXPECT_EQ(run({"curl", "-sS", "-m", "20", "https://localhost:" + port_ + "/v1/health"}).exit, 60)
      << "whoever does not know the authority";
  const Ran asked = kmsctl({"status"});
  EXPECT_EQ(asked.exit, 0) << asked.err;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(server_.data()))
    if (entry.is_regular_file() && entry.path().extension() == ".key") ADD_FAILURE() << entry.path();
}

TEST_F(OwnTls, IsRefusedWhileSealedAndTheSameAfterwards) {
  start();
  const std::string first = shown();
  ASSERT_EQ(server_.ctl({"seal"}).exit, 0);
  EXPECT_EQ(status(), "");
  EXPECT_EQ(shown(), "");
  const Ran asked = kmsctl({"status"});
  EXPECT_EQ(asked.exit, 7);
  EXPECT_NE(asked.err.find("while it is unsealed"), std::string::npos) << asked.err;
  EXPECT_TRUE(logs("failed: this server has no certificate to show: it is sealed")) << server_.log();
  ASSERT_EQ(server_.ctl({"unseal"}).exit, 0);
  server_.expectState("unsealed", "");
  ASSERT_TRUE(waitUntil([&] { return status() == "200"; }));
  EXPECT_EQ(shown(), first);
  EXPECT_EQ(server_.stop(), 0);
  start();
  EXPECT_EQ(shown(), first) << "it lies in the database";
}

TEST_F(OwnTls, IsMadeAnewForOtherNamesAndWhereItWasRevoked) {
  start();
  const std::string first = shown();
  const std::string serial = first.substr(first.find('=') + 1, 32);
  const Ran revoked = server_.ctl({"cert", "revoke", serial, "--reason", "key-compromise"});
  EXPECT_EQ(revoked.exit, 0) << revoked.err;
  EXPECT_TRUE(waitUntil([&] { return status() == "200" && shown() != first; })) << server_.log();
  const std::string second = shown();
  EXPECT_EQ(server_.stop(), 0);
  start({"--tls-name", "more.example.org"});
  EXPECT_TRUE(waitUntil([&] { return status("more.example.org") == "200"; }));
  EXPECT_NE(shown(), second);
}

TEST_F(OwnTls, WhatIsPublishedIsWholeReadableByAllAndNew) {
  start();
  for (const char* name : {"ca.crt", "ca.pem", "crl.der", "crl.pem"}) {
    struct stat found {};
    ASSERT_EQ(::stat(web(name).c_str(), &found), 0) << name;
    EXPECT_EQ(found.st_mode & 0777U, 0644U) << name;
  }
  const auto text = [&] {
    return run({"openssl", "crl", "-in", web("crl.pem"), "-noout", "-text", "-CAfile", web("ca.pem")});
  };
  EXPECT_NE(text().err.find("verify OK"), std::string::npos) << text().err;
  const std::string first = shown();
  ASSERT_EQ(server_.ctl({"cert", "revoke", first.substr(first.find('=') + 1, 32)}).exit, 0);
  EXPECT_TRUE(
      waitUntil([&] { return text().out.find(first.substr(first.find('=') + 1, 32)) != std::string::npos; }));
  EXPECT_TRUE(waitUntil([&] { return std::filesystem::exists(web("delta-crl.der")); }));
  const Exposition metrics(
      run({"curl", "-sS", "-m", "20", "http://127.0.0.1:" + portOf("http://127.0.0.1:") + "/metrics"}).out);
  EXPECT_EQ(metrics.problems(), "");
  EXPECT_EQ(metrics.value("kms_publication_fault"), 0);
  EXPECT_EQ(metrics.value("kms_crl_fault"), 0);
  EXPECT_EQ(metrics.value("kms_crl_entries"), 1);
  EXPECT_GT(metrics.value("kms_certificate_expiry_timestamp_seconds", R"(certificate="https")"), 1.7e9);
  EXPECT_GT(metrics.value("kms_certificate_expiry_timestamp_seconds", R"(certificate="authority")"), 1.7e9);
}

TEST_F(OwnTls, ADirectoryThatCannotBeWrittenStopsNothing) {
  std::ofstream(file("web")) << "a file";
  server_.start({"--metrics-http", "127.0.0.1:0", "--publish-dir", file("web")});
  server_.expectState("unsealed", "");
  EXPECT_TRUE(logs("--publish-dir cannot be written")) << server_.log();
  const Exposition metrics(
      run({"curl", "-sS", "-m", "20", "http://127.0.0.1:" + portOf("http://127.0.0.1:") + "/metrics"}).out);
  EXPECT_EQ(metrics.value("kms_publication_fault"), 1);
}

TEST_F(OwnTls, OptionsThatDoNotGoTogetherAreRefused) {
  const auto refused = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"run", "--data-dir", server_.data(), "--listen", "https://127.0.0.1:0"};
    all.insert(all.end(), more.begin(), more.end());
    const Ran ran = server_.kmsd(all);
    EXPECT_EQ(ran.exit, 2) << ran.err;
    return ran.err;
  };
  EXPECT_NE(refused({"--tls-key", "a.key"}).find("go together"), std::string::npos);
  EXPECT_NE(refused({"--tls-certificate", "a.crt"}).find("go together"), std::string::npos);
  EXPECT_NE(refused({"--tls-name", "not a name"}).find("--tls-name"), std::string::npos);
  EXPECT_NE(
      refused({"--tls-name", "a", "--tls-certificate", "a.crt", "--tls-key", "a.key"}).find("leave out"),
      std::string::npos);
}

}  // namespace
}  // namespace tests
