// Whatever is done to the files without the key is found, with the file and the line.
#include <algorithm>
#include "tests/unit/audit/log_bench.h"

namespace tests {
namespace {

using base::Reason;

class AuditTamper : public LogBench {
 protected:
  // Three files with ten entries and their checkpoints each; four more entries behind the last checkpoint.
  void SetUp() override {
    options.segmentMost = 1'800;
    kms::AuditWriter writer(*store, mac, options, clock);
    ASSERT_TRUE(writer.verifyTail());
    for (int i = 0; i < 3; ++i) {
      tell(10, 10 * i);
      ASSERT_TRUE(writer.flush(true));
    }
    tell(4, 30);
    options.segmentMost = 100'000;
    ASSERT_TRUE(writer.flush(false));
    ASSERT_EQ(head().segment, 4);
    expectWhole(34);
  }
  std::string atUnseal() {
    kms::AuditWriter writer(*store, mac, options, clock);
    const auto sound = writer.verifyTail();
    if (sound) return "";
    EXPECT_EQ(sound.error().reason, Reason::AuditBroken) << sound.error().what;
    return sound.error().what;
  }
  // "FILE LINE" of the first problem.
  std::string firstProblem() {
    const auto report = verify();
    EXPECT_EQ(report.problems.empty(), report.problemCount == 0);
    if (report.problems.empty()) return "";
    return report.problems.front().file + " " + std::to_string(report.problems.front().line);
  }
  void dropLine(int segment, std::size_t line) {
    auto all = lines(segment);
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(line));
    std::string text;
    for (const auto& one : all) text += one + "\n";
    writeAll(file(segment), text);
  }
};

TEST_F(AuditTamper, AnAlteredEntry) {
  replaceIn(file(2), "\"u13\"", "\"x13\"");
  EXPECT_EQ(firstProblem(), "000002.jsonl 4");
  EXPECT_EQ(atUnseal(), "") << "it lies before the last checkpoint: the whole verification finds it";
  replaceIn(file(2), "\"x13\"", "\"u13\"");
  replaceIn(file(4), "\"u31\"", "\"x31\"");
  EXPECT_EQ(firstProblem(), "000004.jsonl 2");
  EXPECT_NE(atUnseal().find("000004.jsonl, line 3"), std::string::npos) << atUnseal();
}

TEST_F(AuditTamper, TheLastLine) {
  replaceIn(file(4), "\"u33\"", "\"x33\"");
  EXPECT_EQ(firstProblem(), "000004.jsonl 4");
  EXPECT_NE(atUnseal().find("000004.jsonl, line 4"), std::string::npos) << atUnseal();
}

TEST_F(AuditTamper, ALineTakenOutOrDoubledOrNotOurs) {
  const std::string good = readAll(file(2));
  dropLine(2, 4);
  EXPECT_EQ(firstProblem(), "000002.jsonl 5");
  writeAll(file(2), good);
  auto all = lines(2);
  writeAll(file(2), good + all.back() + "\n");
  EXPECT_EQ(firstProblem(), "000002.jsonl 12");
  writeAll(file(2), good);
  replaceIn(file(2), all[6], "hello");
  EXPECT_EQ(firstProblem(), "000002.jsonl 7");
  writeAll(file(2), good.substr(0, good.size() - 1));
  EXPECT_EQ(firstProblem(), "000002.jsonl 11");
  writeAll(file(2), good);
  EXPECT_EQ(firstProblem(), "");
}

TEST_F(AuditTamper, AChainMadeAnewHasNoCheckpoint) {
  // Every line of the second file anew, with a right chain; only the key is missing.
  auto all = lines(2);
  std::string text;
  kms::AuditHash before = kms::parseAuditLine(all.front())->prev;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto line = *kms::parseAuditLine(all[i]);
    std::string made;
    if (line.checkpoint) {
      kms::appendCheckpointLine(made, line.number, before, *line.checkpoint, line.at);
    } else {
      const std::string entry =
          kms::auditText(clock.now(), {kms::Event::UserAdded, "uid 0", "z" + std::to_string(i), ""});
      kms::appendAuditLine(made, line.number, before, entry, false);
    }
    before = kms::auditHash(made);
    text += made + "\n";
  }
  writeAll(file(2), text);
  EXPECT_EQ(firstProblem(), "000002.jsonl 11") << "the checkpoint";
}

