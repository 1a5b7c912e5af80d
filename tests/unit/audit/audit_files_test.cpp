// What stands in the files after the writer ran: the chain, checkpoints, rotation, restarts and crashes.
#include "tests/support/faulty_store.h"
#include "tests/unit/audit/log_bench.h"

namespace tests {
namespace {

using base::Reason;

class AuditFiles : public LogBench {
 protected:
  // A writer that has just begun, as after a start of the server with its key.
  std::unique_ptr<kms::AuditWriter> begin() {
    auto writer = std::make_unique<kms::AuditWriter>(*store, mac, options, clock);
    const auto sound = writer->verifyTail();
    EXPECT_TRUE(sound) << sound.error().what;
    return writer;
  }
  void write(bool checkpoint = true) {
    const auto done = begin()->flush(checkpoint);
    ASSERT_TRUE(done) << done.error().what;
  }
};

TEST_F(AuditFiles, ChainEndsWhereTheDatabaseSays) {
  tell(3);
  write();
  const auto all = lines(1);
  ASSERT_EQ(all.size(), 4U);
  kms::AuditHash before{};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto line = kms::parseAuditLine(all[i]);
    ASSERT_TRUE(line) << all[i];
    EXPECT_EQ(line->number, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(line->prev, before);
    EXPECT_FALSE(line->sealed);
    EXPECT_EQ(line->checkpoint.has_value(), i == 3);
    before = kms::auditHash(all[i]);
  }
  EXPECT_EQ(head().hash, before);
  EXPECT_EQ(head().number, 4);
  EXPECT_EQ(head().length, static_cast<std::int64_t>(std::filesystem::file_size(file(1))));
  EXPECT_EQ(std::filesystem::status(file(1)).permissions(), std::filesystem::perms(0600));
  EXPECT_EQ(std::filesystem::status(options.directory).permissions(), std::filesystem::perms(0700));
  expectWhole(3);
}

TEST_F(AuditFiles, RowsOfSeveralEntriesAreLinesEach) {
  std::string both;
  for (const char* name : {"u0", "u1"})
    both +=
        kms::auditText(clock.now(), {kms::Event::UserAdded, "uid 0", name, ""}) + (both.empty() ? "\n" : "");
  ASSERT_TRUE(store->writeAndWait([&](kms::Txn& txn) { return txn.appendAudit(base::asBytes(both)); }));
  write();
  EXPECT_EQ(lines(1).size(), 3U);
  expectWhole(2);
}

TEST_F(AuditFiles, WhatIsNoEntryIsToldAndStopsNothing) {
  const std::string forged =
      kms::auditText(clock.now(), {kms::Event::AuditAccepted, "uid 0", "x", "all is well"});
  for (const std::string& row :
       {std::string("{\"n\":1}"), std::string(50'000, 'x'), std::string("\xFF"), forged})
    ASSERT_TRUE(store->writeAndWait([&](kms::Txn& txn) { return txn.appendAudit(base::asBytes(row)); }));
  write();
  const auto report = verify();
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.lines, 5);
  for (int i = 0; i < 4; ++i)
    EXPECT_NE(lines(1)[static_cast<std::size_t>(i)].find("database_unusable"), std::string::npos);
}

TEST_F(AuditFiles, SegmentsEndWithACheckpointAndChainOn) {
  options.segmentMost = 2'000;
  for (int i = 0; i < 10; ++i) {
    tell(4, 4 * i);
    write(i % 2 == 0);
  }
  const auto report = verify();
  EXPECT_GT(report.segments, 3);
  EXPECT_EQ(report.segments, head().segment);
  for (int segment = 1; segment < head().segment; ++segment) {
    EXPECT_TRUE(kms::parseAuditLine(lines(segment).back())->checkpoint) << segment;
    EXPECT_EQ(kms::parseAuditLine(lines(segment + 1).front())->prev, kms::auditHash(lines(segment).back()));
  }
  expectWhole(40);
}

TEST_F(AuditFiles, ASealedServerMarksItsLinesAndEndsNoFile) {
  options.segmentMost = 1'000;
  tell(1);
  write();
  open = false;
  kms::AuditWriter writer(*store, mac, options, clock);
  tell(20, 1);
  ASSERT_TRUE(writer.flush(true));
  EXPECT_EQ(head().segment, 1) << "it goes on until there is a key";
  EXPECT_EQ(verify().sealedLines, 20);
  EXPECT_FALSE(verify().checkpointsChecked);
  open = true;
  tell(1, 21);
  write();
  tell(1, 22);
  write();
  EXPECT_EQ(head().segment, 2);
  expectWhole(23);
}

TEST_F(AuditFiles, NoKeyIsUsedBeforeTheLogIsVerified) {
  tell(2);
  kms::AuditWriter writer(*store, mac, options, clock);
  ASSERT_TRUE(writer.flush(true));
  EXPECT_EQ(verify().checkpoints, 0);
  EXPECT_EQ(verify().sealedLines, 2);
}

TEST_F(AuditFiles, CheckpointsComeEverySoManyLines) {
  options.checkpointEvery = 10;
  auto writer = begin();
  tell(35);
  ASSERT_TRUE(writer->flush(false));
  EXPECT_EQ(verify().checkpoints, 3);
  expectWhole(35);
}

// Each call of the store fails once, the commits too; then it goes on. Nothing is lost, and nothing is there
// twice.
TEST_F(AuditFiles, AFailingStoreLosesNothing) {
  options.segmentMost = 1'500;
  FaultyStore faulty(*store);
  kms::AuditWriter writer(faulty, mac, options, clock);
  int told = 0;
  for (std::uint64_t n = 1;; ++n) {
    tell(2, told);
    told += 2;
    faulty.failAt(n);
    const auto first = writer.verifyTail();
    const auto second = writer.flush(true);
    const bool failed = faulty.calls() >= n;
    EXPECT_EQ(failed, !first || !second) << n;
    faulty.failAt(0);
    ASSERT_TRUE(writer.verifyTail());
    ASSERT_TRUE(writer.flush(true)) << n;
    if (!failed) break;
    ASSERT_LT(n, 1'000U);
  }
  EXPECT_GT(told, 10);
  expectWhole(told);
}

// The last batch is in the file and not in the database: at every byte of it, with garbage behind.
TEST_F(AuditFiles, WhatTheDatabaseDoesNotKnowIsCutOffAndWrittenAgain) {
  tell(2);
  write();
  const std::string known = readAll(file(1));
  tell(3, 2);
  std::filesystem::copy_file(scratch / "kms.db", scratch / "before.db");
  {
    FaultyStore faulty(*store);
    kms::AuditWriter writer(faulty, mac, options, clock);
    ASSERT_TRUE(writer.verifyTail());
    faulty.failAt(4);  // outbox read, its rows, then the write that would move the head
    for (std::uint64_t n = 3; std::filesystem::file_size(file(1)) == known.size(); ++n) {
      ASSERT_LT(n, 20U);
      faulty.failAt(n);
      static_cast<void>(bool(writer.flush(true)));
    }
  }
  const std::string torn = readAll(file(1));
  ASSERT_GT(torn.size(), known.size());
  ASSERT_EQ(waiting(), 3U) << "not committed";
  for (std::size_t size = known.size(); size <= torn.size(); ++size) {
    for (const std::string& behind : {std::string(), std::string("\n"), std::string(3, '\0')}) {
      writeAll(file(1), torn.substr(0, size) + behind);
      kms::AuditWriter writer(*store, mac, options, clock);
      ASSERT_TRUE(writer.verifyTail()) << size;
      ASSERT_EQ(readAll(file(1)), known) << size;
    }
  }
  write();
  expectWhole(5);
}

TEST_F(AuditFiles, AFileThatWasBegunAndNotCommittedIsRemoved) {
  options.segmentMost = 300;
  tell(2);
  write();
  ASSERT_EQ(head().segment, 1);
  writeAll(file(2), "{\"n\":");
  write();
  EXPECT_FALSE(std::filesystem::exists(file(2)));
  tell(1, 2);
  write();
  EXPECT_EQ(head().segment, 2);
  expectWhole(3);
}

TEST_F(AuditFiles, AFileTakenAwayOrChangedUnderneathIsSeen) {
  tell(1);
  auto writer = begin();
  ASSERT_TRUE(writer->flush(true));
  const std::string good = readAll(file(1));
  tell(1, 1);
  std::ofstream(file(1), std::ios::app) << "x";
  EXPECT_TRUE(writer->flush(true)) << "what is behind was cut off";
  EXPECT_EQ(readAll(file(1)).find('x'), std::string::npos);
  std::filesystem::remove(file(1));
  tell(1, 2);
  for (const char* what : {"was deleted or moved away while the server ran", "000001.jsonl is missing"}) {
    const auto broken = writer->flush(true);
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().reason, Reason::AuditBroken);
    EXPECT_NE(broken.error().what.find(what), std::string::npos) << broken.error().what;
  }
  EXPECT_EQ(waiting(), 1U);
}

}  // namespace
}  // namespace tests
