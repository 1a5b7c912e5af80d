// The process is killed in the middle of writes; every change that was confirmed is there afterwards, whole.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "hal/base/fd.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"
#include "tests/support/store_rows.h"

namespace tests {
namespace {

constexpr int kWriters = 4;

// Writes pairs of rows from several threads until it is killed; sends each key down the pipe once confirmed.
[[noreturn]] void writeForever(const std::filesystem::path& file, int pipe, std::int64_t from) {
  auto store = kms::openSqliteStore(file);
  if (!store) ::_exit(1);
  std::vector<std::thread> threads;
  for (int t = 0; t < kWriters; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t key = from + t;; key += kWriters) {
        auto done = (*store)->writeAndWait([key](kms::Txn& txn) -> base::Result<void> {
          auto put = txn.put(kms::Table::Tokens, rowOf(key, std::to_string(key)));
          return put ? txn.put(kms::Table::Users, rowOf(key)) : put;
        });
        if (!done || ::write(pipe, &key, sizeof key) != sizeof key) ::_exit(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ::_exit(1);
}

// The keys that a killed child had confirmed.
std::vector<std::int64_t> killWhileWriting(const std::filesystem::path& file, std::int64_t from,
                                           std::size_t atLeast) {
  int ends[2] = {-1, -1};
  if (::pipe(ends) != 0) return {};
  const base::Fd in(ends[0]);
  base::Fd out(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) writeForever(file, out.get(), from);
  out.reset();
  std::vector<std::int64_t> keys;
  std::int64_t key = 0;
  while (::read(in.get(), &key, sizeof key) == sizeof key) {
    keys.push_back(key);
    if (keys.size() == atLeast) ::kill(child, SIGKILL);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child failed by itself";
  return keys;
}

void expectAll(const std::filesystem::path& file, const std::vector<std::int64_t>& confirmed) {
  auto store = kms::openSqliteStore(file);
  ASSERT_TRUE(store) << store.error().what;
  auto done = (*store)->read([&](kms::StoreReader& reader) -> base::Result<void> {
    for (const auto key : confirmed) {
      auto row = reader.get(kms::Table::Tokens, key);
      EXPECT_TRUE(row && *row && (*row)->sealed == bytesOf(std::to_string(key))) << key;
    }
    auto tokens = reader.list(kms::Table::Tokens, -1, 1'000'000);
    auto users = reader.list(kms::Table::Users, -1, 1'000'000);
    EXPECT_TRUE(tokens && users && tokens->size() == users->size());
    return {};
  });
  EXPECT_TRUE(done);
}

TEST(Crash, WhatWasConfirmedSurvivesKills) {
  const Scratch scratch;
  const auto file = scratch / "kms.db";
  ASSERT_TRUE(kms::createSqliteStore(file));
  std::vector<std::int64_t> confirmed;
  for (int round = 0; round < 10; ++round) {
    SCOPED_TRACE(round);
    const auto keys =
        killWhileWriting(file, (round + 1) * 1'000'000, 5 + static_cast<std::size_t>(round) * 13);
    ASSERT_FALSE(keys.empty());
    confirmed.insert(confirmed.end(), keys.begin(), keys.end());
    expectAll(file, confirmed);
  }
}

// With its log gone the database is an older state or damaged, and says so; it never invents rows.
TEST(Crash, ALostLogLosesOnlyWhatWasInIt) {
  const Scratch scratch;
  const auto file = scratch / "kms.db";
  {
    auto made = kms::createSqliteStore(file);
    ASSERT_TRUE(made && (*made)->writeAndWait(putJob(1)));
  }
  ASSERT_FALSE(killWhileWriting(file, 1000, 20).empty());
  ASSERT_TRUE(std::filesystem::remove(file.string() + "-wal"));
  auto opened = kms::openSqliteStore(file);
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_EQ(tokenKeys(**opened), (std::vector<std::int64_t>{1}));
}

}  // namespace
}  // namespace tests
