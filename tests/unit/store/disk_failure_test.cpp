#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "kms/store/sqlite_store.h"
#include "tests/support/failing_disk.h"
#include "tests/support/scratch.h"
#include "tests/support/store_rows.h"

namespace tests {
namespace {

using base::Code;
using base::Result;

class DiskFailure : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = kms::createSqliteStore(file_);
    ASSERT_TRUE(made) << made.error().what;
    store_ = *std::move(made);
    ASSERT_TRUE(store_->writeAndWait(putJob(1)));
  }
  void reopen() {
    store_.reset();
    auto opened = kms::openSqliteStore(file_);
    ASSERT_TRUE(opened) << opened.error().what;
    store_ = *std::move(opened);
  }
  FailingDisk disk_;
  Scratch scratch_;
  std::filesystem::path file_ = scratch_ / "kms.db";
  std::unique_ptr<kms::Store> store_;
};

TEST_F(DiskFailure, AFullDiskFailsTheWriteAndNotTheStore) {
  disk_.full(true);
  auto full = store_->writeAndWait(putJob(2));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::Unavailable);
  EXPECT_NE(full.error().what.find("no space"), std::string::npos);
  EXPECT_EQ(tokenKeys(*store_), (std::vector<std::int64_t>{1}));
  disk_.full(false);
  EXPECT_TRUE(store_->writeAndWait(putJob(3)));
  reopen();
  EXPECT_EQ(tokenKeys(*store_), (std::vector<std::int64_t>{1, 3}));
}

TEST_F(DiskFailure, AFailedSyncClosesTheStoreForWritingForGood) {
  disk_.failSyncs(true);
  auto failed = store_->writeAndWait(putJob(2));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::Io);
  disk_.failSyncs(false);
  const auto syncs = disk_.syncs();
  auto later = store_->writeAndWait(putJob(3));
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, Code::Unavailable);
  EXPECT_NE(later.error().what.find("restart"), std::string::npos);
  EXPECT_EQ(tokenKeys(*store_), (std::vector<std::int64_t>{1}));
  store_.reset();
  EXPECT_EQ(disk_.syncs(), syncs);  // closing syncs nothing either
  reopen();
  EXPECT_TRUE(store_->writeAndWait(putJob(4)));
  const auto keys = tokenKeys(*store_);  // 2 was not confirmed; it may be there or not
  EXPECT_EQ(keys.front(), 1);
  EXPECT_EQ(keys.back(), 4);
}

TEST_F(DiskFailure, AFailedWriteClosesTheStoreToo) {
  disk_.failWrites(true);
  auto failed = store_->writeAndWait(putJob(2));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::Io);
  disk_.failWrites(false);
  EXPECT_FALSE(store_->writeAndWait(putJob(3)));
  reopen();
  EXPECT_EQ(tokenKeys(*store_), (std::vector<std::int64_t>{1}));
}

// What waits while the writer is held is one batch: it needs one sync, and fails as a whole.
TEST_F(DiskFailure, ABatchIsOneSyncAndFailsAsOne) {
  for (const bool full : {false, true}) {
    std::promise<void> running;
    std::promise<void> go;
    std::thread first([&] {
      EXPECT_TRUE(store_->writeAndWait([&](kms::Txn&) -> Result<void> {
        running.set_value();
        go.get_future().wait();
        return {};
      }));
    });
    running.get_future().wait();
    std::atomic<int> good = 0;
    std::atomic<int> bad = 0;
    const auto count = [&](Result<void> outcome) { ++(outcome ? good : bad); };
    for (int i = 0; i < 50; ++i) store_->write(putJob(100 + i), count);
    const auto before = disk_.syncs();
    std::atomic<unsigned long> after = 0;
    store_->write([&](kms::Txn&) -> Result<void> { return {}; },
                  [&](Result<void> outcome) {
                    after = disk_.syncs();
                    count(std::move(outcome));
                  });
    disk_.full(full);
    go.set_value();
    first.join();
    reopen();  // ends when all are done
    disk_.full(false);
    EXPECT_EQ(good, full ? 0 : 51);
    EXPECT_EQ(bad, full ? 51 : 0);
    if (!full) {
      EXPECT_EQ(after - before, 1U);
    }
  }
}

}  // namespace
}  // namespace tests
