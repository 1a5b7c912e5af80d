// The log's thread and its gate, over real files: what is told comes into them, and where it cannot, changes
// are refused until it can.
#include <sys/mount.h>

#include <thread>

#include "kms/audit/gated_store.h"
#include "tests/unit/audit/log_bench.h"

namespace tests {
namespace {

using base::Deadline;
using base::Reason;

constexpr std::chrono::seconds kSoon{30};

template <class Condition>
bool soon(Condition condition) {
  for (const auto by = Deadline::in(kSoon); !by.expired(); std::this_thread::yield())
    if (condition()) return true;
  return condition();
}

class AuditLogTest : public LogBench {
 protected:
  void SetUp() override { gated.emplace(*store); }
  // Also where an assertion has failed; the log first, which has its file open.
  void TearDown() override {
    log.reset();
    if (mounted) {
      EXPECT_EQ(::umount2(options.directory.c_str(), MNT_DETACH), 0);
    }
  }
  void start() {
    kms::AuditEvents events;
    events.closed = [this](const base::Error& why) {
      const std::lock_guard lock(mutex);
      closed.push_back(why.what);
    };
    events.opened = [this] { ++opened; };
    log.emplace(*store, mac, options, clock, std::move(events));
    gated->attach(&*log);
  }
  void startOpen() {
    start();
    const auto sound = log->unsealed("");
    ASSERT_TRUE(sound) << sound.error().what;
    ASSERT_FALSE(log->refuses());
  }
  base::Result<void> change(int i) {
    return gated->writeAndWait([&](kms::Txn& txn) {
      return kms::record(txn, clock.now(), {kms::Event::UserAdded, "uid 0", "u" + std::to_string(i), ""});
    });
  }
  std::vector<std::string> closings() {
    const std::lock_guard lock(mutex);
    return closed;
  }

  bool mounted = false;
  std::mutex mutex;
  std::vector<std::string> closed;
  std::atomic<int> opened = 0;
  std::optional<kms::GatedStore> gated;
  std::optional<kms::AuditLog> log;
};

TEST_F(AuditLogTest, WhatIsCommittedComesIntoTheFilesByItself) {
  startOpen();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(change(i));
  EXPECT_TRUE(soon([&] { return waiting() == 0; }));
  EXPECT_EQ(log->health().waiting, 0U);
  EXPECT_FALSE(log->health().refuses);
  log->stop();
  EXPECT_EQ(log->health().lines, head().number);
  expectWhole(20);
  EXPECT_TRUE(closings().empty());
}

TEST_F(AuditLogTest, AFlushReturnsWhenAllIsThere) {
  options.flushEvery = std::chrono::hours(1);
  startOpen();
  ASSERT_TRUE(change(0));
  const auto head = log->flush(Deadline::in(kSoon));
  ASSERT_TRUE(head) << head.error().what;
  EXPECT_EQ(waiting(), 0U);
  ASSERT_TRUE(change(1));
  log->stop();
  EXPECT_EQ(waiting(), 0U) << "the end writes what is left";
  EXPECT_FALSE(log->flush(Deadline::in(kSoon)));
}

TEST_F(AuditLogTest, SealingEndsWithACheckpointAndWhatFollowsIsMarked) {
  startOpen();
  ASSERT_TRUE(change(0));
  log->sealing();
  open = false;
  EXPECT_TRUE(kms::parseAuditLine(lines(1).back())->checkpoint);
  tell(1, 1);
  ASSERT_TRUE(log->flush(Deadline::in(kSoon)));
  EXPECT_TRUE(kms::parseAuditLine(lines(1).back())->sealed);
  open = true;
  tell(1, 2);
  ASSERT_TRUE(log->flush(Deadline::in(kSoon)));
  EXPECT_TRUE(kms::parseAuditLine(lines(1).back())->sealed) << "not yet verified";
  ASSERT_TRUE(log->unsealed(""));
  log->stop();
  expectWhole(3);
  EXPECT_EQ(verify().sealedLines, 2);
}

TEST_F(AuditLogTest, ThreadsThatWriteMeanwhile) {
  options.segmentMost = 20'000;
  options.checkpointEvery = 50;
  startOpen();
  std::vector<std::thread> threads;
  std::atomic<int> next = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) EXPECT_TRUE(change(next++));
    });
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(log->flush(Deadline::in(kSoon)));
    static_cast<void>(log->health());
  }
  for (auto& thread : threads) thread.join();
  log->stop();
  std::vector<std::string> told;
  const auto report = verify(&told);
  EXPECT_EQ(report.problemCount, 0);
  EXPECT_GT(report.segments, 3);
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()).size(), 400U);
  EXPECT_EQ(told.size(), 400U);
}

