// The server on the network: TLS with curl and kmsctl as its clients, what is served in clear, metrics, and
// the configuration read anew.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/support/exposition.h"
#include "tests/support/server.h"

namespace tests {
namespace {

class Network : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.setUp();
    authority("ca");
    certificate("ca", "server", "/CN=kms", "subjectAltName=IP:127.0.0.1,DNS:localhost");
  }

  std::string file(const std::string& name) const { return (scratch_ / name).string(); }

  void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const Ran ran = run(arguments);
    ASSERT_EQ(ran.exit, 0) << ran.err;
  }
  void authority(const std::string& name) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=" + name, "-keyout", file(name + ".key"), "-out", file(name + ".crt")});
  }
  void certificate(const std::string& issuer, const std::string& name, const std::string& subject,
                   const std::string& extension) {
    std::ofstream(file(name + ".ext")) << extension << "\n";
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
             "-keyout", file(name + ".key"), "-out", file(name + ".csr")});
    openssl({"x509", "-req", "-in", file(name + ".csr"), "-CA", file(issuer + ".crt"), "-CAkey",
             file(issuer + ".key"), "-CAcreateserial", "-days", "1", "-extfile", file(name + ".ext"), "-out",
             file(name + ".crt")});
    std::filesystem::permissions(file(name + ".key"), std::filesystem::perms::owner_read);
  }

  // Open, with alice and vera, listening on ports that the system chose.
  void start(std::vector<std::string> more = {}) {
    server_.insert("key.img");
    std::vector<std::string> options = {"--listen",         "https://127.0.0.1:0", "--tls-certificate",
                                        file("server.crt"), "--tls-key",           file("server.key")};
    options.insert(options.end(), more.begin(), more.end());
    server_.start(options);
    server_.expectState("unsealed", "");
    https_ = addressOf("https://");
    for (const auto& [name, role] : {std::pair("alice", "user"), std::pair("vera", "verifier")})
      EXPECT_EQ(server_.ctl({"user", "add", name, "--role", role}).exit, 0);
  }
  // "https://127.0.0.1:PORT" as the log says it.
  std::string addressOf(const std::string& scheme) const {
    const std::string log = server_.log();
    const std::string before = "listening on " + scheme;
    const std::size_t at = log.find(before);
    if (at == log.npos) return {};
    const std::size_t begin = at + before.size() - scheme.size();
    return log.substr(begin, log.find_first_of(" \n", begin) - begin);
  }
  std::string token(const std::string& user, const std::string& scope) {
    const Ran ran = server_.ctl({"token", "issue", "--user", user, "--scope", scope});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.out.substr(0, ran.out.find('\n'));
  }
  // What curl was answered: the body, then the status on a line of its own.
  Ran curl(const std::string& url, std::vector<std::string> arguments = {}) {
    std::vector<std::string> all = {"curl",           "-sS", "-m", "20", "--cacert", file("ca.crt"), "-w",
                                    "\n%{http_code}", url};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all);
  }
  std::string status(const std::string& url, std::vector<std::string> arguments = {}) {
    const Ran ran = curl(url, std::move(arguments));
    return ran.exit == 0 ? ran.out.substr(ran.out.rfind('\n') + 1) : "curl: " + ran.err;
  }
  static std::string body(const Ran& ran) { return ran.out.substr(0, ran.out.rfind('\n')); }
  Ran kmsctl(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), std::string(KEYDISK_BINARY_DIR) + "/kmsctl");
    return run(arguments, input);
  }
  // The serial number of the certificate that https shows now.
  std::string shown() {
    const Ran ran = run({"openssl", "s_client", "-connect", https_.substr(8)}, "");
    std::ofstream(file("shown.pem")) << ran.out;
    return run({"openssl", "x509", "-noout", "-serial", "-in", file("shown.pem")}).out;
  }
  bool logs(const std::string& text) {
    return waitUntil([&] { return server_.log().find(text) != std::string::npos; });
  }

  Scratch scratch_;
  Server server_;
  std::string https_;
};

