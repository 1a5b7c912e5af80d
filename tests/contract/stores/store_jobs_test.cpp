// What every Store keeps to: jobs, what they undo, and who is told.
#include <atomic>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "tests/contract/stores/store_contract.h"

namespace tests {
namespace {

using base::Code;
using base::Error;
using base::Result;
using kms::StoreReader;
using kms::Table;
using kms::Txn;

TEST_P(StoreContract, UndoesAJobThatFailsOrThrows) {
  auto failed = store_->writeAndWait([](Txn& txn) -> Result<void> {
    EXPECT_TRUE(txn.put(Table::Tokens, rowOf(1)));
    return Error{Code::Denied, "no"};
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::Denied);
  auto threw = store_->writeAndWait([](Txn& txn) -> Result<void> {
    EXPECT_TRUE(txn.put(Table::Tokens, rowOf(2)));
    throw std::runtime_error("thrown");
  });
  ASSERT_FALSE(threw);
  EXPECT_EQ(threw.error().code, Code::Internal);
  auto reading = store_->read([](StoreReader&) -> Result<void> { throw 1; });
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code, Code::Internal);
  EXPECT_TRUE(tokenKeys(*store_).empty());
  EXPECT_TRUE(store_->writeAndWait(putJob(3)));
  EXPECT_EQ(tokenKeys(*store_), (std::vector<std::int64_t>{3}));
}

TEST_P(StoreContract, AReadSeesOneStateAndAJobItsOwnChanges) {
  look([&](StoreReader& reader) {
    auto before = reader.list(Table::Tokens, -1, 10);
    EXPECT_TRUE(before && before->empty());
    std::thread([&] { EXPECT_TRUE(store_->writeAndWait(putJob(1))); }).join();
    auto after = reader.list(Table::Tokens, -1, 10);
    EXPECT_TRUE(after && after->empty());
  });
  change([](Txn& txn) {
    EXPECT_TRUE(txn.put(Table::Tokens, rowOf(2)));
    auto row = txn.get(Table::Tokens, 2);
    EXPECT_TRUE(row && *row);
  });
  EXPECT_EQ(tokenKeys(*store_), (std::vector<std::int64_t>{1, 2}));
}

// The first write holds the writer until all others wait, so that they share a batch.
TEST_P(StoreContract, InABatchOnlyTheFailingJobsAreUndone) {
  std::promise<void> running;
  std::promise<void> go;
  std::thread first([&] {
    EXPECT_TRUE(store_->writeAndWait([&](Txn&) -> Result<void> {
      running.set_value();
      go.get_future().wait();
      return {};
    }));
  });
  running.get_future().wait();
  std::mutex mutex;
  std::vector<int> order;
  std::vector<bool> good;
  std::promise<void> all;
  for (int i = 0; i < 20; ++i) {
    store_->write(
        [i](Txn& txn) -> Result<void> {
          EXPECT_TRUE(txn.put(Table::Tokens, rowOf(i)));
          EXPECT_TRUE(txn.appendAudit(bytesOf("entry " + std::to_string(i))));
          if (i % 3 == 1) return Error{Code::Denied, "no"};
          return {};
        },
        [&, i](Result<void> outcome) {
          const std::lock_guard lock(mutex);
          order.push_back(i);
          good.push_back(bool(outcome));
          if (order.size() == 20) all.set_value();
        });
  }
  go.set_value();
  all.get_future().wait();
  first.join();
  reopen();  // the writer has left `all`
  std::vector<std::int64_t> kept;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(good[static_cast<std::size_t>(i)], i % 3 != 1);
    if (i % 3 != 1) kept.push_back(i);
  }
  EXPECT_EQ(tokenKeys(*store_), kept);
  std::vector<std::string> entries;
  for (const std::int64_t key : kept) entries.push_back("entry " + std::to_string(key));
  EXPECT_EQ(auditLines(*store_), entries);
}

// Nothing of a job that failed may stay, and none of those before and after it may be lost, whether they had
// changed something by then or not.
TEST_P(StoreContract, EachJobOfABatchThatIsRunAgainCountsOnce) {
  change([](Txn& txn) { EXPECT_TRUE(txn.setNumber("count", 100)); });
  std::promise<void> running;
  std::promise<void> go;
  std::thread first([&] {
    EXPECT_TRUE(store_->writeAndWait([&](Txn&) -> Result<void> {
      running.set_value();
      go.get_future().wait();
      return {};
    }));
  });
  running.get_future().wait();
  std::vector<std::int64_t> seen(12, 0);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    store_->write(
        [&seen, i](Txn& txn) -> Result<void> {
          if (i == 2) return Error{Code::Denied, "no, before anything was changed"};
          auto count = txn.number("count");
          EXPECT_TRUE(count && *count);
          seen[i] = **count + 1;
          EXPECT_TRUE(txn.setNumber("count", seen[i]));
          EXPECT_TRUE(txn.appendAudit(bytesOf(std::to_string(seen[i]))));
          if (i == 5 || i == 11) return Error{Code::Denied, "no"};
          return {};
        },
        [](Result<void>) {});
  }
  go.set_value();
  first.join();
  reopen();
  EXPECT_EQ(seen, (std::vector<std::int64_t>{101, 102, 0, 103, 104, 105, 105, 106, 107, 108, 109, 110}));
  look([](StoreReader& reader) {
    auto count = reader.number("count");
    EXPECT_TRUE(count && *count == 109);
  });
  EXPECT_EQ(auditLines(*store_),
            (std::vector<std::string>{"101", "102", "103", "104", "105", "106", "107", "108", "109"}));
}

