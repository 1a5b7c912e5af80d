// kmsd is killed at random moments under load, as by kill -9; what it has acknowledged holds after each
// start.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <atomic>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>

#include "tests/integration/durability/http_desk.h"
#include "tests/support/server.h"
#include "tests/support/setting.h"

namespace tests {
namespace {

constexpr unsigned kClients = 6;

class Killed : public ::testing::Test {
 protected:
  void SetUp() override {
    std::cout << "seed " << seed_ << "\n";
    server_.setUp();
    server_.insert("key.img");
    for (unsigned i = 0; i < kClients; ++i) ledgers_.emplace_back("u" + std::to_string(i), seed_ + i);
  }

  // Loads the server until it is killed, after this long.
  void killUnderLoad(std::chrono::milliseconds after) {
    std::atomic<bool> killing = false;
    std::vector<std::thread> threads;
    for (Ledger& ledger : ledgers_) {
      threads.emplace_back([&] {
        HttpDesk desk(server_.socket());
        for (;;) {
          auto done = ledger.step(desk);
          if (done) continue;
          EXPECT_TRUE(killing) << "refused before the kill: " << done.error().what;
          EXPECT_EQ(done.error().reason, base::Reason::ServerUnreachable) << done.error().what;
          return;
        }
      });
    }
    static_cast<void>(::poll(nullptr, 0, static_cast<int>(after.count())));
    killing = true;
    const pid_t reader = server_.readerPid();
    EXPECT_EQ(server_.stop(SIGKILL), 128 + SIGKILL);
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(waitUntil([&] { return reader == 0 || ::kill(reader, 0) != 0; })) << "kmsd-media is left";
  }

  void expectAll(std::size_t recent) {
    HttpDesk desk(server_.socket());
    for (Ledger& ledger : ledgers_) ledger.check(desk, recent);
    const Ran audited = server_.ctl({"audit", "verify"});
    EXPECT_EQ(audited.exit, 0) << audited.out << audited.err;
  }

  // How often the files of the audit log tell of an issue, for each accessor.
  std::map<std::string, int> recordedIssues() const {
    const std::string mark = "\"name\":\"token_issued\"";
    const std::string object = "\"object\":\"";
    std::map<std::string, int> found;
    for (const auto& file : std::filesystem::directory_iterator(server_.data() / "security" / "audit")) {
      std::ifstream lines(file.path());
      for (std::string line; std::getline(lines, line);) {
        if (line.find(mark) == line.npos) continue;
        const auto at = line.find(object) + object.size();
        ++found[line.substr(at, line.find('"', at) - at)];
      }
    }
    return found;
  }

  const std::uint64_t seed_ = setting("KEYDISK_SEED", std::random_device()(), std::random_device()());
  std::mt19937_64 random_{seed_};
  Server server_;
  std::vector<Ledger> ledgers_;
};

TEST_F(Killed, WhatWasAcknowledgedHoldsAfterEachStart) {
  const auto rounds = setting("KEYDISK_KILLS", 12, 4);
  for (std::uint64_t round = 0; round <= rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    server_.start();
    server_.expectState("unsealed", "");
    expectAll(round == rounds ? SIZE_MAX : 60);
    if (HasFailure() || round == rounds) break;
    killUnderLoad(std::chrono::milliseconds(20 + random_() % 280));
  }
  Ledger::Counts all;
  std::set<std::string> accessors;
  for (const Ledger& ledger : ledgers_) {
    ledger.collectAccessors(accessors);
    const auto counts = ledger.counts();
    all.issued += counts.issued;
    all.revoked += counts.revoked;
    all.renewed += counts.renewed;
    all.users += counts.users;
  }
  std::cout << rounds << " kills; " << all.users << " users, " << all.issued << " tokens issued, "
            << all.revoked << " revoked, " << all.renewed << " renewals\n";
  EXPECT_GT(all.issued, rounds * 10) << "there was no load";
  EXPECT_GT(all.revoked, rounds);
  const Ran audited = server_.ctl({"audit", "verify", "--store"});
  EXPECT_EQ(audited.exit, 0) << audited.out << audited.err;
  EXPECT_EQ(server_.stop(), 0);
  const auto recorded = recordedIssues();
  for (const auto& accessor : accessors) {
    const auto found = recorded.find(accessor);
    EXPECT_TRUE(found != recorded.end() && found->second == 1) << accessor << " is not on record just once";
  }
}

}  // namespace
}  // namespace tests