TEST_F(Network, CurlVerifiesATokenOverTls) {
  start();
  const std::string bearer = "Authorization: Bearer " + token("vera", "kms:verifier");
  const std::string alices = token("alice", "mail:read");
  EXPECT_EQ(status(https_ + "/v1/health"), "200");
  EXPECT_EQ(status(https_ + "/v1/users/alice"), "401");
  EXPECT_EQ(status(https_ + "/v1/unseal", {"-X", "POST"}), "403");
  const Ran verified =
      curl(https_ + "/v1/tokens/verify",
           {"-H", bearer, "-H", "Content-Type: application/json", "-d", R"({"token":")" + alices + R"("})"});
  EXPECT_NE(body(verified).find(R"("active":true)"), std::string::npos) << verified.out << verified.err;
  const Ran introspected =
      curl(https_ + "/oauth2/introspect", {"-H", bearer, "--data-urlencode", "token=" + alices});
  EXPECT_NE(body(introspected).find(R"("scope":"mail:read")"), std::string::npos) << introspected.out;
  // As an OAuth client does: its name and token by HTTP Basic.
  EXPECT_EQ(status(https_ + "/oauth2/revoke", {"-u", "alice:" + alices, "-d", "token=" + alices}), "200");
  const Ran gone = curl(https_ + "/oauth2/introspect", {"-H", bearer, "-d", "token=" + alices});
  EXPECT_EQ(body(gone), R"({"active":false})");
  EXPECT_NE(curl(https_ + "/v1/health", {"--tls-max", "1.1"}).exit, 0);
  EXPECT_EQ(status(https_ + "/v1/health", {"--tls-max", "1.2"}), "200");
}

TEST_F(Network, AClientCertificateIsItsUser) {
  authority("clients");
  certificate("clients", "alice", "/CN=alice", "extendedKeyUsage=clientAuth");
  certificate("clients", "ghost", "/CN=ghost", "extendedKeyUsage=clientAuth");
  authority("others");
  certificate("others", "forged", "/CN=alice", "extendedKeyUsage=clientAuth");
  start({"--tls-client-ca", file("clients.crt")});
  const auto as = [&](const std::string& name) {
    return std::vector<std::string>{"--cert", file(name + ".crt"), "--key", file(name + ".key")};
  };
  EXPECT_EQ(status(https_ + "/v1/users/alice", as("alice")), "200");
  EXPECT_EQ(status(https_ + "/v1/users", as("alice")), "403");
  EXPECT_EQ(status(https_ + "/v1/users/alice", as("ghost")), "401");
  EXPECT_EQ(status(https_ + "/v1/users/alice"), "401");
  EXPECT_NE(status(https_ + "/v1/users/alice", as("forged")), "200");
  const auto show = [&](const std::string& name) {
    return kmsctl({"--server", https_, "--ca", file("ca.crt"), "--certificate", file(name + ".crt"), "--key",
                   file(name + ".key"), "user", "show", "alice"});
  };
  const Ran shown = show("alice");
  EXPECT_EQ(shown.exit, 0) << shown.err;
  const Ran forged = show("forged");
  EXPECT_EQ(forged.exit, 6) << forged.err;
  EXPECT_EQ(forged.err,
            "kmsctl: the server refused this client's certificate: the server does not know its authority\n");
  EXPECT_TRUE(logs("failed: the client's certificate is of no authority of --tls-client-ca"))
      << server_.log();
}

TEST_F(Network, KmsctlSaysWhatIsWrongWithTheConnection) {
  start();
  std::ofstream(file("token")) << token("vera", "kms:verifier") << "\n";
  const auto asked = [&](const std::string& server, const std::string& ca) {
    return kmsctl(
        {"--server", server, "--ca", ca, "--token-file", file("token"), "token", "verify", "kms_x"});
  };
  const Ran good = kmsctl({"--server", https_, "--ca", file("ca.crt"), "--json", "status"});
  EXPECT_EQ(good.exit, 0) << good.err;
  EXPECT_NE(good.out.find(R"("state":"unsealed")"), std::string::npos);
  EXPECT_EQ(asked(https_, file("ca.crt")).exit, 2) << "kms_x is no token";
  authority("other");
  EXPECT_EQ(asked(https_, file("other.crt")).exit, 7);
  const std::string port = https_.substr(https_.rfind(':'));
  const Ran name = asked("https://[::1]" + port, file("ca.crt"));
  EXPECT_EQ(name.exit, 7) << name.err;
  EXPECT_EQ(asked("https://127.0.0.1:1", file("ca.crt")).exit, 7);
  EXPECT_EQ(asked("http://127.0.0.1" + port, file("ca.crt")).exit, 2);
  const Ran denied = kmsctl({"--server", https_, "--ca", file("ca.crt"), "seal"});
  EXPECT_EQ(denied.exit, 6) << denied.err;
  EXPECT_EQ(server_.ctl({"seal"}).exit, 0);
  EXPECT_EQ(asked(https_, file("ca.crt")).exit, 3);
}

