// Clients that mean harm, or are broken: the server's memory stays bounded, and others are served.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "daemon/http/server.h"
#include "tests/support/scratch.h"
#include "tests/unit/http/wire.h"

namespace tests {
namespace {

using base::SecretPool;
using kmsd::http::Request;
using kmsd::http::Respond;
using kmsd::http::Response;
using kmsd::http::Server;
using kmsd::http::ServerOptions;
using std::chrono::seconds;

constexpr std::string_view kGet = "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr int kMany = 400;

std::string get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

class Flood : public ::testing::Test {
 protected:
  void serve(ServerOptions options = {}) {
    if (options.threads == 0) options.threads = 2;
    server = std::make_unique<Server>(
        options, [this](const Request& request, const Respond& respond) { handle(request, respond); });
    ASSERT_TRUE(server->listenUnix(path));
    server->start();
  }
  ~Flood() override {
    open();
    server.reset();
  }

  void handle(const Request& request, const Respond& respond) {
    if (request.path == "/gate") {
      std::unique_lock lock(mutex);
      atGate = true;
      changed.notify_all();
      changed.wait(lock, [&] { return gateOpen; });
    }
    {
      const std::lock_guard lock(mutex);
      seen.push_back(request.path);
    }
    Response response;
    response.contentType = "text/plain";
    response.body =
        request.path == "/large" ? base::SecretText(200'000, 'x') : base::secretText("at " + request.path);
    respond(std::move(response));
  }
  void open() {
    const std::lock_guard lock(mutex);
    gateOpen = true;
    changed.notify_all();
  }
  void expectService() {
    const auto start = std::chrono::steady_clock::now();
    Wire wire(path);
    wire.send(kGet);
    EXPECT_NE(wire.answer().find("at /echo"), std::string::npos);
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
  }

  Scratch scratch;
  std::filesystem::path path = scratch / "kms.sock";
  std::mutex mutex;
  std::condition_variable changed;
  bool atGate = false;
  bool gateOpen = false;
  std::vector<std::string> seen;
  std::unique_ptr<Server> server;
};

TEST_F(Flood, OfGarbageAndHalfRequests) {
  ServerOptions options;
  options.requestTimeout = seconds(2);
  serve(options);
  std::vector<std::unique_ptr<Wire>> halves;
  for (int i = 0; i < kMany; ++i) {
    Wire garbage(path);
    std::string bytes;
    for (unsigned k = 0; k < 600; ++k)
      bytes += static_cast<char>((static_cast<unsigned>(i) * 7919U + k * k * 31U) >> 3U);
    garbage.send(bytes);
    halves.push_back(std::make_unique<Wire>(path));
    ASSERT_TRUE(halves.back()->connected());
    halves.back()->send(i % 2 == 0 ? "GET /echo HTTP/1.1\r\nHost: h\r\nX: " + std::string(3000, 'x')
                                   : "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\nabc");
  }
  expectService();
  for (const auto& half : halves) EXPECT_TRUE(half->ends());
  expectService();
}

TEST_F(Flood, OfHeadersWithoutEnd) {
  serve();
  Wire wire(path);
  ASSERT_TRUE(wire.send("GET /echo HTTP/1.1\r\nHost: h\r\n"));
  std::size_t sent = 0;
  // Field by field, so that each is complete by itself.
  while (sent < 8U << 20U && wire.send("X-Another: field\r\n")) sent += 18;
  EXPECT_LT(sent, 8U << 20U);
  EXPECT_TRUE(wire.answer().starts_with("HTTP/1.1 431"));
  expectService();
}

TEST_F(Flood, OfChunksWithoutEnd) {
  serve();
  const std::string start = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  Wire body(path);
  ASSERT_TRUE(body.send(start));
  std::size_t sent = 0;
  while (sent < 8U << 20U && body.send("1;a=b\r\nx\r\n")) sent += 10;
  EXPECT_LT(sent, 8U << 20U);
  EXPECT_TRUE(body.answer().starts_with("HTTP/1.1 413"));

  for (const char* endless : {"1;a=", "0\r\nX: "}) {
    Wire wire(path);
    ASSERT_TRUE(wire.send(start + endless));
    const std::string more(1000, 'x');
    for (sent = 0; sent < 8U << 20U && wire.send(more);) sent += more.size();
    EXPECT_LT(sent, 8U << 20U) << endless;
    EXPECT_TRUE(wire.answer().starts_with("HTTP/1.1 431")) << endless;
  }
  expectService();
}

TEST_F(Flood, OfClientsThatNeverTakeTheirAnswers) {
  ServerOptions options;
  options.requestTimeout = seconds(1);
  serve(options);
  std::vector<std::unique_ptr<Wire>> greedy;
  for (int i = 0; i < 50; ++i) {
    greedy.push_back(std::make_unique<Wire>(path));
    for (int k = 0; k < 20; ++k) ASSERT_TRUE(greedy.back()->send(get("/large")));
  }
  expectService();
  // The server gives them up; what it had sent by then is still there to be read.
  const auto by = base::Deadline::in(seconds(30));
  for (const auto& wire : greedy) {
    while (wire->send(kGet) && !by.expired()) {
    }
    EXPECT_FALSE(by.expired());
  }
  expectService();
}

TEST_F(Flood, OfPipelinedRequestsLetsOthersIn) {
  ServerOptions options;
  options.threads = 1;
  serve(options);
  Wire other(path);
  other.send(kGet);
  ASSERT_FALSE(other.answer().empty());
  Wire greedy(path);
  std::string all = get("/gate");
  for (int i = 0; i < 200; ++i) all += get("/greedy");
  ASSERT_TRUE(greedy.send(all));
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, seconds(20), [&] { return atGate; }));
  }
  ASSERT_TRUE(other.send(get("/other")));
  open();
  EXPECT_NE(other.answer().find("at /other"), std::string::npos);
  EXPECT_NE(greedy.answer().find("at /gate"), std::string::npos);
  for (int i = 0; i < 200; ++i) ASSERT_NE(greedy.answer().find("at /greedy"), std::string::npos);
  const std::lock_guard lock(mutex);
  const auto at = std::find(seen.begin(), seen.end(), "/other") - seen.begin();
  EXPECT_LT(at, 20) << "the other client had to wait for the pipelined requests";
}

