#include "daemon/http/tls.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "daemon/http/client.h"
#include "daemon/http/server.h"
#include "tests/support/process.h"
#include "tests/unit/http/certificates.h"
#include "tests/unit/http/halfway.h"
#include "tests/unit/http/wire.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kmsd::http::Client;
using kmsd::http::Request;
using kmsd::http::Respond;
using kmsd::http::Response;
using kmsd::http::Server;
using kmsd::http::ServerOptions;
using kmsd::http::TlsContext;
using kmsd::http::TlsFiles;
using kmsd::http::TlsTrust;
using kmsd::http::Transport;
using std::chrono::seconds;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasures = false;  // sanitizers keep what is freed
#else
constexpr bool kMeasures = true;
#endif

class Tls : public ::testing::Test {
 protected:
  Tls() : pki(scratch) { pki.server(); }

  TlsFiles files(const std::string& authority = {}) const {
    return {pki.file("server.pem"), pki.file("server.key"),
            authority.empty() ? std::filesystem::path() : pki.file(authority)};
  }
  void serve(const TlsFiles& from, ServerOptions options = {}) {
    options.threads = 2;
    server = std::make_unique<Server>(options, [](const Request& request, const Respond& respond) {
      Response response;
      response.contentType = "text/plain";
      response.body = base::secretText(
          request.method + " " + (request.transport == Transport::Https ? "https " : "other ") +
          (request.certificate ? request.certificate->commonName : "-") + (request.peer ? " peer" : "") +
          " " + std::to_string(request.body.size()));
      if (request.path == "/large") response.body = base::SecretText(200'000, 'x');
      respond(std::move(response));
    });
    auto context = TlsContext::load(from);
    ASSERT_TRUE(context) << context.error().what;
    server->setTls(*context);
    auto bound = server->listenTcp("127.0.0.1", 0, Transport::Https);
    ASSERT_TRUE(bound) << bound.error().what;
    port = *bound;
    server->start();
  }

  static base::Deadline soon() { return base::Deadline::in(seconds(20)); }
  base::Result<std::unique_ptr<Client>> connect(const std::string& client = {},
                                                const std::string& ca = "ca.pem",
                                                const std::string& host = "127.0.0.1") {
    TlsTrust trust;
    trust.authority = pki.file(ca);
    if (!client.empty()) {
      trust.certificate = pki.file(client + ".pem");
      trust.key = pki.file(client + ".key");
    }
    return Client::connectTls(host, port, trust, soon());
  }
  // The body of the answer, or the error.
  static std::string ask(Client& client, const std::string& path = "/", std::size_t size = 0) {
    Request request;
    request.method = "POST";
    request.path = path;
    request.contentType = "text/plain";
    request.body = base::SecretText(size, 'b');
    const auto response = client.call(request, soon());
    return response ? std::string(base::view(response->body)) : "error: " + response.error().what;
  }
  std::string asked(const std::string& client) {
    auto connected = connect(client);
    return connected ? ask(**connected) : "error: " + connected.error().what;
  }
  // What `openssl s_client` says of a connection with these options.
  std::string sClient(std::vector<std::string> options, const std::string& input = "Q\n") {
    std::vector<std::string> command = {"openssl",  "s_client",
                                        "-connect", "127.0.0.1:" + std::to_string(port),
                                        "-CAfile",  pki.text("ca.pem")};
    command.insert(command.end(), options.begin(), options.end());
    const Ran ran = run(command, input);
    return ran.out + ran.err;
  }
  std::string url(const std::string& path) const {
    return "https://localhost:" + std::to_string(port) + path;
  }

  Scratch scratch;
  Certificates pki;
  std::uint16_t port = 0;
  std::unique_ptr<Server> server;
};

TEST_F(Tls, ServesItsOwnClientAndCurl) {
  serve(files());
  auto client = connect();
  ASSERT_TRUE(client) << client.error().what;
  EXPECT_EQ(ask(**client), "POST https - 0");
  EXPECT_EQ(ask(**client, "/", 60'000), "POST https - 60000");
  EXPECT_EQ(ask(**client, "/large").size(), 200'000U);
  EXPECT_EQ(ask(**client), "POST https - 0");
  for (const char* version : {"--tlsv1.2", "--tlsv1.3"}) {
    const Ran curl =
        run({"curl", "-sS", "--noproxy", "*", version, "--cacert", pki.text("ca.pem"), url("/")});
    EXPECT_EQ(curl.out, "GET https - 0") << curl.err;
  }
}

TEST_F(Tls, SpeaksOnlyWhatIsSound) {
  serve(files());
  EXPECT_NE(sClient({"-tls1_3"}).find("Verify return code: 0"), std::string::npos);
  EXPECT_NE(sClient({"-tls1_2"}).find("Verify return code: 0"), std::string::npos);
  const auto refused = [&](std::vector<std::string> options) {
    options.insert(options.end(), {"-brief"});
    const std::string said = sClient(options);
    return said.find("CONNECTION ESTABLISHED") == said.npos;
  };
  EXPECT_FALSE(refused({"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"}));
  EXPECT_TRUE(refused({"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}));
  EXPECT_TRUE(refused({"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"}));  // CBC
  EXPECT_TRUE(refused({"-tls1_2", "-cipher", "AES128-GCM-SHA256"}));          // no forward secrecy
  EXPECT_TRUE(refused({"-tls1_3", "-curves", "P-521"}));
  const std::string modern = sClient({"-tls1_3", "-alpn", "h2,http/1.1"});
  EXPECT_NE(modern.find("ALPN protocol: http/1.1"), std::string::npos);
  EXPECT_NE(modern.find("Compression: NONE"), std::string::npos);
  EXPECT_EQ(modern.find("New Session Ticket"), std::string::npos);
  EXPECT_TRUE(refused({"-alpn", "h2"}));
  EXPECT_NE(sClient({"-tls1_2"}).find("Session-ID: \n"), std::string::npos);  // nothing to resume
  // "R" asks for a new handshake; the server refuses it.
  const std::string again = sClient({"-tls1_2"}, "R\nQ\n");
  EXPECT_NE(again.find("RENEGOTIATING"), std::string::npos);
  EXPECT_NE(again.find("no renegotiation"), std::string::npos) << again;
}

TEST_F(Tls, SaysWhatIsWrongWithTheFiles) {
  pki.server("expired", -1);
  pki.client("other");
  const auto loadError = [](const TlsFiles& from) {
    const auto context = TlsContext::load(from);
    EXPECT_FALSE(context);
    return context ? base::Error{} : context.error();
  };
  TlsFiles wrong = files();
  wrong.key = pki.file("other.key");
  EXPECT_EQ(loadError(wrong).code, Code::Invalid);
  EXPECT_NE(loadError(wrong).what.find("other.key"), std::string::npos);

  wrong = files();
  wrong.certificate = pki.file("expired.pem");
  wrong.key = pki.file("expired.key");
  EXPECT_NE(loadError(wrong).what.find("expired.pem: the certificate has expired"), std::string::npos);

  wrong = files();
  wrong.certificate = pki.file("server.key");
  EXPECT_NE(loadError(wrong).what.find("no certificate"), std::string::npos);
  wrong.certificate = pki.file("absent");
  EXPECT_EQ(loadError(wrong).code, Code::NotFound);
  wrong = files();
  wrong.key = pki.file("server.pem");
  EXPECT_EQ(loadError(wrong).code, Code::Denied);  // anybody may read it
  ASSERT_EQ(::chmod(pki.text("server.pem").c_str(), 0600), 0);
  EXPECT_NE(loadError(wrong).what.find("no private key"), std::string::npos);
  wrong = files("server.key");
  EXPECT_NE(loadError(wrong).what.find("no authority"), std::string::npos);

  ASSERT_EQ(::chmod(pki.text("server.key").c_str(), 0604), 0);
  EXPECT_EQ(loadError(files()).code, Code::Denied);
  ASSERT_EQ(::chmod(pki.text("server.key").c_str(), 0600), 0);
  const Ran locked = run({"openssl", "pkcs8", "-topk8", "-in", pki.text("server.key"), "-passout", "pass:x",
                          "-out", pki.text("locked.key")});
  ASSERT_EQ(locked.exit, 0);
  ASSERT_EQ(::chmod(pki.text("locked.key").c_str(), 0600), 0);
  wrong = files();
  wrong.key = pki.file("locked.key");
  EXPECT_NE(loadError(wrong).what.find("passphrase"), std::string::npos);
  std::ofstream(pki.file("broken.pem")) << pki.read("server.pem") << "-----BEGIN CERTIFICATE-----\nAA==\n";
  wrong = files();
  wrong.certificate = pki.file("broken.pem");
  EXPECT_NE(loadError(wrong).what.find("damaged"), std::string::npos);
}

TEST_F(Tls, TellsWhichClientItIs) {
  pki.client("alice");
  serve(files("ca.pem"));
  EXPECT_EQ(asked("alice"), "POST https alice 0");
  EXPECT_EQ(asked(""), "POST https - 0");
  const Ran curl = run({"curl", "-sS", "--noproxy", "*", "--cacert", pki.text("ca.pem"), "--cert",
                        pki.text("alice.pem"), "--key", pki.text("alice.key"), url("/")});
  EXPECT_EQ(curl.out, "GET https alice 0") << curl.err;

  // Two names, or none, are nobody's.
  pki.sign("two", "/CN=alice/CN=root", "extendedKeyUsage=clientAuth");
  EXPECT_EQ(asked("two"), "POST https - 0");
  pki.sign("none", "/O=alice", "extendedKeyUsage=clientAuth");
  EXPECT_EQ(asked("none"), "POST https - 0");
}

TEST_F(Tls, RefusesClientsThatShowWhatIsNotValid) {
  pki.client("expired", -1);
  pki.client("revoked");
  pki.client("alice");
  pki.authority("stranger");
  pki.client("mallory", 10, "stranger");
  pki.sign("machine", "/CN=alice", "extendedKeyUsage=serverAuth");
  serve(files("ca.pem"));
  EXPECT_EQ(asked("revoked"), "POST https revoked 0");
  for (const char* client : {"mallory", "machine"})
    EXPECT_TRUE(asked(client).starts_with("error: ")) << client;
  const Ran curl = run({"curl", "-sS", "--noproxy", "*", "--cacert", pki.text("ca.pem"), "--cert",
                        pki.text("expired.pem"), "--key", pki.text("expired.key"), url("/")});
  EXPECT_NE(curl.exit, 0);
  EXPECT_NE(curl.err.find("certificate expired"), std::string::npos) << curl.err;

  pki.revoke("revoked");
  pki.withCrl("both.pem");
  auto open = connect("revoked");
  auto other = connect();
  ASSERT_TRUE(open && other);
  EXPECT_EQ(ask(**open), "POST https revoked 0");
  auto renewed = TlsContext::load(files("both.pem"));
  ASSERT_TRUE(renewed) << renewed.error().what;
  server->setTls(*renewed);
  EXPECT_TRUE(asked("revoked").starts_with("error: "));
  EXPECT_EQ(asked("alice"), "POST https alice 0");
  // Who has shown a certificate under the old files is out, others are not.
  EXPECT_TRUE(ask(**open).starts_with("error: "));
  EXPECT_EQ(ask(**other), "POST https - 0");
}

TEST_F(Tls, NewFilesInAHandshakeEndItOnlyForWhoShowsACertificate) {
  pki.client("alice");
  serve(files("ca.pem"));
  Halfway nobody(port, {}, {});
  Halfway alice(port, pki.text("alice.pem"), pki.text("alice.key"));
  auto renewed = TlsContext::load(files("ca.pem"));
  ASSERT_TRUE(renewed) << renewed.error().what;
  server->setTls(*renewed);
  std::promise<void> heard;  // by each loop of the server
  server->ask([&] { heard.set_value(); });
  heard.get_future().wait();
  EXPECT_EQ(nobody.goOn(), "POST https - 0");
  EXPECT_EQ(alice.goOn(), "");
  EXPECT_EQ(asked("alice"), "POST https alice 0");
}

TEST_F(Tls, AsksAgainForACertificateThatExpiresMeanwhile) {
  pki.sign("brief", "/CN=brief", "extendedKeyUsage=clientAuth");
  // `x509 -req` counts in days; `ca` takes a time.
  const auto until = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + seconds(4));
  char text[32];
  tm parts{};
  ASSERT_NE(::gmtime_r(&until, &parts), nullptr);
  ASSERT_NE(std::strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &parts), 0U);
  std::ofstream(pki.file("brief.conf"))
      << "[ca]\ndefault_ca=own\n[own]\ndatabase=" << pki.text("index.txt") << "\nrand_serial=yes\n"
      << "default_md=sha256\npolicy=any\nnew_certs_dir=" << pki.file("").string()
      << "\n[any]\ncommonName=supplied\n";
  const Ran made =
      run({"openssl", "ca", "-batch", "-config", pki.text("brief.conf"), "-cert", pki.text("ca.pem"),
           "-keyfile", pki.text("ca.key"), "-in", pki.text("brief.csr"), "-enddate", text, "-extfile",
           pki.text("brief.ext"), "-out", pki.text("brief.pem"), "-notext"});
  ASSERT_EQ(made.exit, 0) << made.err;
  serve(files("ca.pem"));
  auto client = connect("brief");
  ASSERT_TRUE(client) << client.error().what;
  std::string said = ask(**client);
  EXPECT_EQ(said, "POST https brief 0");
  const auto by = soon();
  while (said.starts_with("POST") && !by.expired()) said = ask(**client);
  EXPECT_NE(said.find("certificate_expired"), std::string::npos) << said;
  EXPECT_TRUE(ask(**client).starts_with("error: "));
}

TEST_F(Tls, TheClientTrustsNobodyElse) {
  pki.authority("stranger");
  serve(files());
  const auto strange = connect("", "stranger.pem");
  ASSERT_FALSE(strange);
  EXPECT_EQ(strange.error().code, Code::Denied);
  EXPECT_NE(strange.error().what.find("--ca FILE"), std::string::npos);
  const auto unnamed = connect("", "ca.pem", "127.0.0.2");
  ASSERT_FALSE(unnamed);  // nobody listens there, but for the first address
  const auto system = Client::connectTls("localhost", port, {}, soon());
  ASSERT_FALSE(system);
  EXPECT_EQ(system.error().reason, Reason::ServerUnreachable);
  EXPECT_TRUE(connect("", "ca.pem", "localhost"));
  EXPECT_TRUE(connect("", "server.pem"));  // its own certificate, trusted for itself

  pki.sign("elsewhere", "/CN=localhost", "subjectAltName=DNS:elsewhere");
  TlsFiles other = files();
  other.certificate = pki.file("elsewhere.pem");
  other.key = pki.file("elsewhere.key");
  auto context = TlsContext::load(other);
  ASSERT_TRUE(context) << context.error().what;
  server->setTls(*context);
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto mismatch = connect("", "ca.pem", host);
    ASSERT_FALSE(mismatch) << host;
    EXPECT_NE(mismatch.error().what.find("does not name"), std::string::npos) << mismatch.error().what;
  }
  server->stop();
  EXPECT_EQ(connect().error().reason, Reason::ServerUnreachable);
}

TEST_F(Tls, DropsWhoDoesNotFinishTheHandshake) {
  ServerOptions options;
  options.requestTimeout = seconds(1);
  serve(files(), options);
  Wire silent(port);
  Wire garbage(port);
  ASSERT_TRUE(silent.connected() && garbage.connected());
  garbage.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(garbage.ends());
  EXPECT_EQ(asked(""), "POST https - 0");
  EXPECT_TRUE(silent.ends());
}

// The first bytes of a ClientHello that says it has 131,000 more: OpenSSL takes the room for them at once.
TEST_F(Tls, AFloodOfHalfHandshakesIsBoundedAndOthersAreServed) {
  constexpr std::string_view kHalf{"\x16\x03\x01\x02\x00\x01\x01\xff\xb8\x03\x03", 11};
  constexpr std::size_t kMany = 900;
  constexpr std::size_t kOfOne = 150;  // kilobytes, about
  serve(files());
  EXPECT_EQ(asked(""), "POST https - 0");
  const std::size_t before = residentKilobytes(::getpid());
  std::vector<std::unique_ptr<Wire>> flood;
  for (std::size_t i = 0; i < kMany; ++i) {
    flood.push_back(std::make_unique<Wire>(port));
    ASSERT_TRUE(flood.back()->connected());
    flood.back()->send(kHalf);
  }
  EXPECT_EQ(asked(""), "POST https - 0");  // the slow ones are hurried
  const std::size_t grown = residentKilobytes(::getpid()) - before;
  EXPECT_TRUE(!kMeasures || grown < kMany * kOfOne / 2) << grown;
}

TEST_F(Tls, IsNotServedInClearForWantOfACertificate) {
  Server bare({}, [](const Request&, const Respond&) {});
  EXPECT_FALSE(bare.listenTcp("127.0.0.1", 0, Transport::Https));
}

}  // namespace
}  // namespace tests
