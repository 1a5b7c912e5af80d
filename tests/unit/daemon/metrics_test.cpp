// The text of the metrics, read by a parser of the test's own.
#include "daemon/metrics.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/exposition.h"

namespace tests {
namespace {

using kmsd::Metrics;
using namespace std::chrono_literals;

Metrics::RouteName verify() { return {"POST", "/v1/tokens/verify"}; }

TEST(Metrics, CountWhatTheyAreTold) {
  Metrics metrics({{"GET", "/v1/status"}, verify()});
  metrics.answered(1, 200, 300us);
  metrics.answered(1, 200, 2ms);
  metrics.answered(1, 503, 10s);
  metrics.answered(1, 418, 1us);
  metrics.answered(7, 404, 1us);  // none of the routes
  metrics.committed(1, 1ms);
  metrics.committed(2000, 2s);
  metrics.tokensIssued(Metrics::Kind::Enrol);
  metrics.tokensIssued(Metrics::Kind::Access, 41);
  metrics.tokenVerified(true);
  metrics.tokensRevoked(3);
  metrics.addGauge("kms_sealed", "1 while sealed.", "", [] { return Metrics::Samples{{"", 1}}; });
  metrics.addGauge("kms_odd", "A label that must be escaped.", "why", [] {
    return Metrics::Samples{{"a \"b\" \\ \n", 2.5}};
  });
  metrics.addCounter("kms_failed_total", "A counter that is looked at.", "reason", [] {
    return Metrics::Samples{{"x", 7}, {"y", 0}};
  });
  const std::string whole = metrics.text();
  EXPECT_NE(whole.find("# TYPE kms_failed_total counter\n"), std::string::npos);
  const Exposition text(whole);
  EXPECT_EQ(text.problems(), "");
  EXPECT_EQ(text.value("kms_failed_total", R"(reason="x")"), 7);
  const std::string at = R"(method="POST",route="/v1/tokens/verify")";
  EXPECT_EQ(text.value("kms_http_requests_total", R"(code="200",)" + at), 2);
  EXPECT_EQ(text.value("kms_http_requests_total", R"(code="503",)" + at), 1);
  EXPECT_EQ(text.value("kms_http_requests_total", R"(code="other",)" + at), 1);
  EXPECT_EQ(text.value("kms_http_requests_total", R"(code="404",method="other",route="other")"), 1);
  EXPECT_EQ(text.value("kms_http_request_seconds_count", at), 4);
  EXPECT_EQ(text.value("kms_http_request_seconds_bucket", R"(le="0.005",)" + at), 3);
  EXPECT_EQ(text.value("kms_http_request_seconds_bucket", R"(le="+Inf",)" + at), 4);
  EXPECT_NEAR(text.value("kms_http_request_seconds_sum", at), 10.002301, 1e-6);
  EXPECT_EQ(text.value("kms_store_commits_total"), 2);
  EXPECT_EQ(text.value("kms_store_commit_jobs_sum"), 2001);
  EXPECT_EQ(text.value("kms_store_commit_jobs_bucket", R"(le="1024")"), 1);
  EXPECT_EQ(text.value("kms_tokens_issued_total", R"(kind="access")"), 41);
  EXPECT_EQ(text.value("kms_tokens_issued_total", R"(kind="enrol")"), 1);
  EXPECT_EQ(text.value("kms_tokens_verified_total", R"(result="active")"), 1);
  EXPECT_EQ(text.value("kms_tokens_verified_total", R"(result="inactive")"), 0);
  EXPECT_EQ(text.value("kms_tokens_revoked_total"), 3);
  EXPECT_EQ(text.value("kms_sealed"), 1);
  EXPECT_EQ(text.value("kms_odd", R"(why="a \"b\" \\ \n")"), 2.5);
}

TEST(Metrics, ShowTheProcess) {
  const Exposition text(Metrics({}).text());
  EXPECT_EQ(text.problems(), "");
  EXPECT_GT(text.value("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(text.value("process_open_fds"), 3);
  EXPECT_GE(text.value("process_max_fds"), text.value("process_open_fds"));
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(text.value("process_start_time_seconds"), now + 1);
  EXPECT_GT(text.value("process_start_time_seconds"), now - 3600);
}

TEST(Metrics, AreCountedFromSeveralThreads) {
  Metrics metrics({verify()});
  constexpr int kEach = 10'000;
  const auto count = [&metrics] {
    for (int i = 0; i < kEach; ++i) metrics.answered(0, 200, 1ms);
  };
  {
    const std::jthread one(count);
    const std::jthread two(count);
    EXPECT_EQ(Exposition(metrics.text()).problems(), "");
  }
  EXPECT_EQ(Exposition(metrics.text())
                .value("kms_http_requests_total", R"(code="200",method="POST",route="/v1/tokens/verify")"),
            2 * kEach);
}

// The parser of the test finds what is wrong.
TEST(Exposition, SeesWhatIsWrong) {
  EXPECT_EQ(Exposition("# HELP a x\n# TYPE a counter\na{b=\"c\"} 1\n").problems(), "");
  for (const char* bad :
       {"a 1\n",                                      // no type
        "# TYPE a counter\na 1",                      // no end of line
        "# TYPE a counter\na x\n",                    // no number
        "# TYPE a counter\na 1\na 2\n",               // twice
        "# TYPE a counter\n# TYPE a counter\na 1\n",  // its type twice
        "# TYPE a counter\na{b=\"c} 1\n",             // an open string
        "# TYPE a counter\na{0=\"c\"} 1\n",           // no label's name
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n"})  // no last bucket
    EXPECT_NE(Exposition(bad).problems(), "") << bad;
}

}  // namespace
}  // namespace tests
