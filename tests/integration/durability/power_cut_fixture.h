// A server whose power goes at a random moment, and several clients who write down what it has acknowledged.
// `Server` has a store and services (TokenTest, ServiceTest); `Notes` is one client's ledger.
#pragma once

#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <thread>

#include "kms/store/sqlite_store.h"
#include "tests/support/power_cut.h"
#include "tests/support/setting.h"

namespace tests {

template <class Server, class Notes>
class OnADiskThatLoses : public Server {
 protected:
  void SetUp() override {
    Server::SetUp();
    close();
    disk_.allSynced();
    std::cout << "seed " << seed_ << "\n";
    for (unsigned i = 0; i < kClients; ++i) ledgers_.emplace_back("u" + std::to_string(i), seed_ + i);
  }
  void TearDown() override { close(); }

  // The services over `store` and `vault`, which is sealed; and their end.
  virtual void serve() = 0;
  virtual void endServices() = 0;

  void close() {
    endServices();
    this->users.reset();
    this->vault.reset();
    this->store.reset();
  }

  // As the daemon starts. Errors are those of a disk whose power goes meanwhile.
  base::Result<void> open() {
    auto opened = kms::openSqliteStore(this->scratch / "kms.db");
    if (!opened) return std::move(opened).error();
    this->store = *std::move(opened);
    this->vault = std::make_unique<kms::Vault>(*this->store, this->server, base::systemRng());
    this->users = std::make_unique<kms::UserService>(*this->vault, *this->store, this->clock, this->policy);
    serve();
    auto copy = base::MasterKey::fromBytes(this->key->bytes());
    auto medium =
        this->vault->unseal(kms::KeyOffer{*std::move(copy), std::nullopt, std::nullopt, "mock:test"});
    if (!medium) return std::move(medium).error();
    return {};
  }

  // Every client at once, until the power goes or each had `steps` requests.
  template <class Desk>
  void load(Desk& desk, unsigned steps) {
    std::vector<std::thread> threads;
    for (Notes& ledger : ledgers_) {
      threads.emplace_back([&] {
        for (unsigned i = 0; i < steps && !disk_.isCut(); ++i) {
          auto done = ledger.step(desk);
          if (done) continue;
          EXPECT_TRUE(disk_.isCut()) << "refused before the power went: " << done.error().what;
          return;
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }

  static constexpr unsigned kClients = 4;
  const std::uint64_t seed_ = setting("KEYDISK_SEED", std::random_device()(), std::random_device()());
  std::mt19937_64 random_{seed_};
  PowerCut disk_;
  std::vector<Notes> ledgers_;
};

}  // namespace tests
