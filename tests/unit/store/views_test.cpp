// Readers keep their view open behind a job. Nobody may notice but by the speed.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"
#include "tests/support/store_rows.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using base::Result;
using kms::StoreReader;
using kms::Table;
using kms::Txn;

class Views : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = kms::createSqliteStore(file_);
    ASSERT_TRUE(made) << made.error().what;
    store_ = *std::move(made);
  }
  void change(const kms::Store::WriteJob& job) {
    auto done = store_->writeAndWait(job);
    EXPECT_TRUE(done) << done.error().what;
  }
  std::uint32_t revisionOf(std::int64_t key) {
    auto seen = store_->get(Table::Tokens, key);
    EXPECT_TRUE(seen) << seen.error().what;
    return seen && seen->row ? seen->row->revision : 0;
  }
  std::uintmax_t logBytes() const { return fs::file_size(file_.string() + "-wal"); }

  Scratch scratch_;
  fs::path file_ = scratch_ / "kms.db";
  std::unique_ptr<kms::Store> store_;
};

// A row that was only inserted tells no watcher, but is there all the same once its writer was answered.
TEST_F(Views, ShowWhatWasAnsweredBefore) {
  for (std::int64_t key = 1; key <= 50; ++key) {
    EXPECT_EQ(revisionOf(key), 0U);
    change([&](Txn& txn) { return txn.insert(Table::Tokens, rowOf(key)); });
    EXPECT_NE(revisionOf(key), 0U);
    EXPECT_NE(revisionOf(key), 0U);
    auto listed = store_->read([&](StoreReader& reader) -> Result<void> {
      auto rows = reader.list(Table::Tokens, 0, 100);
      EXPECT_TRUE(rows && rows->size() == static_cast<std::size_t>(key));
      return {};
    });
    EXPECT_TRUE(listed);
    change([&](Txn& txn) { return txn.setNumber("mark", key); });
    auto marked = store_->read([&](StoreReader& reader) -> Result<void> {
      auto mark = reader.number("mark");
      EXPECT_TRUE(mark && *mark == key);
      return {};
    });
    EXPECT_TRUE(marked);
  }
}

TEST_F(Views, AreNeverOlderThanTheLastAnswer) {
  std::atomic<std::uint32_t> answered{0};
  std::atomic<bool> ended{false};
  change([](Txn& txn) { return txn.put(Table::Tokens, rowOf(1)); });
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!ended) {
        const std::uint32_t before = answered;
        EXPECT_GE(revisionOf(1), before);
      }
    });
  }
  for (std::uint32_t revision = 2; revision < 500; ++revision) {
    change([&](Txn& txn) {
      kms::SealedRow row = rowOf(1);
      row.revision = revision;
      return txn.put(Table::Tokens, row);
    });
    answered = revision;
  }
  ended = true;
  for (auto& reader : readers) reader.join();
}

TEST_F(Views, SurviveAJobThatFails) {
  change([](Txn& txn) { return txn.put(Table::Tokens, rowOf(1)); });
  EXPECT_NE(revisionOf(1), 0U);
  auto failed = store_->read([](StoreReader&) -> Result<void> {
    return base::Error{base::Code::Denied, "no"};
  });
  EXPECT_FALSE(failed);
  EXPECT_NE(revisionOf(1), 0U);
}

// One that nobody asks any more would hold back the log for ever.
TEST_F(Views, LetTheLogBeEmptied) {
  constexpr std::uintmax_t kMegabyte = 1 << 20U;
  EXPECT_EQ(revisionOf(1), 0U);  // leaves a view
  for (std::int64_t key = 1; key <= 400; ++key)
    change([&](Txn& txn) { return txn.put(Table::Tokens, rowOf(key, std::string(200'000, 'x'))); });
  EXPECT_LT(logBytes(), 40 * kMegabyte);  // of 80 that were written
}

// The wrapping of a removed slot leaves the log too, without waiting for readers that have nothing to do.
TEST_F(Views, AreInNobodysWayWhereASlotIsRemoved) {
  change([](Txn& txn) { return txn.addSlot({1, bytesOf("header"), bytesOf("wrapped")}); });
  EXPECT_EQ(revisionOf(1), 0U);
  const auto began = std::chrono::steady_clock::now();
  change([](Txn& txn) { return txn.removeSlot(1); });
  while (logBytes() != 0 && std::chrono::steady_clock::now() - began < std::chrono::seconds(4))
    std::this_thread::yield();
  EXPECT_EQ(logBytes(), 0U);  // SQLite would have waited five seconds for them
}

}  // namespace
}  // namespace tests