TEST_P(StoreContract, InsertsOnlyWhatIsNotThere) {
  change([](Txn& txn) {
    EXPECT_TRUE(txn.insert(Table::Tokens, rowOf(1, "first")));
    auto again = txn.insert(Table::Tokens, rowOf(1, "second"));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::Conflict);
  });
  auto seen = store_->get(Table::Tokens, 1);
  ASSERT_TRUE(seen && seen->row);
  EXPECT_EQ(seen->row->sealed, bytesOf("first"));
  auto none = store_->get(Table::Tokens, 2);
  EXPECT_TRUE(none && !none->row);
}

class Watching final : public kms::RowWatcher {
 public:
  void changing(Table table, std::int64_t key, std::uint64_t at) noexcept override {
    const std::lock_guard lock(mutex);
    open.emplace_back(table, key);
    last = at;
  }
  void settled(std::uint64_t at) noexcept override {
    const std::lock_guard lock(mutex);
    closed = std::exchange(open, {});
    last = at;
  }
  std::mutex mutex;
  std::vector<std::pair<Table, std::int64_t>> open;
  std::vector<std::pair<Table, std::int64_t>> closed;
  std::uint64_t last = 0;
};

// `done` comes after settled(), and every view says truly which changes it can know.
TEST_P(StoreContract, TellsItsWatchersOfRowsThatAreReplacedOrErased) {
  const auto watching = std::make_shared<Watching>();
  if (!store_->watch(watching)) {
    EXPECT_EQ(asOf(), 0U);  // nothing may be kept
    return;
  }
  change([](Txn& txn) {
    EXPECT_EQ(txn.asOf(), StoreReader::kLatest);
    EXPECT_TRUE(txn.insert(Table::Tokens, rowOf(1)));
    EXPECT_TRUE(txn.put(Table::Users, rowOf(2)));
  });
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(watching->mutex);
    EXPECT_TRUE(watching->open.empty());
    EXPECT_EQ(watching->closed, (std::vector<std::pair<Table, std::int64_t>>{{Table::Users, 2}}));
    EXPECT_EQ(watching->last, asOf());
    before = watching->last;
  }
  look([&](StoreReader& reader) {
    EXPECT_EQ(reader.asOf(), before);
    change([](Txn& txn) { EXPECT_TRUE(txn.erase(Table::Tokens, 1)); });
    EXPECT_EQ(reader.asOf(), before);
    EXPECT_GT(asOf(), before);
  });
  auto undone = store_->writeAndWait([](Txn& txn) -> Result<void> {
    EXPECT_TRUE(txn.put(Table::Users, rowOf(3)));
    return Error{Code::Denied, "no"};
  });
  EXPECT_FALSE(undone);
  const std::lock_guard lock(watching->mutex);
  EXPECT_TRUE(watching->open.empty());
  EXPECT_EQ(watching->closed, (std::vector<std::pair<Table, std::int64_t>>{{Table::Users, 3}}));
}

TEST_P(StoreContract, DoneMayWriteAndMayThrow) {
  std::promise<void> end;
  std::function<void(int)> next = [&](int key) {
    store_->write(putJob(key), [&, key](Result<void> outcome) {
      EXPECT_TRUE(outcome);
      if (key < 500) {
        next(key + 1);
      } else {
        end.set_value();
      }
      throw std::runtime_error("from done");
    });
  };
  next(1);
  end.get_future().wait();
  reopen();  // the writer has left `end`
  EXPECT_EQ(tokenKeys(*store_).size(), 500U);
}

TEST_P(StoreContract, TheEndRunsWhatWaits) {
  std::atomic<int> done = 0;
  for (int i = 0; i < 200; ++i) {
    store_->write(putJob(i), [&](Result<void> outcome) { done += outcome ? 1 : 1000; });
  }
  reopen();
  EXPECT_EQ(done, 200);
  EXPECT_EQ(tokenKeys(*store_).size(), 200U);
}

TEST_P(StoreContract, ManyThreadsReadAndWrite) {
  constexpr int kThreads = 12;
  constexpr int kEach = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::int64_t key = t * kEach + i;
        EXPECT_TRUE(store_->writeAndWait(putJob(key)));
        look([&](StoreReader& reader) {
          auto row = reader.get(Table::Tokens, key);
          EXPECT_TRUE(row && *row);
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(tokenKeys(*store_).size(), static_cast<std::size_t>(kThreads * kEach));
}

}  // namespace
}  // namespace tests
