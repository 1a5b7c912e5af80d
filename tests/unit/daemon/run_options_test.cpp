#include "daemon/run_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli_line.h"
#include "daemon/run_reload.h"

namespace kmsd {
namespace {

using http::Transport;

TEST(ListenTest, TakesUnixSocketsHttpsAndHttp) {
  EXPECT_EQ(parseListen("unix:/run/x.sock")->path, "/run/x.sock");
  EXPECT_EQ(parseListen("unix:x")->path, "x");
  const auto https = parseListen("https://[::]:443");
  ASSERT_TRUE(https);
  EXPECT_EQ(https->transport, Transport::Https);
  EXPECT_EQ(https->host, "::");
  EXPECT_EQ(https->port, 443);
  const auto http = parseListen("http://kms.example.org:80");
  ASSERT_TRUE(http);
  EXPECT_EQ(http->transport, Transport::Http);
  EXPECT_EQ(parseListen("https://127.0.0.1:0")->port, 0);
  for (const char* same : {"unix:/run/x.sock", "https://[::1]:8443", "http://a:80"})
    EXPECT_EQ(parseListen(same)->text(), same);
  for (const std::string& bad :
       {std::string("unix:"), std::string("/run/x"), std::string(), "unix:" + std::string(108, 'a'),
        std::string("unix:/a\0b", 9), std::string("https://"), std::string("https://a"),
        std::string("https://a:"), std::string("https://:443"), std::string("https://a:65536"),
        std::string("https://a:-1"), std::string("https://a:+1"), std::string("https://::1:443"),
        std::string("https://[a]:443"), std::string("https://a:443/"), std::string("https://a b:443"),
        std::string("HTTPS://a:443"), std::string("ftp://a:21"), "http://" + std::string(254, 'a') + ":80"})
    EXPECT_EQ(parseListen(bad).error().code, base::Code::Invalid) << bad;
}

TEST(ListenTest, NamesABadAddressAsItWasGiven) {
  for (const char* bad : {"https://127.0.0.1", "http://127.0.0.1", "ftp://a:21"})
    EXPECT_THAT(parseListen(bad).error().what, ::testing::HasSubstr("not '" + std::string(bad) + "'"));
}

TEST(ListenTest, TakesMetricsInClearOnLoopbackOnly) {
  EXPECT_EQ(parseLoopback("127.0.0.1:9464")->host, "127.0.0.1");
  EXPECT_EQ(parseLoopback("127.8.9.10:1")->port, 1);
  EXPECT_EQ(parseLoopback("[::1]:9464")->host, "::1");
  for (const char* bad : {"", "9464", ":9464", "0.0.0.0:9464", "[::]:9464", "10.0.0.1:9464", "128.0.0.1:9464",
                          "localhost:9464", "http://127.0.0.1:9464", "127.0.0.1", "127.1:9464"})
    EXPECT_FALSE(parseLoopback(bad)) << bad;
}

TEST(RecoveryApprovalsTest, TakesSmallNumbers) {
  const VerbSpec verb{"run", "runs", {}, runOptionSpecs(), "", nullptr};
  const ProgramSpec program{"kmsd", "a server", {}, {&verb, 1}};
  const auto parse = [&](const std::vector<std::string>& words) -> base::Result<RunOptions> {
    const auto line = CommandLine(program).parse(words);
    if (!line) return line.error();
    return runOptions(line->parsed);
  };
  EXPECT_EQ(parse({"run"})->policy.recoveryApprovals, 0U);
  EXPECT_EQ(parse({"run", "--recovery-approvals", "3"})->policy.recoveryApprovals, 3U);
  for (const char* bad : {"", "-1", "17", "two", "2x", "4294967298"})
    EXPECT_FALSE(parse({"run", "--recovery-approvals", bad})) << bad;
}

TEST(OnRemovalTest, TakesThreePolicies) {
  RunOptions options;
  ASSERT_TRUE(parseOnRemoval("seal", options));
  EXPECT_EQ(options.onRemoval, OnRemoval::Seal);
  ASSERT_TRUE(parseOnRemoval("grace:45s", options));
  EXPECT_EQ(options.onRemoval, OnRemoval::Grace);
  EXPECT_EQ(options.grace, std::chrono::seconds(45));
  ASSERT_TRUE(parseOnRemoval("keep", options));
  EXPECT_EQ(options.onRemoval, OnRemoval::Keep);
  for (const char* bad : {"", "grace", "grace:", "grace:0", "grace:-1s", "Keep", "burn"})
    EXPECT_FALSE(parseOnRemoval(bad, options)) << bad;
}

TEST(ReloadTest, NamesWhatOnlyARestartApplies) {
  RunOptions running;
  running.listen = {*parseListen("unix:/x")};
  EXPECT_THAT(needsRestart(running, running), ::testing::IsEmpty());
  RunOptions wanted = running;
  wanted.tls.certificate = "/new";
  wanted.grace = std::chrono::seconds(5);  // of no use under keep
  EXPECT_THAT(needsRestart(running, wanted), ::testing::IsEmpty());
  wanted.root = "/elsewhere";
  wanted.media = {"image:/x"};
  wanted.listen.push_back(*parseListen("http://a:80"));
  wanted.metrics = *parseLoopback("127.0.0.1:1");
  wanted.onRemoval = OnRemoval::Grace;
  EXPECT_THAT(needsRestart(running, wanted),
              ::testing::ElementsAre("data-dir", "medium", "listen", "metrics-http", "on-removal"));
  wanted = running;
  wanted.listen.push_back(*parseListen("https://a:443"));
  running = wanted;
  wanted.tlsNames = {"b"};
  wanted.publishDir = "/srv/www";
  wanted.policy.recoveryApprovals = 2;
  EXPECT_THAT(needsRestart(running, wanted),
              ::testing::ElementsAre("tls-name", "publish-dir", "recovery-approvals"));
  wanted = running;
  wanted.tls.certificate = "/new";
  EXPECT_THAT(needsRestart(running, wanted), ::testing::ElementsAre("tls-certificate"))
      << "from the server's own to a file's";
  running.onRemoval = OnRemoval::Grace;
  wanted = running;
  wanted.grace = std::chrono::seconds(6);
  EXPECT_THAT(needsRestart(running, wanted), ::testing::ElementsAre("on-removal"));
}

}  // namespace
}  // namespace kmsd
