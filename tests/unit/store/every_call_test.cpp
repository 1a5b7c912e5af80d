// A fault at every single call of SQLite to its files, in turn: each is answered with an error, nothing that
// was confirmed is lost, and the file opens afterwards.
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "kms/store/sqlite_store.h"
#include "tests/support/failing_disk.h"
#include "tests/support/scratch.h"
#include "tests/support/store_rows.h"

namespace tests {
namespace {

using base::Code;
using base::Result;
using Fault = FailingDisk::Fault;

constexpr std::size_t kRow = 20'000;  // bytes, so that a row takes several pages

// A life of a database, whatever fails in it, with what was confirmed.
class Life {
 public:
  Life(std::filesystem::path file, Fault fault) : file_(std::move(file)), fault_(fault) {}

  void live() {
    auto made = kms::createSqliteStore(file_);
    created_ = noted(made);
    if (!created_) return;
    auto store = *std::move(made);
    for (std::int64_t key = 1; key <= 3; ++key) put(*store, key);
    look(*store);
    retireSlot(*store);  // which empties the log into the file
    put(*store, 4);
    store.reset();
    auto again = kms::openSqliteStore(file_);
    if (!noted(again)) return;
    store = *std::move(again);
    put(*store, 5);
    look(*store);
  }

  // With the disk healed.
  void expectSound() {
    auto store = kms::openSqliteStore(file_);
    if (!created_ && !store && store.error().code == Code::NotFound) store = kms::createSqliteStore(file_);
    ASSERT_TRUE(store) << store.error().what;
    const auto keys = tokenKeys(**store);
    const std::set<std::int64_t> found(keys.begin(), keys.end());
    for (const auto key : confirmed_) EXPECT_TRUE(found.contains(key)) << key << " was confirmed and is lost";
    for (const auto key : undone_) EXPECT_FALSE(found.contains(key)) << key << " was refused and is there";
    EXPECT_TRUE((*store)->writeAndWait(putJob(9)));
  }

  bool allDone() const { return created_ && refusals_ == 0; }

 private:
  // A fault must not look like damage, which sends the operator for the backup.
  template <class T>
  bool noted(const Result<T>& result) {
    if (result) return true;
    ++refusals_;
    const base::Error& error = result.error();
    EXPECT_TRUE(error.code == Code::Io || error.code == Code::Unavailable) << error.what;
    EXPECT_NE(error.reason, base::Reason::DatabaseCorrupt) << error.what;
    EXPECT_FALSE(error.what.empty());
    return false;
  }

  void put(kms::Store& store, std::int64_t key) {
    auto done = store.writeAndWait(putJob(key, std::string(kRow, 'x')));
    if (noted(done)) {
      confirmed_.insert(key);
    } else if (fault_ == Fault::Full && done.error().code == Code::Unavailable) {
      undone_.insert(key);  // "free some and try again" leaves nothing open
    }
  }

  void look(kms::Store& store) {
    std::set<std::int64_t> found;
    auto done = store.read([&](kms::StoreReader& reader) -> Result<void> {
      auto rows = reader.list(kms::Table::Tokens, 0, 100);
      if (!rows) return std::move(rows).error();
      for (const auto& row : *rows) found.insert(row.key);
      return {};
    });
    if (!noted(done)) return;
    for (const auto key : confirmed_) EXPECT_TRUE(found.contains(key)) << key << " is not seen";
    for (const auto key : undone_) EXPECT_FALSE(found.contains(key)) << key << " was refused and is seen";
  }

  void retireSlot(kms::Store& store) {
    static_cast<void>(noted(store.writeAndWait([](kms::Txn& txn) {
      return txn.addSlot({7, bytesOf("header"), bytesOf("wrapped")});
    })));
    static_cast<void>(noted(store.writeAndWait([](kms::Txn& txn) { return txn.removeSlot(7); })));
  }

  const std::filesystem::path file_;
  const Fault fault_;
  bool created_ = false;
  unsigned refusals_ = 0;
  std::set<std::int64_t> confirmed_;
  std::set<std::int64_t> undone_;
};

class EveryCall : public ::testing::TestWithParam<Fault> {};

TEST_P(EveryCall, IsRefusedAndLosesNothing) {
  constexpr std::uint64_t kMost = 3000;
  FailingDisk disk;
  for (std::uint64_t n = 1; n < kMost && !HasFailure(); ++n) {
    SCOPED_TRACE("call " + std::to_string(n));
    const Scratch scratch(memoryDirectory());
    Life life(scratch / "kms.db", GetParam());
    disk.failAt(n, GetParam());
    life.live();
    const bool met = disk.failed();
    disk.heal();
    life.expectSound();
    if (met) continue;
    EXPECT_TRUE(life.allDone()) << "with no fault all of it succeeds";
    EXPECT_GT(n, 30U) << "too few calls were met";
    std::cout << "a fault at each of " << n - 1 << " calls\n";
    return;
  }
  EXPECT_TRUE(HasFailure()) << "it has no end";
}

INSTANTIATE_TEST_SUITE_P(
    Faults, EveryCall, ::testing::Values(Fault::Io, Fault::Full, Fault::Gone), [](const auto& fault) {
      return std::string(fault.param == Fault::Io ? "Io" : fault.param == Fault::Full ? "Full" : "Gone");
    });

}  // namespace
}  // namespace tests
