// What the server and kmsctl say of TLS that fails, and of CRLs that have run out: real certificates, real
// connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <mutex>

#include "daemon/http/client.h"
#include "daemon/http/server.h"
#include "daemon/http/server_gauges.h"
#include "daemon/http/tls_use.h"
#include "daemon/metrics.h"
#include "hal/base/rfc3339.h"
#include "tests/support/exposition.h"
#include "tests/support/server.h"
#include "tests/unit/http/certificates.h"
#include "tests/unit/http/wire.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kmsd::http::Client;
using kmsd::http::Request;
using kmsd::http::Respond;
using kmsd::http::Response;
using kmsd::http::TlsContext;
using kmsd::http::TlsFailure;
using kmsd::http::TlsFiles;
using kmsd::http::TlsTrust;
using kmsd::http::Transport;
using kmsd::http::useTls;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kLongAgo = "200102000000Z";
constexpr const char* kLongAgoText = "2020-01-02T00:00:00Z";

class TlsFaults : public ::testing::Test {
 protected:
  TlsFaults() : pki(scratch) {
    pki.server();
    kmsd::http::ServerOptions options;
    options.threads = 2;
    options.requestTimeout = seconds(1);
    options.handshakeFailed = [this](const TlsFailure& failure, const std::string& from) {
      EXPECT_TRUE(from.empty() || from.starts_with("127.0.0.1:")) << from;  // empty: gone by then
      const std::lock_guard lock(mutex);
      told.emplace_back(kmsd::http::rowOf(failure.fault).name);
    };
    server.emplace(options, [](const Request&, const Respond& respond) { respond(Response()); });
  }
  ~TlsFaults() override { server->stop(); }

  TlsFiles files(const std::string& authority) const {
    return {pki.file("server.pem"), pki.file("server.key"), pki.file(authority)};
  }
  // What useTls() warns of.
  std::vector<std::string> use(const std::string& authority) {
    auto used = useTls(*server, files(authority), base::systemClock().now());
    EXPECT_TRUE(used) << used.error().what;
    return used ? *used : std::vector<std::string>{};
  }
  void serve() {
    auto https = server->listenTcp("127.0.0.1", 0, Transport::Https);
    auto http = server->listenTcp("127.0.0.1", 0, Transport::Http);
    ASSERT_TRUE(https && http);
    port = *https;
    clear = *http;
    server->start();
  }
  // What a client meets that shows this certificate.
  base::Error asked(const std::string& client, std::uint16_t at, std::size_t size = 0) {
    TlsTrust trust{pki.file("ca.pem"), {}, {}};
    if (!client.empty()) trust = {pki.file("ca.pem"), pki.file(client + ".pem"), pki.file(client + ".key")};
    const auto by = base::Deadline::in(seconds(20));
    auto connected = Client::connectTls("127.0.0.1", at, trust, by);
    if (!connected) return connected.error();
    Request request;
    request.method = "POST";
    request.path = "/";
    request.body = base::SecretText(size, 'b');
    auto answer = (*connected)->call(request, by);
    return answer ? base::Error{Code::Internal, "answered"} : answer.error();
  }
  // The causes that the server told since the last call; waits for one.
  std::vector<std::string> causes() {
    waitUntil([&] {
      const std::lock_guard lock(mutex);
      return !told.empty();
    });
    const std::lock_guard lock(mutex);
    return std::exchange(told, {});
  }
  void expectRefused(const std::string& client, const std::string& cause, const std::string& why,
                     std::size_t size = 0) {
    const base::Error error = asked(client, port, size);
    EXPECT_EQ(error.code, Code::Denied) << client;
    EXPECT_EQ(error.reason, Reason::Unauthenticated) << client;
    EXPECT_EQ(error.what, "the server refused this client's certificate: " + why);
    EXPECT_THAT(causes(), ::testing::ElementsAre(cause));
  }
  bool serves(const std::string& client) { return asked(client, port).what == "answered"; }

  Scratch scratch;
  Certificates pki;
  std::mutex mutex;
  std::vector<std::string> told;
  std::optional<kmsd::http::Server> server;
  std::uint16_t port = 0;
  std::uint16_t clear = 0;
};

