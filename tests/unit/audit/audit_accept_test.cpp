// What an administrator accepts is what was wrong then, and nothing that goes wrong later.
#include "tests/unit/audit/log_bench.h"

namespace tests {
namespace {

using base::Reason;

class AuditAccept : public LogBench {
 protected:
  // Three files of ten entries with their checkpoints; four entries more in the fourth.
  void SetUp() override {
    options.segmentMost = 1'800;
    kms::AuditWriter writer(*store, mac, options, clock);
    ASSERT_TRUE(writer.verifyTail());
    for (int i = 0; i < 3; ++i) {
      tell(10, 10 * i);
      ASSERT_TRUE(writer.flush(true));
    }
    tell(4, 30);
    options.segmentMost = 1'000'000;
    ASSERT_TRUE(writer.flush(true));
    ASSERT_EQ(head().segment, 4);
    expectWhole(34);
  }
  // "" or what the log is found broken by.
  std::string atUnseal() {
    kms::AuditWriter writer(*store, mac, options, clock);
    const auto sound = writer.verifyTail();
    return sound ? "" : sound.error().what;
  }
  void accept(const std::string& by = "uid 0") {
    kms::AuditWriter writer(*store, mac, options, clock);
    static_cast<void>(bool(writer.verifyTail()));
    const auto accepted = writer.accept(by, "it was found broken", never);
    ASSERT_TRUE(accepted) << accepted.error().what;
    tell(1, 1'000);
    ASSERT_TRUE(writer.flush(true));
  }
  // "FILE LINE" of what nobody accepted, each with a blank behind it.
  std::string broken() {
    std::string out;
    const auto report = verify();
    for (const auto& problem : report.problems)
      if (problem.accepted.empty()) out += problem.file + " " + std::to_string(problem.line) + " ";
    EXPECT_EQ(out.empty(), !report.broken());
    return out;
  }
};

TEST_F(AuditAccept, AllThatWasFoundIsNamedAndCountsAsAccepted) {
  replaceIn(file(1), "\"u3\"", "\"x3\"");
  std::filesystem::remove(file(2));
  replaceIn(file(4), "\"u33\"", "\"x33\"");
  EXPECT_NE(broken(), "");
  accept();
  EXPECT_EQ(atUnseal(), "");
  const auto report = verify();
  EXPECT_FALSE(report.broken());
  EXPECT_EQ(report.problemCount, 3);
  EXPECT_EQ(report.acceptedCount, 3);
  for (const auto& problem : report.problems)
    EXPECT_NE(problem.accepted.find("uid 0 at 2027"), std::string::npos) << problem.file << problem.what;
  const auto entries = lines(5);
  EXPECT_NE(entries[1].find("\"object\":\"000001.jsonl\""), std::string::npos) << entries[1];
  EXPECT_NE(entries[1].find("\"detail\":\"line 4 altered "), std::string::npos) << entries[1];
  EXPECT_NE(entries[2].find("\"detail\":\"line 0 missing; is missing\""), std::string::npos) << entries[2];
  EXPECT_TRUE(kms::parseAuditLine(entries[4])->checkpoint);
}

TEST_F(AuditAccept, AnOlderPlaceDamagedLaterIsNot) {
  replaceIn(file(4), "\"u33\"", "\"x33\"");
  accept();
  ASSERT_EQ(broken(), "");
  replaceIn(file(1), "\"u3\"", "\"x3\"");
  EXPECT_EQ(broken(), "000001.jsonl 4 ");
  EXPECT_EQ(verify().acceptedCount, 1);
  accept("uid 7");
  EXPECT_EQ(broken(), "");
  const auto report = verify();
  ASSERT_EQ(report.problems.size(), 2U);
  EXPECT_NE(report.problems[0].accepted.find("uid 7"), std::string::npos);
  EXPECT_NE(report.problems[1].accepted.find("uid 0"), std::string::npos);
}

TEST_F(AuditAccept, ThePlaceThatWasAcceptedAlteredAgainIsNot) {
  replaceIn(file(1), "\"u3\"", "\"x3\"");
  accept();
  ASSERT_EQ(broken(), "");
  replaceIn(file(1), "\"x3\"", "\"y3\"");
  EXPECT_EQ(broken(), "000001.jsonl 4 ");
}

TEST_F(AuditAccept, AFileThatGoesMissingLaterIsNot) {
  std::filesystem::remove(file(2));
  accept();
  ASSERT_EQ(broken(), "");
  ASSERT_EQ(atUnseal(), "");
  std::filesystem::rename(file(3), scratch / "3");
  EXPECT_EQ(broken(), "000003.jsonl 0 ");
  EXPECT_NE(atUnseal().find("000003.jsonl is missing"), std::string::npos) << atUnseal();
  std::filesystem::rename(scratch / "3", file(3));
  writeAll(file(2), "something else\n");
  EXPECT_NE(broken().find("000002.jsonl 1 "), std::string::npos) << "it was accepted that there is none";
}

TEST_F(AuditAccept, AnEndThatIsNotTheOneTheDatabaseKnew) {
  const std::string good = readAll(file(4));
  for (const std::string& wrong :
       {good.substr(0, good.size() - 1), good.substr(0, good.find('\n') + 1), good + "torn", std::string()}) {
    writeAll(file(static_cast<int>(head().segment)), wrong);
    accept();
    EXPECT_EQ(broken(), "") << wrong;
    EXPECT_EQ(atUnseal(), "");
  }
}

TEST_F(AuditAccept, TheNewestFileGone) {
  std::filesystem::remove(file(4));
  EXPECT_NE(atUnseal().find("000004.jsonl is missing"), std::string::npos);
  accept();
  EXPECT_EQ(broken(), "");
  EXPECT_EQ(atUnseal(), "");
}

// Without the key nobody can add to what was accepted, though he names the place that his line breaks.
TEST_F(AuditAccept, ALinePutIntoAnAcceptanceAcceptsNothing) {
  replaceIn(file(1), "\"u3\"", "\"x3\"");
  accept();
  ASSERT_EQ(broken(), "");
  const auto all = lines(5);
  const auto second = *kms::parseAuditLine(all[1]);
  const auto gap = [&] {
    std::string hex;
    for (const std::byte b : kms::auditHash(all[1])) {
      constexpr std::string_view kHex = "0123456789abcdef";
      hex += kHex[std::to_integer<unsigned>(b) >> 4U];
      hex += kHex[std::to_integer<unsigned>(b) & 15U];
    }
    return kms::AuditProblem{"000005.jsonl", 3, "line 3 gap " + hex.substr(0, 32), "forged", {}};
  }();
  std::string forged;
  kms::appendAuditLine(forged, second.number, second.prev, kms::acceptedEntry(clock.now(), "uid 0", gap),
                       false);
  std::string text = all[0] + "\n" + forged + "\n";
  for (std::size_t i = 1; i < all.size(); ++i) text += all[i] + "\n";
  writeAll(file(5), text);
  EXPECT_NE(broken().find("000005.jsonl 3 "), std::string::npos) << broken();
  EXPECT_EQ(verify().acceptedCount, 0);
}

// More than can be named one by one: all of those or none.
TEST_F(AuditAccept, MoreThanCanBeNamed) {
  tell(2'000, 34);
  {
    kms::AuditWriter writer(*store, mac, options, clock);
    ASSERT_TRUE(writer.verifyTail());
    ASSERT_TRUE(writer.flush(true));
  }
  std::string text = readAll(file(4));
  for (std::size_t at = text.find("\"u"); at != std::string::npos; at = text.find("\"u", at))
    if (text.compare(at, 7, "\"uid 0\"") == 0) {
      at += 2;
    } else {
      text[at + 1] = 'x';
    }
  writeAll(file(4), text);
  ASSERT_GT(verify().problemCount, 2'000);
  accept();
  EXPECT_EQ(verify().acceptedCount, verify().problemCount);
  EXPECT_EQ(atUnseal(), "");
  replaceIn(file(4), "\"x2033\"", "\"z2033\"");
  EXPECT_TRUE(verify().broken());
}

TEST_F(AuditAccept, AReadingThatIsStopped) {
  std::atomic<bool> stop = true;
  kms::AuditVerifier verifier(options, mac, {}, &stop);
  const auto read = verifier.readTo(head(), note());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, base::Code::Unavailable);
  EXPECT_NE(read.error().what.find("stopping"), std::string::npos) << read.error().what;
  EXPECT_EQ(verifier.report().lines, 0);
}

}  // namespace
}  // namespace tests
