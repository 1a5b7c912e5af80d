// Copies of a database while others read and write it.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using base::Result;
using kms::StoreReader;
using kms::Txn;

class Copies : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = kms::createSqliteStore(scratch_ / "kms.db");
    ASSERT_TRUE(made) << made.error().what;
    store_ = *std::move(made);
  }
  void set(std::int64_t value) {
    auto done = store_->writeAndWait([value](Txn& txn) -> Result<void> {
      if (auto one = txn.setNumber("one", value); !one) return one;
      return txn.setNumber("two", value);
    });
    EXPECT_TRUE(done) << done.error().what;
  }
  // What stands in a new copy, in which both numbers must be the same.
  std::int64_t copied() {
    const auto file = scratch_ / "copy.db";
    auto facts = store_->copyTo(file, never_);
    EXPECT_TRUE(facts) << facts.error().what;
    std::int64_t value = -1;
    {
      auto copy = kms::openSqliteStore(file);
      EXPECT_TRUE(copy) << copy.error().what;
      if (!copy) return value;
      auto read = (*copy)->read([&value](StoreReader& reader) -> Result<void> {
        value = reader.number("one")->value_or(-1);
        EXPECT_EQ(reader.number("two")->value_or(-2), value);
        return {};
      });
      EXPECT_TRUE(read);
    }
    std::filesystem::remove(file);
    return value;
  }

  Scratch scratch_;
  std::unique_ptr<kms::Store> store_;
  const std::atomic<bool> never_ = false;
};

TEST_F(Copies, HoldWhatWasCommittedLast) {
  for (std::int64_t value = 1; value < 5; ++value) {
    set(value);
    EXPECT_EQ(copied(), value);
  }
  EXPECT_EQ(copied(), 4);  // with nothing written since
}

TEST_F(Copies, ShowOneMomentWhileOthersWrite) {
  std::atomic<std::int64_t> last = 0;
  std::atomic<bool> done = false;
  set(0);
  std::thread writer([&] {
    while (!done) {
      set(last + 1);
      ++last;
    }
  });
  for (int i = 0; i < 20; ++i) {
    const std::int64_t before = last;
    const std::int64_t seen = copied();
    EXPECT_GE(seen, before);
    EXPECT_LE(seen, last + 1);
  }
  done = true;
  writer.join();
}

// Whoever reads an earlier state keeps the file from being all of the database; then it goes page by page.
TEST_F(Copies, AreMadeWhileSomebodyReadsAnEarlierState) {
  set(1);
  std::promise<void> reads;
  std::promise<void> ends;
  std::thread reader([&] {
    auto read = store_->read([&](StoreReader& view) -> Result<void> {
      EXPECT_EQ(view.number("one")->value_or(-1), 1);
      reads.set_value();
      ends.get_future().wait();
      EXPECT_EQ(view.number("one")->value_or(-1), 1);
      return {};
    });
    EXPECT_TRUE(read);
  });
  reads.get_future().wait();
  set(2);
  EXPECT_EQ(copied(), 2);
  ends.set_value();
  reader.join();
  EXPECT_EQ(copied(), 2);
}

}  // namespace
}  // namespace tests
