// What systemd is told: the test stands at the other end of NOTIFY_SOCKET.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "hal/base/clock.h"
#include "hal/base/fd.h"
#include "tests/support/server.h"

namespace tests {
namespace {

class Systemd : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.setUp();
    const std::string path = scratch_ / "notify";
    fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    // The daemon that is started next inherits them.
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "400000", 1);
  }
  void TearDown() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
  }
  // True where a message with this in it comes within 30 s; those before it are kept in said_.
  bool told(const std::string& what) {
    const auto by = base::Deadline::in(std::chrono::seconds(30));
    for (;;) {
      pollfd ready{fd_.get(), POLLIN, 0};
      if (::poll(&ready, 1, static_cast<int>(by.remaining().count())) <= 0) return false;
      char message[4096];
      const ssize_t got = ::recv(fd_.get(), message, sizeof message, 0);
      if (got < 0) return false;
      const std::string text(message, static_cast<std::size_t>(got));
      said_ += text + "\n";
      if (text.find(what) != std::string::npos) return true;
    }
  }
  // What waits to be read is forgotten.
  void skip() {
    char message[4096];
    while (::recv(fd_.get(), message, sizeof message, MSG_DONTWAIT) >= 0) {
    }
    said_.clear();
  }

  Scratch scratch_;
  Server server_;
  base::Fd fd_;
  std::string said_;
};

TEST_F(Systemd, IsToldOfStartStateLifeReloadAndStop) {
  server_.start();
  EXPECT_TRUE(told("READY=1")) << said_;
  EXPECT_TRUE(told("STATUS=sealed: ")) << said_;
  EXPECT_TRUE(told("WATCHDOG=1")) << said_;
  server_.insert("key.img");
  EXPECT_TRUE(told("STATUS=unsealed by medium")) << said_;
  skip();
  EXPECT_TRUE(told("WATCHDOG=1")) << said_;
  EXPECT_TRUE(told("WATCHDOG=1")) << said_;
  ASSERT_EQ(::kill(server_.pid(), SIGHUP), 0);
  EXPECT_TRUE(told("RELOADING=1\nMONOTONIC_USEC=")) << said_;
  EXPECT_TRUE(told("READY=1")) << said_;
  EXPECT_TRUE(told("WATCHDOG=1")) << said_;
  ASSERT_EQ(::kill(server_.pid(), SIGTERM), 0);
  EXPECT_TRUE(told("STOPPING=1")) << said_;
  EXPECT_EQ(server_.stop(), 0);
}

}  // namespace
}  // namespace tests