TEST_F(Network, InClearOnlyWhatIsPublicIsServed) {
  start({"--listen", "http://127.0.0.1:0", "--metrics-http", "127.0.0.1:0"});
  const std::string clear = addressOf("http://");
  ASSERT_NE(clear, "");
  const std::string verifier = token("vera", "kms:verifier");
  EXPECT_EQ(status(clear + "/v1/health"), "200");
  for (const char* path : {"/v1/status", "/metrics", "/v1/users"}) {
    const Ran ran = curl(clear + path, {"-H", "Authorization: Bearer " + verifier});
    EXPECT_NE(body(ran).find("tls_required"), std::string::npos) << path << ran.out;
  }
  EXPECT_EQ(status(clear + "/none"), "404");
  // The address of the metrics was the second one.
  const std::string log = server_.log();
  const std::size_t at = log.rfind("listening on http://") + 13;
  const std::string metrics = log.substr(at, log.find_first_of(" \n", at) - at);
  ASSERT_NE(metrics, clear);
  EXPECT_EQ(status(metrics + "/v1/health"), "404");
  for (const Ran& ran :
       {curl(metrics + "/metrics"), curl(https_ + "/metrics", {"-H", "Authorization: Bearer " + verifier})}) {
    const Exposition text(body(ran) + "\n");
    EXPECT_EQ(text.problems(), "") << ran.out;
    EXPECT_EQ(text.value("kms_sealed"), 0);
    EXPECT_GE(text.value("kms_connections", R"(transport="https")"), 0);
    EXPECT_GE(text.value("kms_tls_handshakes_failed_total", R"(reason="unknown_ca")"), 0);
    EXPECT_EQ(text.value("kms_media_present"), 1);
    EXPECT_EQ(text.value("kms_tokens_issued_total", R"(kind="access")"), 1);
    EXPECT_GE(text.value("kms_store_commits_total"), 3);
    EXPECT_EQ(text.value("kms_http_requests_total", R"(code="201",method="POST",route="/v1/users")"), 2);
    for (const char* secret : {"alice", "vera", "key.img"})
      EXPECT_EQ(text.allLabels().find(secret), std::string::npos) << secret;
  }
  EXPECT_EQ(server_.ctl({"seal"}).exit, 0);
  EXPECT_EQ(status(clear + "/v1/health"), "503");
  EXPECT_EQ(Exposition(body(curl(metrics + "/metrics")) + "\n").value("kms_sealed"), 1);
}

TEST_F(Network, FilesOfHttpsGoTogether) {
  const auto started = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"run", "--data-dir", server_.data(), "--listen", "https://127.0.0.1:0"};
    all.insert(all.end(), more.begin(), more.end());
    return server_.kmsd(all);
  };
  const Ran half = started({"--tls-certificate", file("server.crt")});
  EXPECT_EQ(half.exit, 2);
  EXPECT_NE(half.err.find("--tls-key"), std::string::npos) << half.err;
  certificate("ca", "second", "/CN=second", "subjectAltName=DNS:second");
  const Ran crossed = started({"--tls-certificate", file("server.crt"), "--tls-key", file("second.key")});
  EXPECT_NE(crossed.exit, 0);
  EXPECT_NE(crossed.err.find("second.key"), std::string::npos) << crossed.err;
  const Ran open = server_.kmsd({"run", "--data-dir", server_.data(), "--metrics-http", "0.0.0.0:9464"});
  EXPECT_EQ(open.exit, 2) << open.err;
}

TEST_F(Network, SighupTakesNewCertificatesAndKeepsTheOldOnesWhereTheNewAreWrong) {
  std::ofstream(file("kmsd.conf")) << "tls-certificate=" << file("server.crt") << "\n";
  server_.insert("key.img");
  server_.start(
      {"--config", file("kmsd.conf"), "--listen", "https://127.0.0.1:0", "--tls-key", file("server.key")});
  server_.expectState("unsealed", "");
  https_ = addressOf("https://");
  const std::string first = shown();
  EXPECT_EQ(first.rfind("serial=", 0), 0U) << first;

  std::filesystem::copy_file(file("server.crt"), file("kept.crt"));
  std::ofstream(file("server.crt")) << "no certificate\n";
  ASSERT_EQ(::kill(server_.pid(), SIGHUP), 0);
  EXPECT_TRUE(logs("nothing was changed")) << server_.log();
  EXPECT_EQ(shown(), first);

  std::filesystem::remove(file("server.key"));
  certificate("ca", "server", "/CN=kms", "subjectAltName=IP:127.0.0.1");
  std::ofstream(file("kmsd.conf"), std::ios::app) << "on-removal=seal\n";
  ASSERT_EQ(::kill(server_.pid(), SIGHUP), 0);
  EXPECT_TRUE(logs("read anew; new connections")) << server_.log();
  EXPECT_TRUE(logs("restart the server to change on-removal")) << server_.log();
  const std::string second = shown();
  EXPECT_NE(second, first);
  EXPECT_EQ(status(https_ + "/v1/health"), "200");

  std::ofstream(file("kmsd.conf"), std::ios::app) << "no-such-option=1\n";
  ASSERT_EQ(::kill(server_.pid(), SIGHUP), 0);
  EXPECT_TRUE(logs("no-such-option")) << server_.log();
  EXPECT_EQ(shown(), second);
  EXPECT_EQ(server_.stop(), 0);
}

}  // namespace
}  // namespace tests