// A file system of 1 MB is full: changes are refused with the file and the reason, until there is room.
TEST_F(AuditLogTest, AFullDiskShutsTheGateUntilThereIsRoom) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
  std::filesystem::create_directory(options.directory);
  std::filesystem::permissions(options.directory, std::filesystem::perms(0700));
  if (::mount("tmpfs", options.directory.c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0)
    GTEST_SKIP() << "no tmpfs can be mounted here";
  mounted = true;
  {
    startOpen();
    ASSERT_TRUE(change(0));
    ASSERT_TRUE(log->flush(Deadline::in(kSoon)));
    std::ofstream(options.directory / "filler", std::ios::binary) << std::string(2U << 20U, 'x');
    int told = 1;
    EXPECT_TRUE(soon([&] { return !change(told) || (++told, false); }));
    const auto refused = change(told);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::AuditUnwritable);
    EXPECT_NE(refused.error().what.find("000001.jsonl"), std::string::npos) << refused.error().what;
    EXPECT_NE(refused.error().what.find("No space left"), std::string::npos) << refused.error().what;
    EXPECT_TRUE(gated->read([](kms::StoreReader& r) -> base::Result<void> {
      static_cast<void>(r.outbox(1));
      return {};
    })) << "reading is not refused";
    EXPECT_TRUE(log->health().refuses);
    log->sealing();  // returns, though nothing can be written
    ASSERT_TRUE(log->unsealed("")) << "opens, though nothing can be written";
    EXPECT_EQ(closings().size(), 1U) << "told once";
    std::filesystem::remove(options.directory / "filler");
    EXPECT_TRUE(soon([&] { return !log->refuses(); }));
    EXPECT_TRUE(soon([&] { return opened == 1; }));
    ASSERT_TRUE(change(told));
    log->stop();
    expectWhole(told + 1);
  }
}

TEST_F(AuditLogTest, ADirectoryThatCannotBeMadeShutsTheGate) {
  writeAll(options.directory, "a file is in its place");
  start();
  EXPECT_TRUE(soon([&] { return !closings().empty(); }));
  EXPECT_FALSE(change(0));
  std::filesystem::remove(options.directory);
  EXPECT_TRUE(soon([&] { return !log->refuses(); }));
  EXPECT_TRUE(change(0));
}

// A store whose writer hangs holds the log's thread; the watcher sees it all the same.
class SlowStore final : public kms::Store {
 public:
  explicit SlowStore(kms::Store& inner) : inner_(inner) {}
  base::Result<void> read(const ReadJob& job) override { return inner_.read(job); }
  void write(WriteJob job, Done done) override {
    while (hang) std::this_thread::yield();
    inner_.write(std::move(job), std::move(done));
  }
  std::atomic<bool> hang = false;

 private:
  kms::Store& inner_;
};

TEST_F(AuditLogTest, AThreadThatHangsIsSeenByItsLag) {
  options.lagMost = std::chrono::milliseconds(40);
  SlowStore slow(*store);
  kms::AuditLog hung(slow, mac, options, clock, {});
  ASSERT_TRUE(soon([&] { return !hung.refuses(); }));
  slow.hang = true;
  tell(1);
  EXPECT_TRUE(soon([&] { return hung.refuses(); }));
  EXPECT_NE(hung.refusal().what.find("lags behind"), std::string::npos) << hung.refusal().what;
  EXPECT_EQ(hung.refusal().reason, Reason::AuditUnwritable);
  slow.hang = false;
  EXPECT_TRUE(soon([&] { return !hung.refuses(); }));
  hung.stop();
}