TEST_F(Flood, ThatTakesAllLockedMemoryIsAnsweredSo) {
  serve();
  expectService();
  std::vector<std::pair<void*, std::size_t>> all;
  for (std::size_t size = SecretPool::kLargest; size >= 64; size /= 2) {
    while (void* block = SecretPool::instance().allocate(size)) all.emplace_back(block, size);
  }
  ASSERT_FALSE(all.empty());
  for (int i = 0; i < 4; ++i) {
    Wire wire(path);
    wire.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\n\r\n" + std::string(200, 'b'));
    EXPECT_TRUE(wire.answer().starts_with("HTTP/1.1 503"));
    EXPECT_TRUE(wire.ends());
  }
  for (const auto& [block, size] : all) SecretPool::instance().release(block, size);
  expectService();
}

// The clients hold most of the locked memory, and would for the whole time that a request may take.
TEST_F(Flood, OfHalfRequestsThatHoldTheLockedMemoryIsShed) {
  ServerOptions options;
  options.requestTimeout = seconds(300);
  serve(options);
  expectService();
  std::vector<std::unique_ptr<Wire>> halves;
  const std::string half =
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n" + std::string(65'000, 'b');
  const auto by = base::Deadline::in(seconds(60));
  constexpr std::size_t kEnough = SecretPool::kMost / 2 / 65'536 + 20;
  while (halves.size() < kEnough && !by.expired()) {
    halves.push_back(std::make_unique<Wire>(path));
    static_cast<void>(halves.back()->send(half));
  }
  for (std::size_t i = 0; i < 20; ++i) EXPECT_TRUE(halves[i]->ends(seconds(60)));
  expectService();
}

}  // namespace
}  // namespace tests
