#include "daemon/http/places.h"

#include <gtest/gtest.h>

namespace tests {
namespace {

using kmsd::http::Places;
using kmsd::http::ServerOptions;

constexpr uid_t kRoot = 0;
constexpr uid_t kAlice = 1001;
constexpr uid_t kBob = 1002;

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

}  // namespace
}  // namespace tests
