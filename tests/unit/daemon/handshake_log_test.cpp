#include "daemon/handshake_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kmsd {
namespace {

using http::TlsFault;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Pair;

TEST(HandshakeLog, TellsOfEachCauseNowAndThenAndCountsAll) {
  std::vector<std::string> said;
  HandshakeLog log([&](const std::string& line) { said.push_back(line); });
  const HandshakeLog::Moment start{};
  const auto expired = [&](std::chrono::seconds at) {
    log.failed({TlsFault::Expired, 0, "certificate has expired"}, "192.0.2.1:4711", start + at);
  };
  for (int second = 0; second < 10; ++second) expired(std::chrono::seconds(second));
  log.failed({TlsFault::NotTls, 0, ""}, "", start);  // another cause has its own line
  log.failed({TlsFault::Closed, 0, "x"}, "192.0.2.1:4711", start);
  expired(HandshakeLog::kEvery);
  EXPECT_THAT(said, ElementsAre("TLS with 192.0.2.1:4711 failed: the client's certificate has expired "
                                "(certificate has expired)",
                                "TLS with a client failed: the client does not speak TLS",
                                "TLS with 192.0.2.1:4711 failed: the client's certificate has expired "
                                "(certificate has expired); 9 more like this since the last such line"));
  const auto samples = log.samples();
  EXPECT_THAT(samples, Contains(Pair("certificate_expired", 11)));
  EXPECT_THAT(samples, Contains(Pair("not_tls", 1)));
  EXPECT_THAT(samples, Contains(Pair("closed", 1)));
  EXPECT_THAT(samples, Contains(Pair("unknown_ca", 0)));
  EXPECT_EQ(samples.size(), http::kTlsFaults.size() - 1);
}

}  // namespace
}  // namespace kmsd
