// Bodies that a thread reads while they are sent.
#include "daemon/read_ahead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "daemon/http/client.h"
#include "daemon/http/server.h"
#include "tests/support/scratch.h"
#include "tests/support/server.h"
#include "tests/unit/http/wire.h"

namespace tests {
namespace {

using base::Bytes;
using base::BytesView;
using base::Code;
using base::Error;
using base::Result;
using kmsd::ReadAhead;
using kmsd::http::Client;
using kmsd::http::Request;
using kmsd::http::Respond;
using kmsd::http::Response;
using kmsd::http::Server;
using kmsd::http::ServerOptions;
using std::chrono::seconds;

constexpr std::size_t kMega = 1U << 20U;
constexpr std::string_view kGet = "GET /body HTTP/1.1\r\nHost: h\r\n\r\n";

std::size_t descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::byte byteAt(std::size_t place) { return static_cast<std::byte>((place * 2654435761U) >> 13U); }

// A body whose sender gets no descriptor to wait with, as where the process has none left.
class WithoutDescriptor final : public kmsd::http::BodySource {
 public:
  std::uint64_t size() const override { return 1; }
  Result<std::optional<BytesView>> next() override { return std::optional<BytesView>(); }
  base::Fd ready() const override { return {}; }
};

// A server with one loop: whatever holds that up holds everybody up.
class Ahead : public ::testing::Test {
 protected:
  void run(ServerOptions options = {}) {
    options.threads = 1;
    server_ = std::make_unique<Server>(
        options, [this](const Request& request, Respond respond) { answer(request, std::move(respond)); });
    const auto listening = server_->listenUnix(path_);
    ASSERT_TRUE(listening) << listening.error().what;
    server_->start();
  }
  ~Ahead() override { server_.reset(); }

  void answer(const Request& request, const Respond& respond) {
    Response response;
    if (request.path == "/poor") response.source = std::make_shared<WithoutDescriptor>();
    if (request.path == "/body") {
      auto ahead = ReadAhead::create();
      ASSERT_TRUE(ahead) << ahead.error().what;
      response.source = ReadAhead::source(*ahead, size_);
      reader_ = std::jthread([this, ahead = *ahead] {
        std::size_t place = 0;
        ahead->run([&](std::span<std::byte> out) { return read(out, place); });
        ++ended_;
      });
    }
    respond(std::move(response));
  }
  Result<std::size_t> read(std::span<std::byte> out, std::size_t& place) {
    ++reads_;
    if (slow_) slow_->wait();
    if (place >= failsAt_) return Error{Code::Io, "the disk is gone"};
    const std::size_t size = std::min({out.size(), size_ - place, failsAt_ - place});
    for (std::byte& byte : out.first(size)) byte = byteAt(place++);
    return size;
  }
  std::unique_ptr<Client> client() const {
    auto client = Client::connectUnix(path_, base::Deadline::in(seconds(20)));
    EXPECT_TRUE(client) << client.error().what;
    return *std::move(client);
  }
  // All of the body that comes; whether it is whole and right.
  Result<std::size_t> fetch() const {
    Request request;
    request.method = "GET";
    request.path = "/body";
    std::size_t place = 0;
    bool right = true;
    const auto answer = client()->fetch(request, base::Deadline::in(seconds(20)), seconds(20),
                                        [&](std::uint64_t, BytesView piece) -> Result<void> {
                                          for (const std::byte byte : piece)
                                            right = byteAt(place++) == byte && right;
                                          return {};
                                        });
    if (!answer) return answer.error();
    EXPECT_TRUE(right);
    return place;
  }
  bool others() const {
    Wire wire(path_);
    return wire.send("GET /other HTTP/1.1\r\nHost: h\r\n\r\n") && wire.answer().starts_with("HTTP/1.1 200");
  }
  // Waits until the reader stands still, since nobody takes anything.
  void expectHeldUp() {
    ASSERT_TRUE(waitUntil([&] { return reads_ >= int{ReadAhead::kPieces}; }));
    int before = 0;
    int still = 0;  // polls in which nothing was read
    EXPECT_TRUE(waitUntil([&] {
      const int now = reads_;
      still = now == before ? still + 1 : 0;
      before = now;
      return still == 5;
    }));
    EXPECT_LT(reads_ * ReadAhead::kPiece, size_ / 2);
    EXPECT_EQ(ended_, 0);
  }

