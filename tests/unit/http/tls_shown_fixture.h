// A server whose https shows a certificate of its own authority.
#pragma once

#include <atomic>
#include <fstream>

#include "daemon/http/client.h"
#include "daemon/http/server.h"
#include "tests/support/server.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {

using kmsd::http::Client;
using kmsd::http::TlsContext;
using kmsd::http::TlsFailure;
using kmsd::http::TlsFault;
using kmsd::http::TlsTrust;
using kmsd::http::Transport;

inline const std::vector<std::string> kNames = {"localhost", "127.0.0.1"};

class TlsShown : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    makeAuthority();
    std::ofstream(scratch / "ca.pem") << kms::pki::pem("CERTIFICATE", pki->status().authorities().front());
    kmsd::http::ServerOptions options;
    options.threads = 2;
    options.handshakeFailed = [this](const TlsFailure& why, const std::string&) {
      if (why.fault == TlsFault::NothingToShow) ++refused;
    };
    https =
        std::make_unique<kmsd::http::Server>(options, [](const Request&, const kmsd::http::Respond& respond) {
          Response response;
          response.body = base::secretText("here");
          respond(std::move(response));
        });
    auto context = TlsContext::load({}, {}, &pki->serverCertificate());
    ASSERT_TRUE(context) << context.error().what;
    EXPECT_FALSE((*context)->until());
    https->setTls(*context);
    auto bound = https->listenTcp("127.0.0.1", 0, Transport::Https);
    ASSERT_TRUE(bound) << bound.error().what;
    port = *bound;
    https->start();
  }
  void TearDown() override { https.reset(); }

  void keep(const std::vector<std::string>& names = kNames) {
    const auto made = pki->serverCertificate().keep(names);
    ASSERT_TRUE(made) << made.error().what;
    EXPECT_TRUE(*made);
  }
  static base::Deadline soon() { return base::Deadline::in(std::chrono::seconds(20)); }
  base::Result<std::unique_ptr<Client>> connect() {
    TlsTrust trust;
    trust.authority = scratch / "ca.pem";
    return Client::connectTls("127.0.0.1", port, trust, soon());
  }
  static bool answers(Client& client) {
    Request request;
    request.method = "GET";
    request.path = "/";
    const auto response = client.call(request, soon());
    return response && base::view(response->body) == "here";
  }
  // What `openssl s_client` says with these options, of a connection that it must have verified.
  std::string sClient(std::vector<std::string> options = {}) {
    std::vector<std::string> command = {"openssl",
                                        "s_client",
                                        "-connect",
                                        "127.0.0.1:" + std::to_string(port),
                                        "-CAfile",
                                        scratch / "ca.pem",
                                        "-verify_return_error"};
    command.insert(command.end(), options.begin(), options.end());
    const Ran ran = run(command, "Q\n");
    return ran.out + ran.err;
  }
  std::string shownSerial() {
    std::ofstream(scratch / "shown.pem") << sClient();
    return run({"openssl", "x509", "-noout", "-serial", "-in", scratch / "shown.pem"}).out;
  }

  std::atomic<int> refused{0};
  std::uint16_t port = 0;
  std::unique_ptr<kmsd::http::Server> https;
};

}  // namespace tests