TEST_F(AuditLogTest, ABrokenLogStaysShutUntilSomebodyAccepts) {
  startOpen();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(change(i));
  log->stop();
  log.reset();
  replaceIn(file(1), "\"u1\"", "\"x1\"");
  start();
  const auto broken = log->unsealed("");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().reason, Reason::AuditBroken);
  // Its head can be written, so each round goes well; the gate stays shut all the same.
  for (int round = 0; round < 3; ++round) EXPECT_TRUE(log->flush(Deadline::in(kSoon)));
  EXPECT_TRUE(log->refuses());
  EXPECT_EQ(opened, 0);
  const auto refused = change(3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::AuditBroken);
  ASSERT_TRUE(log->broken());
  ASSERT_TRUE(log->unsealed("uid 0"));
  EXPECT_FALSE(log->broken());
  EXPECT_TRUE(soon([&] { return !log->refuses(); }));
  ASSERT_TRUE(change(3));
  log->stop();
  log.reset();
  start();
  EXPECT_TRUE(log->unsealed("")) << "accepted once is enough";
  log->stop();
  for (const auto& problem : verify().problems) EXPECT_NE(problem.accepted, "");
}

// The newest file goes while the log is written: no disk is to blame, and what was lost is said.
TEST_F(AuditLogTest, AFileDeletedMeanwhileIsABrokenLog) {
  startOpen();
  ASSERT_TRUE(change(0));
  ASSERT_TRUE(log->flush(Deadline::in(kSoon)));
  std::filesystem::rename(file(1), scratch / "1");
  ASSERT_TRUE(soon([&] { return log->broken().has_value(); })) << "nothing has to be written for that";
  const auto refused = change(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::AuditBroken);
  EXPECT_NE(refused.error().what.find("000001.jsonl was deleted or moved away while the server ran"),
            std::string::npos)
      << refused.error().what;
  EXPECT_NE(refused.error().what.find("kmsctl unseal"), std::string::npos);
  EXPECT_EQ(refused.error().what.find("free or mend"), std::string::npos) << refused.error().what;
  std::filesystem::rename(scratch / "1", file(1));
  ASSERT_TRUE(log->flush(Deadline::in(kSoon)));
  EXPECT_TRUE(log->refuses()) << "until it is verified";
  ASSERT_TRUE(log->unsealed(""));
  EXPECT_TRUE(soon([&] { return !log->refuses(); }));
  ASSERT_TRUE(change(1));
  log->stop();
  expectWhole(2);
}

// What a reading of the whole log finds is not forgotten by a restart, which reads the last lines only.
TEST_F(AuditLogTest, WhatAWholeReadingFindsKeepsItShut) {
  startOpen();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(change(i));
  log->sealing();
  log->stop();
  log.reset();
  const std::string good = readAll(file(1));
  replaceIn(file(1), "\"u1\"", "\"x1\"");
  startOpen();
  const auto report = verify();
  ASSERT_TRUE(report.broken());
  const auto why = log->foundBroken(report);
  EXPECT_EQ(why.reason, Reason::AuditBroken);
  EXPECT_NE(why.what.find("000001.jsonl, line "), std::string::npos) << why.what;
  EXPECT_FALSE(change(3));
  EXPECT_EQ(closings().size(), 1U);
  log->stop();
  log.reset();
  start();
  const auto again = log->unsealed("");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, Reason::AuditBroken);
  const std::string now = readAll(file(1));
  writeAll(file(1), good + now.substr(good.size()));
  EXPECT_TRUE(log->unsealed("")) << "the right line is back";
  ASSERT_TRUE(soon([&] { return !log->refuses(); }));
  log->stop();
  EXPECT_EQ(verify().problemCount, 0);
}

TEST_F(AuditLogTest, WithoutALogNothingIsChanged) {
  const auto refused = change(0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::AuditUnwritable);
}

// Opening reads from the last checkpoint on, so the length of the log does not count.
TEST_F(AuditLogTest, ALongLogIsVerifiedFromItsLastCheckpoint) {
  std::string many;
  for (int i = 0; i < 1'000; ++i)
    many +=
        (many.empty() ? "" : "\n") + kms::auditText(clock.now(), {kms::Event::UserAdded, "uid 0", "u", ""});
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(store->writeAndWait([&](kms::Txn& txn) { return txn.appendAudit(base::asBytes(many)); }));
  startOpen();
  log->stop();
  log.reset();
  EXPECT_EQ(verify().lines, 50'000 + verify().checkpoints);
  // Altered far before the last checkpoint: seen by the whole verification only.
  replaceIn(file(1), "\"u\"", "\"x\"");
  startOpen();
  log->stop();
  EXPECT_EQ(verify().problemCount, 1);
}

}  // namespace
}  // namespace tests