  Scratch scratch_;
  const std::filesystem::path path_ = scratch_ / "kms.sock";
  std::size_t size_ = 20 * kMega + 123;
  std::size_t failsAt_ = SIZE_MAX;
  std::optional<std::shared_future<void>> slow_;  // each read waits for it
  std::atomic<int> reads_ = 0;
  std::atomic<int> ended_ = 0;
  std::jthread reader_;
  std::unique_ptr<Server> server_;
};

TEST_F(Ahead, ComesWholeAndInOrder) {
  run();
  int times = 0;
  for (const std::size_t size :
       {20 * kMega + 123, ReadAhead::kPiece, ReadAhead::kPiece * 7, std::size_t{1}}) {
    size_ = size;
    const auto got = fetch();
    ASSERT_TRUE(got) << got.error().what;
    EXPECT_EQ(*got, size);
    ++times;
    ASSERT_TRUE(waitUntil([&] { return ended_ == times; }));
  }
}

TEST_F(Ahead, NobodyWaitsForTheDisk) {
  std::promise<void> disk;
  slow_ = disk.get_future().share();
  run();
  auto got = std::async(std::launch::async, [&] { return fetch(); });
  ASSERT_TRUE(waitUntil([&] { return reads_ == 1; }));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(others());
  EXPECT_EQ(reads_, 1);
  disk.set_value();
  const auto fetched = got.get();
  ASSERT_TRUE(fetched) << fetched.error().what;
  EXPECT_EQ(*fetched, size_);
}

TEST_F(Ahead, ReadsNoFurtherThanIsTaken) {
  run();
  Wire wire(path_);
  ASSERT_TRUE(wire.send(kGet));
  expectHeldUp();
  EXPECT_TRUE(others());
  EXPECT_EQ(wire.answer().size() > size_, true);
  EXPECT_TRUE(waitUntil([&] { return ended_ == 1; }));
  ASSERT_TRUE(wire.send("GET /other HTTP/1.1\r\nHost: h\r\n\r\n"));  // the connection goes on
  EXPECT_TRUE(wire.answer().starts_with("HTTP/1.1 200"));
}

TEST_F(Ahead, EndsWhenTheClientGoes) {
  run();
  ASSERT_TRUE(others());
  const std::size_t before = descriptors();
  for (int i = 1; i <= 5; ++i) {
    {
      Wire wire(path_);
      ASSERT_TRUE(wire.send(kGet));
      ASSERT_TRUE(waitUntil([&] { return reads_ >= int{ReadAhead::kPieces}; }));
    }
    EXPECT_TRUE(waitUntil([&] { return ended_ == i; }));
    reads_ = 0;
  }
  EXPECT_TRUE(waitUntil([&] { return descriptors() <= before; })) << descriptors() << " " << before;
}

TEST_F(Ahead, EndsTheConnectionWhereNoDescriptorIsLeft) {
  run();
  ASSERT_TRUE(others());
  const std::size_t before = descriptors();
  for (int i = 0; i < 3; ++i) {
    Wire wire(path_);
    ASSERT_TRUE(wire.send("GET /poor HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_TRUE(waitUntil([&] { return descriptors() <= before + 1; }));  // the server's end is closed
    EXPECT_TRUE(others());
  }
}

TEST_F(Ahead, EndsWhenTheClientGoesBeforeAnythingIsThere) {
  std::promise<void> disk;
  slow_ = disk.get_future().share();
  run();
  {
    Wire wire(path_);
    ASSERT_TRUE(wire.send(kGet));
    ASSERT_TRUE(waitUntil([&] { return reads_ == 1; }));
  }
  disk.set_value();
  EXPECT_TRUE(waitUntil([&] { return ended_ == 1; }));
}

TEST_F(Ahead, AClientThatTakesNothingIsGivenUp) {
  ServerOptions options;
  options.requestTimeout = seconds(1);
  run(options);
  Wire wire(path_);
  ASSERT_TRUE(wire.send(kGet));
  expectHeldUp();
  EXPECT_TRUE(waitUntil([&] { return ended_ == 1; }));
  EXPECT_TRUE(wire.ends());
}

TEST_F(Ahead, AnErrorEndsTheConnection) {
  failsAt_ = 5 * kMega + 17;
  run();
  const auto got = fetch();
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().what.find("before its answer was whole"), std::string::npos) << got.error().what;
  EXPECT_TRUE(waitUntil([&] { return ended_ == 1; }));
  EXPECT_TRUE(others());
}

TEST_F(Ahead, AStopCutsIt) {
  run();
  Wire wire(path_);
  ASSERT_TRUE(wire.send(kGet));
  expectHeldUp();
  const auto began = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(5));  // a client may take 10 s
  EXPECT_TRUE(waitUntil([&] { return ended_ == 1; }));
}

TEST_F(Ahead, AStopWaitsForNoDisk) {
  std::promise<void> disk;
  slow_ = disk.get_future().share();
  ServerOptions options;
  options.stopTimeout = seconds(1);
  run(options);
  Wire wire(path_);
  ASSERT_TRUE(wire.send(kGet));
  ASSERT_TRUE(waitUntil([&] { return reads_ == 1; }));
  server_.reset();
  disk.set_value();  // it comes to nobody
  EXPECT_TRUE(waitUntil([&] { return ended_ == 1; }));
}

// What nobody ever asked anything of.
TEST(ReadAheadSource, EndsUnusedToo) {
  auto ahead = ReadAhead::create();
  ASSERT_TRUE(ahead) << ahead.error().what;
  auto source = ReadAhead::source(*ahead, 1);
  EXPECT_EQ(source->size(), 1U);
  std::atomic<int> reads = 0;
  std::jthread reader([&, ahead = *ahead] {
    ahead->run([&](std::span<std::byte> out) -> Result<std::size_t> {
      ++reads;
      return out.size();
    });
  });
  EXPECT_TRUE(waitUntil([&] { return reads == int{ReadAhead::kPieces}; }));
  source.reset();
  reader.join();
  EXPECT_EQ(reads, int{ReadAhead::kPieces});
}

TEST(ReadAheadSource, NoMemoryIsAnErrorAndNoEnd) {
  auto ahead = ReadAhead::create();
  ASSERT_TRUE(ahead) << ahead.error().what;
  auto source = ReadAhead::source(*ahead, 1);
  (*ahead)->run([](std::span<std::byte>) -> Result<std::size_t> { throw std::bad_alloc(); });
  const auto got = source->next();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::Unavailable);
}

}  // namespace
}  // namespace tests
