// Many connections that are open and say nothing, held by another process.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>
#include <iostream>

#include "daemon/http/server.h"
#include "tests/unit/http/certificates.h"
#include "tests/unit/http/wire.h"

namespace tests {
namespace {

using kmsd::http::Request;
using kmsd::http::Respond;
using kmsd::http::Response;
using kmsd::http::Server;
using kmsd::http::ServerOptions;
using kmsd::http::TlsContext;
using kmsd::http::Transport;
using std::chrono::seconds;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kIdle = 500;
constexpr bool kMeasures = false;
#else
constexpr int kIdle = 10'000;
constexpr bool kMeasures = true;
#endif
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

std::size_t residentBytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  in >> all >> resident;
  return resident * static_cast<std::size_t>(::getpagesize());
}

struct Target {
  std::string path;  // of a Unix socket; empty: TLS to the port
  std::uint16_t port = 0;
};

// In the child: a connection that has had one answer, kept open. False where that fails.
bool hold(const Target& to, SSL_CTX* tls, std::vector<std::unique_ptr<Wire>>& plain) {
  auto wire = to.path.empty() ? std::make_unique<Wire>(to.port) : std::make_unique<Wire>(to.path);
  if (!wire->connected()) return false;
  if (to.path.empty()) {
    SSL* const ssl = SSL_new(tls);
    SSL_set_fd(ssl, wire->fd());
    char answer[1024];
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, kGet.data(), static_cast<int>(kGet.size())) <= 0 ||
        SSL_read(ssl, answer, sizeof answer) <= 0)
      return false;
  } else if (!wire->send(kGet) || !wire->answer().starts_with("HTTP/1.1 200")) {
    return false;
  }
  plain.push_back(std::move(wire));
  return true;
}

// Another process, so that the memory of this one is the server's. Started before the server has threads.
class Crowd {
 public:
  Crowd() {
    int down[2];
    int up[2];
    EXPECT_EQ(::pipe2(down, O_CLOEXEC) + ::pipe2(up, O_CLOEXEC), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(down[1]);
      ::close(up[0]);
      live(down[0], up[1]);
    }
    ::close(down[0]);
    ::close(up[1]);
    down_.reset(down[1]);
    up_.reset(up[0]);
  }
  ~Crowd() {
    down_.reset();
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  // How many connections are open then.
  int come(const Target& to) {
    char path[128] = {};
    to.path.copy(path, sizeof path - 1);
    EXPECT_EQ(::write(down_.get(), path, sizeof path), static_cast<ssize_t>(sizeof path));
    EXPECT_EQ(::write(down_.get(), &to.port, sizeof to.port), static_cast<ssize_t>(sizeof to.port));
    int held = -1;
    return ::read(up_.get(), &held, sizeof held) == static_cast<ssize_t>(sizeof held) ? held : -1;
  }

 private:
  [[noreturn]] static void live(int in, int out) {
    const rlimit files{kIdle + 100, kIdle + 100};
    ::setrlimit(RLIMIT_NOFILE, &files);
    char path[128];
    Target to;
    if (::read(in, path, sizeof path) != static_cast<ssize_t>(sizeof path)) ::_exit(1);
    if (::read(in, &to.port, sizeof to.port) != static_cast<ssize_t>(sizeof to.port)) ::_exit(1);
    to.path = path;
    SSL_CTX* const tls = SSL_CTX_new(TLS_client_method());
    std::vector<std::unique_ptr<Wire>> wires;
    while (static_cast<int>(wires.size()) < kIdle && hold(to, tls, wires)) {
    }
    const int held = static_cast<int>(wires.size());
    if (::write(out, &held, sizeof held) < 0) ::_exit(1);
    char end = 0;
    while (::read(in, &end, 1) > 0) {
    }
    ::_exit(0);
  }

  pid_t child_ = -1;
  base::Fd down_;
  base::Fd up_;
};

class Idle : public ::testing::Test {
 protected:
  void make() {
    rlimit files{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
    ASSERT_GT(files.rlim_max, static_cast<rlim_t>(kIdle + 200)) << "the hard limit of open files is too low";
    ServerOptions options;
    options.threads = 2;
    options.idleTimeout = seconds(600);
    options.connectionsOfOneUser = kIdle + 100;  // for who does not run the test as root
    server = std::make_unique<Server>(options, [](const Request&, const Respond& respond) {
      Response response;
      response.contentType = "text/plain";
      response.body = base::secretText("served");
      respond(std::move(response));
    });
  }
  template <class Ask>
  void fill(const Target& to, std::size_t bytesMost, Ask ask) {
    server->start();
    ask();  // what the first request makes is there
    const std::size_t before = residentBytes();
    const std::size_t slabs = base::SecretPool::instance().slabs();
    ASSERT_EQ(crowd.come(to), kIdle);
    const std::size_t each = (residentBytes() - std::min(before, residentBytes())) / kIdle;
    RecordProperty("bytes_a_connection", static_cast<int>(each));
    std::cout << "bytes a connection: " << each << "\n";
    if (kMeasures) {
      EXPECT_LT(each, bytesMost);
    }
    EXPECT_LE(base::SecretPool::instance().slabs(), slabs + 1);  // they hold no locked memory
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) ask();
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
  }

  Crowd crowd;
  Scratch scratch;
  std::unique_ptr<Server> server;
};

TEST_F(Idle, OverUnixSocketsTakeLittle) {
  make();
  const auto path = scratch / "kms.sock";
  ASSERT_TRUE(server->listenUnix(path));
  fill({path.string(), 0}, 4096, [&] {
    Wire wire(path);
    wire.send(kGet);
    EXPECT_NE(wire.answer().find("served"), std::string::npos);
  });
}

TEST_F(Idle, OverTlsTakeLittle) {
  make();
  Certificates pki(scratch);
  pki.server();
  const auto context = TlsContext::load({pki.file("server.pem"), pki.file("server.key"), {}});
  ASSERT_TRUE(context) << context.error().what;
  server->setTls(*context);
  const auto port = server->listenTcp("127.0.0.1", 0, Transport::Https);
  ASSERT_TRUE(port);
  fill({{}, *port}, 20'480, [&] {
    const Ran curl = run({"curl", "-sS", "--noproxy", "*", "--cacert", pki.text("ca.pem"),
                          "https://127.0.0.1:" + std::to_string(*port) + "/"});
    EXPECT_EQ(curl.out, "served") << curl.err;
  });
}

}  // namespace
}  // namespace tests
