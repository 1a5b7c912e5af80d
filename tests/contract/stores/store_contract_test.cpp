// What every Store keeps to, whatever it stands on: rows and look-ups, then jobs and their ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/contract/stores/store_fixture.h"
#include "tests/support/store_rows.h"

namespace tests {
namespace {

using base::Code;
using base::Error;
using base::Result;
using kms::Index;
using kms::StoreReader;
using kms::Table;
using kms::Txn;

class StoreContract : public ::testing::TestWithParam<NamedFixture> {
 protected:
  void SetUp() override {
    fixture_ = GetParam().make();
    auto made = fixture_->create();
    ASSERT_TRUE(made) << made.error().what;
    store_ = *std::move(made);
  }
  void reopen() {
    store_.reset();
    auto opened = fixture_->open();
    ASSERT_TRUE(opened) << opened.error().what;
    store_ = *std::move(opened);
  }
  // A job made of expectations.
  void change(const std::function<void(Txn&)>& job) {
    auto done = store_->writeAndWait([&](Txn& txn) -> Result<void> {
      job(txn);
      return {};
    });
    EXPECT_TRUE(done) << done.error().what;
  }
  void look(const std::function<void(StoreReader&)>& job) {
    auto done = store_->read([&](StoreReader& reader) -> Result<void> {
      job(reader);
      return {};
    });
    EXPECT_TRUE(done) << done.error().what;
  }
  std::uint64_t asOf() {
    auto seen = store_->get(Table::Tokens, 1);
    EXPECT_TRUE(seen);
    return seen ? seen->asOf : 0;
  }
  std::unique_ptr<StoreFixture> fixture_;
  std::unique_ptr<kms::Store> store_;
};

TEST_P(StoreContract, KeepsEveryFieldOfARowInItsTable) {
  constexpr Table kTables[] = {Table::Keyring, Table::Users, Table::Tokens};
  for (const Table table : kTables) {
    change([&](Txn& txn) {
      kms::SealedRow row{7, std::numeric_limits<std::uint32_t>::max(), 3,
                         4, std::numeric_limits<std::uint64_t>::max(), bytesOf(std::string("a\0b", 3))};
      row.generation += static_cast<std::uint32_t>(table);
      EXPECT_TRUE(txn.put(table, row));
    });
  }
  reopen();
  look([&](StoreReader& reader) {
    for (const Table table : kTables) {
      auto row = reader.get(table, 7);
      ASSERT_TRUE(row && *row);
      EXPECT_EQ((*row)->key, 7);
      EXPECT_EQ((*row)->revision, std::numeric_limits<std::uint32_t>::max());
      EXPECT_EQ((*row)->generation, 3 + static_cast<std::uint32_t>(table));
      EXPECT_EQ((*row)->epoch, 4);
      EXPECT_EQ((*row)->counter, std::numeric_limits<std::uint64_t>::max());
      EXPECT_EQ((*row)->sealed, bytesOf(std::string("a\0b", 3)));
      auto none = reader.get(table, 8);
      EXPECT_TRUE(none && !*none);
    }
  });
}

TEST_P(StoreContract, ReplacesErasesAndListsByKey) {
  change([](Txn& txn) {
    for (const std::int64_t key : {5, 1, 9, 3}) EXPECT_TRUE(txn.put(Table::Tokens, rowOf(key)));
    EXPECT_TRUE(txn.put(Table::Tokens, rowOf(5, "again")));
    EXPECT_TRUE(txn.erase(Table::Tokens, 9));
    EXPECT_TRUE(txn.erase(Table::Tokens, 1000));
  });
  look([](StoreReader& reader) {
    auto page = reader.list(Table::Tokens, 1, 5);
    ASSERT_TRUE(page);
    ASSERT_EQ(page->size(), 2U);
    EXPECT_EQ((*page)[0].key, 3);
    EXPECT_EQ((*page)[1].key, 5);
    EXPECT_EQ((*page)[1].sealed, bytesOf("again"));
    auto one = reader.list(Table::Tokens, 0, 1);
    ASSERT_TRUE(one && one->size() == 1);
    EXPECT_EQ((*one)[0].key, 1);
    auto users = reader.list(Table::Users, 0, 5);
    EXPECT_TRUE(users && users->empty());
  });
}

TEST_P(StoreContract, BindsAMacOnceAnIndex) {
  const auto mac = bytesOf("0123456789abcdef0123456789abcdef");
  change([&](Txn& txn) {
    EXPECT_TRUE(txn.bind(Index::UserName, mac, 11));
    EXPECT_TRUE(txn.bind(Index::UserUid, mac, 12));
    auto again = txn.bind(Index::UserName, mac, 13);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::Conflict);
  });
  change([&](Txn& txn) { EXPECT_TRUE(txn.unbind(Index::UserUid, mac)); });
  look([&](StoreReader& reader) {
    auto name = reader.find(Index::UserName, mac);
    ASSERT_TRUE(name && *name);
    EXPECT_EQ(**name, 11);
    auto uid = reader.find(Index::UserUid, mac);
    EXPECT_TRUE(uid && !*uid);
  });
}

TEST_P(StoreContract, FilesTokensByUser) {
  change([](Txn& txn) {
    EXPECT_TRUE(txn.fileTokens({{2, 30}, {1, 20}, {2, 10}, {2, 20}}));
    EXPECT_TRUE(txn.fileTokens({{2, 10}, {2, 40}}));
    EXPECT_TRUE(txn.unfileToken(2, 30));
  });
  look([](StoreReader& reader) {
    auto tokens = reader.tokensOf(2, 10, 10);
    ASSERT_TRUE(tokens);
    EXPECT_EQ(*tokens, (std::vector<std::int64_t>{20, 40}));
    auto first = reader.tokensOf(2, 0, 1);
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, (std::vector<std::int64_t>{10}));
  });
}

