#include "daemon/http/places.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace tests {
namespace {

using kmsd::http::Holder;
using kmsd::http::holderOf;
using kmsd::http::Places;
using kmsd::http::ServerOptions;

const Holder kRoot = holderOf(0);
const Holder kAlice = holderOf(1001);
const Holder kBob = holderOf(1002);

Holder addressOf(const char* text) {
  sockaddr_storage out{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    std::memcpy(&out, &v4, sizeof v4);
  } else {
    EXPECT_EQ(::inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    v6.sin6_family = AF_INET6;
    std::memcpy(&out, &v6, sizeof v6);
  }
  return holderOf(out);
}

ServerOptions options(std::size_t most, std::size_t forRoot, std::size_t ofOne) {
  ServerOptions out;
  out.connectionsMost = most;
  out.connectionsForRoot = forRoot;
  out.connectionsOfOneUser = ofOne;
  return out;
}

TEST(Places, NoUserHasMoreThanHisShare) {
  const ServerOptions limits = options(10, 2, 3);
  Places places(limits);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(places.take(kAlice));
  EXPECT_FALSE(places.take(kAlice));
  EXPECT_TRUE(places.take(kBob));
  places.give(kAlice);
  EXPECT_TRUE(places.take(kAlice));
  EXPECT_FALSE(places.take(kAlice));
}

TEST(Places, SomeAreKeptForRoot) {
  const ServerOptions limits = options(6, 2, 100);
  Places places(limits);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(places.take(i % 2 == 0 ? kAlice : kBob));
  EXPECT_FALSE(places.take(kAlice));
  EXPECT_FALSE(places.take(kBob));
  EXPECT_TRUE(places.take(kRoot));
  EXPECT_TRUE(places.take(kRoot));
  EXPECT_FALSE(places.take(kRoot));  // there are no more at all
  places.give(kAlice);
  EXPECT_FALSE(places.take(kBob));  // what root has counts among all
  EXPECT_TRUE(places.take(kRoot));
}

TEST(Places, RootMayHaveAllAndNobodyElseWhatIsKept) {
  const ServerOptions limits = options(4, 10, 1);
  Places places(limits);
  EXPECT_FALSE(places.take(kAlice));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(places.take(kRoot));
  EXPECT_FALSE(places.take(kRoot));
}

TEST(Places, AnAddressHasItsOwnShare) {
  ServerOptions limits = options(10, 0, 1);
  limits.connectionsOfOneAddress = 2;
  Places places(limits);
  const Holder near = addressOf("192.0.2.1");
  EXPECT_TRUE(places.take(near));
  EXPECT_TRUE(places.take(near));
  EXPECT_FALSE(places.take(near));
  EXPECT_TRUE(places.take(addressOf("192.0.2.2")));
  places.give(near);
  EXPECT_TRUE(places.take(near));
}

TEST(Places, TheNetworkNeverHasAll) {
  ServerOptions limits = options(10, 0, 10);
  limits.connectionsOverTcp = 3;
  limits.connectionsOfOneAddress = 2;
  Places places(limits);
  EXPECT_TRUE(places.take(addressOf("192.0.2.1")));
  EXPECT_TRUE(places.take(addressOf("192.0.2.2")));
  EXPECT_TRUE(places.take(addressOf("2001:db8::1")));
  EXPECT_FALSE(places.take(addressOf("192.0.2.3")));
  EXPECT_TRUE(places.take(kAlice));
  places.give(addressOf("192.0.2.1"));
  EXPECT_TRUE(places.take(addressOf("192.0.2.3")));
}

TEST(Places, OneNetworkOfIpv6IsOneHolder) {
  EXPECT_EQ(addressOf("2001:db8::1"), addressOf("2001:db8::ffff:2"));
  EXPECT_NE(addressOf("2001:db8::1"), addressOf("2001:db8:0:1::1"));
  EXPECT_NE(addressOf("192.0.2.1"), addressOf("192.0.2.2"));
  EXPECT_NE(addressOf("0.0.0.0"), kRoot);
  EXPECT_FALSE(addressOf("0.0.0.0").root());
  EXPECT_FALSE(addressOf("::").root());
}

}  // namespace
}  // namespace tests