TEST_F(AuditTamper, ACheckpointOfAnotherKeyOrTime) {
  const std::string good = readAll(file(3));
  replaceIn(file(3), "\"checkpoint\":\"", "\"checkpoint\":\"00");
  EXPECT_NE(firstProblem(), "");
  writeAll(file(3), good);
  auto last = lines(3).back();
  std::string moved = last;
  moved.replace(moved.find("\"at\":\"2027"), 10, "\"at\":\"2028");
  replaceIn(file(3), last, moved);
  EXPECT_EQ(firstProblem(), "000003.jsonl 11");
  EXPECT_NE(atUnseal().find("000003.jsonl, line 11"), std::string::npos)
      << "file 4 hangs on it: " << atUnseal();
}

TEST_F(AuditTamper, AFileMissingOrShorterOrUnknown) {
  std::filesystem::rename(file(2), scratch / "2");
  EXPECT_EQ(firstProblem(), "000002.jsonl 0");
  EXPECT_NE(atUnseal().find("000002.jsonl is missing"), std::string::npos) << atUnseal();
  std::filesystem::rename(scratch / "2", file(2));
  const std::string good = readAll(file(4));
  writeAll(file(4), good.substr(0, good.size() - 1));
  EXPECT_NE(firstProblem(), "");
  EXPECT_NE(atUnseal().find("000004.jsonl is shorter"), std::string::npos) << atUnseal();
  writeAll(file(4), good);
  std::filesystem::rename(file(4), scratch / "4");
  EXPECT_NE(atUnseal().find("000004.jsonl is missing"), std::string::npos) << atUnseal();
  std::filesystem::rename(scratch / "4", file(4));
  writeAll(file(6), "");
  EXPECT_EQ(firstProblem(), "000006.jsonl 0");
  EXPECT_NE(atUnseal().find("000006.jsonl is not known"), std::string::npos) << atUnseal();
  std::filesystem::remove(file(6));
  EXPECT_EQ(atUnseal(), "");
}

TEST_F(AuditTamper, AnOlderDatabaseIsNotAReasonToThrowLinesAway) {
  const auto now = head();
  kms::AuditHead older = now;
  older.segment = 3;
  older.length = static_cast<std::int64_t>(std::filesystem::file_size(file(3)));
  older.number = now.number - 4;
  older.hash = kms::auditHash(lines(3).back());
  ASSERT_TRUE(store->writeAndWait([&](kms::Txn& txn) { return txn.setAuditHead(older); }));
  const std::string text = readAll(file(4));
  EXPECT_NE(atUnseal().find("older than the log"), std::string::npos) << atUnseal();
  EXPECT_EQ(readAll(file(4)), text);
  ASSERT_TRUE(store->writeAndWait([&](kms::Txn& txn) { return txn.setAuditHead(kms::AuditHead{}); }));
  EXPECT_NE(atUnseal(), "");
  EXPECT_EQ(readAll(file(1)).empty(), false);
}

TEST_F(AuditTamper, AcceptedByAnOperatorItGoesOnInANewFile) {
  replaceIn(file(4), "\"u31\"", "\"x31\"");
  std::filesystem::remove(file(2));
  const std::string wrong = atUnseal();
  {
    kms::AuditWriter writer(*store, mac, options, clock);
    EXPECT_FALSE(writer.verifyTail());
    ASSERT_TRUE(writer.accept("uid 0", wrong, never));
    tell(1, 34);
    ASSERT_TRUE(writer.flush(true));
  }
  EXPECT_EQ(head().segment, 5);
  EXPECT_NE(lines(5).front().find("audit_accepted"), std::string::npos);
  EXPECT_NE(lines(5).front().find("000002.jsonl is missing"), std::string::npos);
  EXPECT_EQ(atUnseal(), "");
  const auto report = verify();
  EXPECT_GE(report.problemCount, 2);
  for (const auto& problem : report.problems)
    EXPECT_NE(problem.accepted.find("uid 0 at 2027"), std::string::npos) << problem.what;
  // The acceptance counts only with the checkpoint behind it.
  const auto entries = lines(5);
  const auto checkpoint = std::find_if(entries.begin(), entries.end(), [](const std::string& line) {
    return line.find("\"checkpoint\"") != std::string::npos;
  });
  dropLine(5, static_cast<std::size_t>(checkpoint - entries.begin()));
  EXPECT_NE(atUnseal(), "");
  for (const auto& problem : verify().problems) EXPECT_EQ(problem.accepted, "");
}

}  // namespace
}  // namespace tests