TEST_P(StoreContract, KeepsSlotsEpochsAndNumbers) {
  std::int64_t first = 0;
  change([&](Txn& txn) {
    EXPECT_TRUE(txn.addSlot({2, bytesOf("h2"), bytesOf("w2")}));
    EXPECT_TRUE(txn.addSlot({1, bytesOf("h1"), bytesOf("w1")}));
    auto twice = txn.addSlot({1, bytesOf("x"), bytesOf("y")});
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, Code::Conflict);
    auto id = txn.addEpoch(bytesOf("salt"));
    ASSERT_TRUE(id);
    first = *id;
    EXPECT_TRUE(txn.setNumber("next", 5));
    EXPECT_TRUE(txn.setNumber("next", -6));
  });
  reopen();
  change([&](Txn& txn) {
    EXPECT_TRUE(txn.removeSlot(2));
    auto id = txn.addEpoch(bytesOf("pepper"));
    ASSERT_TRUE(id);
    EXPECT_GT(*id, first);
  });
  look([&](StoreReader& reader) {
    auto slots = reader.slots();
    ASSERT_TRUE(slots && slots->size() == 1);
    EXPECT_EQ((*slots)[0].header, bytesOf("h1"));
    EXPECT_EQ((*slots)[0].wrapped, bytesOf("w1"));
    auto epoch = reader.epoch(first);
    ASSERT_TRUE(epoch && *epoch);
    EXPECT_EQ((*epoch)->salt, bytesOf("salt"));
    auto next = reader.number("next");
    ASSERT_TRUE(next && *next);
    EXPECT_EQ(**next, -6);
    auto other = reader.number("other");
    EXPECT_TRUE(other && !*other);
  });
}

TEST_P(StoreContract, NeverGivesAnOutboxNumberTwice) {
  for (const char* entry : {"a", "b", "c"})
    change([&](Txn& txn) { EXPECT_TRUE(txn.appendAudit(bytesOf(entry))); });
  std::int64_t last = 0;
  look([&](StoreReader& reader) {
    auto two = reader.outbox(2);
    ASSERT_TRUE(two && two->size() == 2);
    EXPECT_EQ((*two)[0].entry, bytesOf("a"));
    auto all = reader.outbox(10);
    ASSERT_TRUE(all && all->size() == 3);
    EXPECT_LT((*all)[1].sequence, (*all)[2].sequence);
    last = (*all)[2].sequence;
  });
  change([&](Txn& txn) { EXPECT_TRUE(txn.dropAudit(last)); });
  reopen();
  change([](Txn& txn) { EXPECT_TRUE(txn.appendAudit(bytesOf("d"))); });
  look([&](StoreReader& reader) {
    auto all = reader.outbox(10);
    ASSERT_TRUE(all && all->size() == 1);
    EXPECT_GT((*all)[0].sequence, last);
  });
}

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

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, ::testing::ValuesIn(storeFixtures()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tests