TEST_F(TlsFaults, BothEndsSayWhyAClientCertificateIsRefused) {
  pki.client("alice");
  pki.client("revoked");
  pki.authority("stranger");
  pki.client("mallory", 10, "stranger");
  pki.sign("machine", "/CN=alice", "extendedKeyUsage=serverAuth");
  pki.client("expired", -1);
  pki.revoke("revoked");
  pki.withCrl("both.pem");
  EXPECT_THAT(use("both.pem"), IsEmpty());
  serve();
  EXPECT_TRUE(serves("alice"));
  expectRefused("mallory", "unknown_ca", "the server does not know its authority");
  expectRefused("machine", "certificate_invalid", "it is not one for TLS clients");
  expectRefused("revoked", "certificate_revoked", "it was revoked");
  // Whatever the client has sent behind its certificate, which the server does not read any more.
  for (int i = 0; i < 20; ++i) expectRefused("revoked", "certificate_revoked", "it was revoked", 60'000);
  // kmsctl does not show an expired one; others do.
  const Ran curl =
      run({"curl", "-sS", "--noproxy", "*", "--cacert", pki.text("ca.pem"), "--cert", pki.text("expired.pem"),
           "--key", pki.text("expired.key"), "https://127.0.0.1:" + std::to_string(port) + "/"});
  EXPECT_NE(curl.exit, 0);
  EXPECT_THAT(causes(), ::testing::ElementsAre("certificate_expired"));
}

TEST_F(TlsFaults, ACrlThatHasRunOutIsToldAndLetsNobodyIn) {
  pki.client("alice");
  pki.withCrl("old.pem", kLongAgo);
  const auto faults = use("old.pem");  // at the start
  ASSERT_THAT(faults, SizeIs(1));
  EXPECT_THAT(faults[0], AllOf(HasSubstr(pki.text("old.pem") + ": the CRL of CN=ca authority ran out at "),
                               HasSubstr(kLongAgoText), HasSubstr("SIGHUP")));
  serve();
  EXPECT_TRUE(serves(""));
  expectRefused("alice", "crl_expired", "it has expired, or the server's list of revoked ones has");
  // A better one takes its place; a worse one does not.
  pki.withCrl("new.pem");
  EXPECT_THAT(use("new.pem"), IsEmpty());
  EXPECT_TRUE(serves("alice"));
  const auto back = useTls(*server, files("old.pem"), base::systemClock().now());
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Code::Invalid);
  EXPECT_THAT(back.error().what, AllOf(HasSubstr("old.pem"), HasSubstr(kLongAgoText)));
  EXPECT_TRUE(serves("alice"));
}

TEST_F(TlsFaults, WithACrlInForceThatHasRunOutOtherFilesAreTakenStill) {
  pki.withCrl("old.pem", kLongAgo);
  EXPECT_THAT(use("old.pem"), SizeIs(1));
  EXPECT_THAT(use("old.pem"), SizeIs(1));  // the server's new certificate comes with it
}

TEST_F(TlsFaults, AnAuthorityWithoutACrlBesideOthersIsTold) {
  pki.authority("second");
  pki.client("bob", 10, "second");
  pki.withCrl("both.pem");
  std::ofstream(pki.file("both.pem"), std::ios::app) << pki.read("second.pem");
  const auto faults = use("both.pem");
  ASSERT_THAT(faults, SizeIs(1));
  EXPECT_THAT(faults[0], HasSubstr("none of CN=second authority"));
  serve();
  expectRefused("bob", "crl_missing", "the server does not know its authority");
}

TEST_F(TlsFaults, OfTwoCrlsTheLongerOneCounts) {
  pki.withCrl("old.pem", kLongAgo);
  pki.withCrl("new.pem");
  std::ofstream(pki.file("old.pem"), std::ios::app) << pki.read("new.pem.crl");
  EXPECT_THAT(use("old.pem"), IsEmpty());
  pki.client("alice");
  serve();
  EXPECT_TRUE(serves("alice"));
}

TEST_F(TlsFaults, SpeakingTheOtherProtocolIsToldAsThat) {
  use("ca.pem");
  serve();
  const base::Error tls = asked("", clear);
  EXPECT_EQ(tls.reason, Reason::ServerUnreachable);
  EXPECT_THAT(tls.what, HasSubstr("does not speak TLS; this is probably the port of its http address"));
  const Ran curl = run({"curl", "-sS", "--noproxy", "*", "http://127.0.0.1:" + std::to_string(port) + "/"});
  EXPECT_EQ(curl.exit, 0) << curl.err;
  EXPECT_THAT(curl.out, HasSubstr("this port speaks https; begin the address with https://"));
  EXPECT_THAT(causes(), ::testing::ElementsAre("plain_http"));
  Wire garbage(port);
  garbage.send("garbage\r\n\r\n");
  EXPECT_TRUE(garbage.ends());
  EXPECT_THAT(causes(), ::testing::ElementsAre("not_tls"));
  Wire half(port);
  half.send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_TRUE(half.ends());
  EXPECT_THAT(causes(), ::testing::ElementsAre("timeout"));
}

TEST_F(TlsFaults, MetricsCountConnectionsAndTellWhenTheCrlRunsOut) {
  pki.withCrl("old.pem", kLongAgo);
  use("old.pem");
  serve();
  kmsd::HandshakeLog handshakes([](const std::string&) {});
  kmsd::Metrics metrics({});
  kmsd::http::addServerGauges(metrics, *server, handshakes);
  const auto value = [&](const std::string& name, const std::string& labels = {}) {
    const Exposition text(metrics.text());
    EXPECT_EQ(text.problems(), "");
    return text.value(name, labels);
  };
  const auto open = [&](const std::string& transport) {
    return value("kms_connections", "transport=\"" + transport + "\"");
  };
  EXPECT_EQ(value("kms_tls_client_crl_expiry_timestamp_seconds"),
            static_cast<double>(base::parseTime(kLongAgoText)->time_since_epoch().count()));
  EXPECT_EQ(value("kms_tls_handshakes_failed_total", R"(reason="crl_expired")"), 0);
  {
    const Wire one(clear);
    const Wire two(clear);
    const Wire three(port);
    EXPECT_TRUE(waitUntil([&] { return open("http") == 2 && open("https") == 1; }));
    EXPECT_EQ(open("unix"), 0);
  }
  EXPECT_TRUE(waitUntil([&] { return open("http") == 0 && open("https") == 0; }));
}

}  // namespace
}  // namespace tests
