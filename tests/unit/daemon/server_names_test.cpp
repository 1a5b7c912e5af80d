#include "daemon/server_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kmsd {
namespace {

using ::testing::ElementsAre;

RunOptions listening(const std::vector<std::string>& addresses, std::vector<std::string> names = {}) {
  RunOptions options;
  for (const std::string& address : addresses) options.listen.push_back(*parseListen(address));
  options.tlsNames = std::move(names);
  return options;
}

TEST(ServerNames, AreThoseOfTheListenersTheHostAndTheOption) {
  EXPECT_THAT(serverNames(listening({"unix:/x", "https://kms.example.org:443", "http://other.example.org:80"},
                                    {"alias.example.org", "10.1.2.3", "kms.example.org"}),
                          "host1"),
              ElementsAre("kms.example.org", "host1", "alias.example.org", "10.1.2.3"));
  EXPECT_THAT(serverNames(listening({"https://0.0.0.0:443", "https://[::]:443"}), "host1"),
              ElementsAre("host1"));
  EXPECT_THAT(serverNames(listening({"https://127.0.0.1:443", "https://[::1]:443"}), "host1"),
              ElementsAre("127.0.0.1", "::1", "localhost", "host1"));
}

TEST(ServerNames, AHostWhoseNameIsNoneIsLeftOut) {
  EXPECT_THAT(serverNames(listening({"https://10.0.0.1:443"}), "my_host"), ElementsAre("10.0.0.1"));
  EXPECT_THAT(serverNames(listening({"https://0.0.0.0:443"}), ""), ElementsAre("localhost")) << "never empty";
}

TEST(ServerNames, TakesNamesAndAddresses) {
  for (const char* good : {"a", "kms.example.org", "*.example.org", "10.0.0.1", "::1", "2001:db8::1"})
    EXPECT_TRUE(isServerName(good)) << good;
  for (const char* bad : {"", "a b", "a_b", "-a", "[::1]", "a..b", "https://a", "a:443"})
    EXPECT_FALSE(isServerName(bad)) << bad;
  EXPECT_FALSE(isServerName(std::string(300, 'a')));
}

}  // namespace
}  // namespace kmsd
