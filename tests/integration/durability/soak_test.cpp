// Mixed load for a while, over the Unix socket and over TLS (an hour where tests/run.sh --long asks for it):
// all that was acknowledged holds, nothing unexpected is answered, and neither memory nor descriptors nor
// threads grow. In a sanitized build the daemon is sanitized too, and its reports fail the test when the
// Server goes.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <iostream>
#include <thread>

#include "tests/integration/durability/rough_client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/setting.h"
#include "tests/unit/http/certificates.h"

namespace tests {
namespace {

constexpr unsigned kClients = 6;  // every second one over TLS
constexpr unsigned kRough = 2;
// The page caches of SQLite (8 MB for the writer, 2 MB for each of 8 readers) and the cache of rows (16 MB)
// fill up slowly, and malloc keeps some of what it got in each thread. A leak of 64 bytes a request passes
// this within the hour.
constexpr std::size_t kGrowthMost = 56 * 1024;  // kilobytes
// Each of 8 readers opens the database and its log when it is first needed.
constexpr std::size_t kDescriptorsMost = 20;

void pause(std::chrono::milliseconds span) {
  static_cast<void>(::poll(nullptr, 0, static_cast<int>(span.count())));
}

class Soak : public ::testing::Test {
 protected:
  void SetUp() override {
    std::cout << "seed " << seed_ << "\n";
    server_.setUp();
    server_.insert("key.img");
    pki_.server();
    server_.start({"--listen", "https://127.0.0.1:0", "--tls-certificate", pki_.text("server.pem"),
                   "--tls-key", pki_.text("server.key")});
    server_.expectState("unsealed", "");
    for (unsigned i = 0; i < kClients; ++i) ledgers_.emplace_back("u" + std::to_string(i), seed_ + i);
    for (unsigned i = 0; i < kRough; ++i) rough_.emplace_back(server_.socket(), seed_ - 1 - i);
    HttpDesk desk(server_.socket());
    for (Ledger& ledger : ledgers_) ASSERT_TRUE(ledger.step(desk));
    ASSERT_TRUE(desk.call("POST", "/v1/users", {{"name", "operator"}, {"role", "admin"}}));
    auto bearer =
        desk.call("POST", "/v1/tokens",
                  {{"user", "operator"}, {"scopes", boost::json::array{"kms:admin"}}, {"ttl", 86'400}});
    ASSERT_TRUE(bearer);
    ASSERT_EQ(bearer->status, 201) << boost::json::serialize(bearer->body);
    bearer_ = bearer->text("token");
  }

  HttpDesk deskOf(std::size_t client) const {
    if (client % 2 == 0) return HttpDesk(server_.socket());
    const std::string before = "listening on https://127.0.0.1:";
    const std::string log = server_.log();
    const auto at = log.find(before);
    EXPECT_NE(at, log.npos) << log;
    const auto port = static_cast<std::uint16_t>(std::stoul(log.substr(at + before.size(), 5)));
    return HttpDesk(port, pki_.file("ca.pem"), bearer_);
  }

  void startLoad() {
    for (std::size_t client = 0; client < ledgers_.size(); ++client) {
      threads_.emplace_back([this, client] {
        Ledger& ledger = ledgers_[client];
        HttpDesk desk = deskOf(client);
        for (unsigned turn = 1; !done_; ++turn) {
          if (turn % 100 == 0) desk.disconnect();
          auto step = ledger.step(desk);
          if (step) {
            ++requests_;
          } else {
            EXPECT_NE(step.error().what.find("answered 503: the server is sealed"), std::string::npos)
                << step.error().what;
          }
          pause(pause_);
        }
      });
    }
    for (RoughClient& rough : rough_) {
      threads_.emplace_back([&] {
        while (!done_) {
          rough.step();
          ++requests_;
          pause(pause_);
        }
      });
    }
  }
  void endLoad() {
    done_ = true;
    for (auto& thread : threads_) thread.join();
  }

  void sealAndUnseal() {
    HttpDesk desk(server_.socket());
    auto sealed = desk.call("POST", "/v1/seal");
    ASSERT_TRUE(sealed) << sealed.error().what;
    EXPECT_EQ(sealed->status, 200) << boost::json::serialize(sealed->body);
    server_.expectState("sealed", "sealed_by_command");
    auto opened = desk.call("POST", "/v1/unseal");
    ASSERT_TRUE(opened) << opened.error().what;
    EXPECT_EQ(opened->status, 200) << boost::json::serialize(opened->body);
  }

  const std::chrono::seconds span_{setting("KEYDISK_SOAK", 8, 8)};
  // For long runs, so that the clients can remember each token.
  const std::chrono::milliseconds pause_{span_ > std::chrono::minutes(1) ? 8 : 0};
  const std::uint64_t seed_ = setting("KEYDISK_SEED", std::random_device()(), std::random_device()());
  Scratch scratch_;
  Certificates pki_{scratch_};
  std::string bearer_;
  Server server_;
  std::vector<Ledger> ledgers_;
  std::vector<RoughClient> rough_;
  std::vector<std::thread> threads_;
  std::atomic<bool> done_ = false;
  std::atomic<std::uint64_t> requests_ = 0;
};

TEST_F(Soak, NothingGrowsAndNothingIsLost) {
  const auto descriptors = openDescriptors(server_.pid());
  const auto threads = threadCount(server_.pid());
  std::vector<std::size_t> memory;
  const auto turns = std::max<std::int64_t>(4, span_ / std::chrono::minutes(1));
  const auto end = std::chrono::steady_clock::now() + span_;
  startLoad();
  for (std::int64_t turn = 0; turn < turns && !HasFailure(); ++turn) {
    const auto next = end - (turns - 1 - turn) * span_ / turns;
    waitUntil([&] { return HasFailure() || std::chrono::steady_clock::now() >= next; },
              span_ + std::chrono::seconds(30));
    memory.push_back(residentKilobytes(server_.pid()));  // before the next scrypt
    if (turn % 2 == 0) sealAndUnseal();
  }
  endLoad();
  server_.expectState("unsealed", "");
  HttpDesk desk(server_.socket());
  for (Ledger& ledger : ledgers_) ledger.check(desk, 2000);
  desk.disconnect();
  std::size_t connections = 0;
  for (const RoughClient& rough : rough_) connections += rough.connections();
  rough_.clear();
  EXPECT_TRUE(waitUntil([&] { return openDescriptors(server_.pid()) <= descriptors + kDescriptorsMost; }))
      << descriptors << " before, " << openDescriptors(server_.pid()) << " after";
  EXPECT_LE(threadCount(server_.pid()), threads + 1);
  const auto warm = *std::max_element(memory.begin(), memory.begin() + std::max<std::int64_t>(1, turns / 4));
  std::cout << requests_ << " requests, " << connections << " connections; memory " << warm / 1024
            << " MB, then " << memory.back() / 1024 << " MB; descriptors " << descriptors << ", then "
            << openDescriptors(server_.pid()) << "\n";
  EXPECT_GT(requests_, 100U);
  EXPECT_GT(connections, 2 * kDescriptorsMost) << "too few to show a leak";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep what was freed
  EXPECT_LE(memory.back(), warm + kGrowthMost);
#endif
  EXPECT_EQ(server_.log().find("Z error "), std::string::npos) << server_.log();
  EXPECT_EQ(server_.stop(), 0) << server_.log();
}

}  // namespace
}  // namespace tests
