#include <gtest/gtest.h>

#include "daemon/http/server.h"
#include "tests/support/run.h"
#include "tests/unit/http/wire.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kmsd::http::Request;
using kmsd::http::Respond;
using kmsd::http::Response;
using kmsd::http::Server;
using kmsd::http::ServerOptions;
using kmsd::http::Transport;

constexpr std::string_view kGet = "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n";

std::unique_ptr<Server> serverOf(ServerOptions options = {}) {
  options.threads = 2;
  return std::make_unique<Server>(options, [](const Request& request, const Respond& respond) {
    Response response;
    response.contentType = "text/plain";
    response.body =
        base::secretText(request.path + (request.transport == Transport::Http ? " http" : " other") +
                         (request.peer ? " peer" : "") + (request.certificate ? " certificate" : ""));
    respond(std::move(response));
  });
}

TEST(Tcp, ServesEveryAddressOfAHost) {
  const auto server = serverOf();
  const auto port = server->listenTcp("localhost", 0, Transport::Http);
  ASSERT_TRUE(port) << port.error().what;
  ASSERT_NE(*port, 0);
  server->start();
  const std::string path = ":" + std::to_string(*port) + "/echo";
  EXPECT_EQ(run({"curl", "-sS", "--noproxy", "*", "http://127.0.0.1" + path}).out, "/echo http");
  const Ran resolved = run({"getent", "ahostsv6", "localhost"});
  if (resolved.out.starts_with("::1 ")) {
    EXPECT_EQ(run({"curl", "-sS", "-g", "--noproxy", "*", "http://[::1]" + path}).out, "/echo http");
  }
}

TEST(Tcp, ServesIpv6BesideIpv4) {
  const auto server = serverOf();
  const auto v6 = server->listenTcp("::", 0, Transport::Http);
  if (!v6) GTEST_SKIP() << "this host has no IPv6: " << v6.error().what;
  // It takes no IPv4 for itself.
  const auto v4 = server->listenTcp("0.0.0.0", *v6, Transport::Http);
  ASSERT_TRUE(v4) << v4.error().what;
  EXPECT_EQ(*v4, *v6);
  server->start();
  Wire wire(*v4);
  wire.send(kGet);
  EXPECT_NE(wire.answer().find("/echo http"), std::string::npos);
}

TEST(Tcp, SaysWhyItCannotListen) {
  const auto first = serverOf();
  const auto port = first->listenTcp("127.0.0.1", 0, Transport::Http);
  ASSERT_TRUE(port);
  const auto second = serverOf();
  const auto taken = second->listenTcp("127.0.0.1", *port, Transport::Http);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().reason, Reason::AddressInUse);
  EXPECT_NE(taken.error().what.find(std::to_string(*port)), std::string::npos);
  const auto nowhere = second->listenTcp("no.such.host.invalid", 1, Transport::Http);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Code::Invalid);
  const auto foreign = second->listenTcp("192.0.2.1", 0, Transport::Http);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, Code::Invalid);
}

TEST(Tcp, ListensAgainAtOnceWhereItsConnectionsLinger) {
  auto server = serverOf();
  const auto port = server->listenTcp("127.0.0.1", 0, Transport::Http);
  ASSERT_TRUE(port);
  server->start();
  Wire wire(*port);
  wire.send(kGet);
  EXPECT_FALSE(wire.answer().empty());
  server.reset();
  EXPECT_TRUE(wire.ends());
  server = serverOf();
  const auto again = server->listenTcp("127.0.0.1", *port, Transport::Http);
  EXPECT_TRUE(again) << again.error().what;
}

TEST(Tcp, OneAddressTakesNoMoreThanItsShare) {
  ServerOptions options;
  options.connectionsOfOneAddress = 2;
  const auto server = serverOf(options);
  const auto port = server->listenTcp("127.0.0.1", 0, Transport::Http);
  ASSERT_TRUE(port);
  server->start();
  Wire first(*port);
  Wire second(*port);
  for (Wire* wire : {&first, &second}) {
    wire->send(kGet);
    EXPECT_NE(wire->answer().find("200 OK"), std::string::npos);
  }
  Wire third(*port);
  EXPECT_TRUE(third.answer().starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(third.ends());
}

}  // namespace
}  // namespace tests
