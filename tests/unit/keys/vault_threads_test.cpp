// The vault under several threads; run with the thread sanitizer too.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/unit/keys/fixture.h"

namespace {

using base::asBytes;
using kms::Table;
using tests::Founded;

struct Threads : ::testing::Test {
  kms::KeyOffer right() const { return f.offer(Founded::kFirst, Founded::kFirst); }
  Founded f;
  kms::Vault vault{*f.store, f.server, base::systemRng()};
};

TEST_F(Threads, OfTwoUnsealingsOneOpensAndOneIsAConflict) {
  auto other = std::async(std::launch::async, [&] { return vault.unseal(right()); });
  const auto mine = vault.unseal(right());
  const auto theirs = other.get();
  ASSERT_NE(static_cast<bool>(mine), static_cast<bool>(theirs));
  EXPECT_EQ((mine ? theirs : mine).error().code, base::Code::Conflict);
  EXPECT_FALSE(vault.sealed());
}

TEST_F(Threads, AWrongAndARightKeyAtOnce) {
  for (int round = 0; round < 4; ++round) {
    auto wrong = std::async(std::launch::async, [&] { return vault.unseal(f.offer(Founded::kFirst, 9)); });
    EXPECT_TRUE(vault.unseal(right()));
    EXPECT_FALSE(wrong.get());
    vault.seal();
  }
}

TEST_F(Threads, SealWaitsForHoldsAndRefusesNewOnes) {
  ASSERT_TRUE(vault.unseal(right()));
  std::optional<kms::Vault::Hold> hold = *vault.hold();
  auto sealing = std::async(std::launch::async, [&] { vault.seal(); });
  // The seal has begun when new holds are refused, while the old one still works.
  const auto by = base::Deadline::in(std::chrono::seconds(20));
  while (vault.hold() && !by.expired()) std::this_thread::yield();
  EXPECT_FALSE(vault.hold());
  EXPECT_TRUE((*hold)->seal(Table::Users, 1, 1, asBytes("still open")));
  EXPECT_EQ(sealing.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  hold.reset();
  ASSERT_EQ(sealing.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_TRUE(vault.sealed());
}

// A store whose first write waits until it is told to go on.
struct GatedStore final : kms::Store {
  explicit GatedStore(kms::Store& behind) : store(behind) {}
  base::Result<void> read(const ReadJob& job) override { return store.read(job); }
  void write(WriteJob job, Done done) override {
    reached.set_value();
    go.get_future().wait();
    store.write(std::move(job), std::move(done));
  }
  kms::Store& store;
  std::promise<void> reached;
  std::promise<void> go;
};

// seal() during an unsealing wins: it returns when no key is left, and the unsealing fails.
TEST_F(Threads, SealEndsAnUnsealingUnderWay) {
  GatedStore gated(*f.store);
  kms::Vault slow(gated, f.server, base::systemRng());
  auto unsealing = std::async(std::launch::async, [&] { return slow.unseal(right()); });
  gated.reached.get_future().wait();
  auto sealing = std::async(std::launch::async, [&] { slow.seal(); });
  // It must not be back while the unsealing holds keys.
  EXPECT_EQ(sealing.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  gated.go.set_value();
  const auto opened = unsealing.get();
  sealing.get();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, base::Reason::SealedByCommand);
  EXPECT_TRUE(slow.sealed());
}

TEST_F(Threads, ReadersAndWritersWhileItSealsAndUnseals) {
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> worked{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::optional<kms::SealedRow> last;
      while (!stop) {
        const auto hold = vault.hold();
        if (!hold) {
          std::this_thread::yield();
          continue;
        }
        kms::OpenKeys& keys = **hold;
        if (last) {
          EXPECT_TRUE(keys.open(Table::Users, *last));
        }
        last = *keys.seal(Table::Users, t, 1, asBytes("row"));
        EXPECT_EQ(keys.sequenceOf(keys.accessor(t)), t);
        EXPECT_EQ(keys.tokenMac(asBytes("t")), keys.tokenMac(asBytes("t")));
        ++worked;
      }
    });
  for (int round = 0; round < 6; ++round) {
    ASSERT_TRUE(vault.unseal(right()));
    const std::uint64_t before = worked;
    const auto by = base::Deadline::in(std::chrono::seconds(20));
    while (worked < before + 200 && !by.expired()) std::this_thread::yield();
    EXPECT_GE(worked, before + 200);
    vault.seal();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
