// Live backups that are held up, cut and stopped in the middle.
#include <signal.h>

#include "tests/integration/backup/database.h"
#include "tests/integration/backup/hosts.h"
#include "tests/unit/http/wire.h"

namespace tests {
namespace {

constexpr std::string_view kAsk =
    "POST /v1/backup HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

class LiveBackup : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    // More than lies in buffers on the way: rows that nobody asks for.
    sql(old_.data() / "security/kms.db",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<24) "
        "INSERT INTO archive(key,revision,generation,epoch,counter,sealed) "
        "SELECT i+100000,1,1,1,i+100000,zeroblob(1048576) FROM n");
    open(old_);
    ASSERT_ENDS(old_.ctl({"user", "add", "alice"}), 0);
  }

  // What the daemon holds.
  std::size_t descriptors() const { return entries("fd"); }
  std::size_t threads() const { return entries("task"); }
  bool spooled() const { return std::filesystem::exists(old_.data() / "security/backup.db"); }

  // A client that has had the beginning of a backup and takes no more.
  void holdUp(Wire& wire) {
    ASSERT_TRUE(wire.send(kAsk));
    pollfd ready{wire.fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 30'000), 1);
    char begin[12] = {};
    ASSERT_EQ(::recv(wire.fd(), begin, sizeof begin, MSG_PEEK), ssize_t{sizeof begin});
    ASSERT_EQ(std::string(begin, sizeof begin), "HTTP/1.1 200");
    EXPECT_TRUE(spooled());
  }
  // Sees that the one before has ended in every way, and makes another.
  void expectNothingLeft(std::size_t descriptorsBefore, std::size_t threadsBefore) {
    EXPECT_TRUE(waitUntil([&] { return !spooled(); }));
    EXPECT_TRUE(waitUntil([&] { return descriptors() <= descriptorsBefore && threads() <= threadsBefore; }))
        << descriptors() << " descriptors, were " << descriptorsBefore << "; " << threads()
        << " threads, were " << threadsBefore;
  }
  void expectBackup() {
    std::filesystem::remove(backup());
    ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
    ASSERT_ENDS(old_.kmsd({"backup", "check", backup(), disk(old_)}), 0);
  }

 private:
  std::size_t entries(const std::string& what) const {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(old_.pid()) + "/" + what);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
};

TEST_F(LiveBackup, OneAtATime) {
  Wire first(old_.socket());
  holdUp(first);
  const Ran second = old_.ctl({"backup", backup()});
  EXPECT_EQ(second.exit, 9) << second.err;
  EXPECT_TRUE(says(second.err, "a backup is being made already"));
  EXPECT_FALSE(std::filesystem::exists(backup()));
  const std::string whole = first.answer();
  EXPECT_GT(whole.size(), 24U << 20U);
  std::ofstream(backup(), std::ios::binary) << whole.substr(whole.find("\r\n\r\n") + 4);
  ASSERT_ENDS(old_.kmsd({"backup", "check", backup(), disk(old_)}), 0);
  EXPECT_TRUE(waitUntil([&] { return !spooled(); }));
  expectBackup();
}

TEST_F(LiveBackup, OthersAreServedWhileAClientTakesNothing) {
  Wire held(old_.socket());
  holdUp(held);
  for (int i = 0; i < 10; ++i) token(old_, "alice", "access");
}

TEST_F(LiveBackup, AClientThatGoesLeavesNothing) {
  expectBackup();
  const std::size_t descriptorsBefore = descriptors();
  const std::size_t threadsBefore = threads();
  for (int i = 0; i < 3; ++i) {
    {
      Wire wire(old_.socket());
      holdUp(wire);
    }
    expectNothingLeft(descriptorsBefore, threadsBefore);
  }
  expectBackup();
}

TEST_F(LiveBackup, ASealEndsIt) {
  expectBackup();
  const std::size_t threadsBefore = threads();
  Wire wire(old_.socket());
  holdUp(wire);
  ASSERT_ENDS(old_.ctl({"seal"}), 0);
  EXPECT_EQ(wire.answer(), "");  // it ends before it is whole
  EXPECT_TRUE(wire.ends());
  expectNothingLeft(SIZE_MAX, threadsBefore);
  const Ran sealed = old_.ctl({"backup", old_.safe() / "sealed.kdb"});
  EXPECT_EQ(sealed.exit, 3) << sealed.err;
  ASSERT_ENDS(old_.ctl({"unseal"}), 0);
  old_.expectState("unsealed", "");
  expectBackup();
}

TEST_F(LiveBackup, AStopCutsIt) {
  Wire wire(old_.socket());
  holdUp(wire);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(old_.stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8));  // a client may take 10
  EXPECT_TRUE(wire.ends());
  EXPECT_FALSE(spooled());
}

TEST_F(LiveBackup, AKilledServersCopyGoesAtTheNextStart) {
  Wire wire(old_.socket());
  holdUp(wire);
  old_.stop(SIGKILL);
  EXPECT_TRUE(wire.ends());
  EXPECT_TRUE(spooled());
  old_.start();
  old_.expectState("unsealed", "");
  EXPECT_FALSE(spooled());
  expectBackup();
}

}  // namespace
}  // namespace tests
