// The parts of kmsctl's bulk commands, each by itself.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <fstream>
#include <numeric>
#include <sstream>

#include "daemon/ctl/bulk_lost.h"
#include "daemon/ctl/bulk_report.h"
#include "daemon/ctl/line_reader.h"
#include "daemon/ctl/progress.h"
#include "daemon/ctl/seen_set.h"
#include "hal/base/rfc3339.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using kmsd::ctl::BulkReport;
using kmsd::ctl::Document;
using kmsd::ctl::LineReader;
using kmsd::ctl::ReportRow;

std::string slurp(const std::filesystem::path& path) {
  std::stringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

TEST(SeenSet, HashesAsItsPaperSays) {
  // Appendix A of the paper: key 00..0f, message 00..0e.
  std::string message(15, '\0');
  std::iota(message.begin(), message.end(), '\0');
  EXPECT_EQ(kmsd::ctl::sipHash24({0x0706050403020100U, 0x0f0e0d0c0b0a0908U}, message), 0xa129ca6149be45e5U);
}

TEST(SeenSet, RemembersWhateverItWasGiven) {
  kmsd::ctl::SeenSet set(base::systemRng());
  for (int i = 0; i < 50'000; ++i) EXPECT_TRUE(set.insert("user" + std::to_string(i)));
  for (int i = 0; i < 50'000; ++i) EXPECT_FALSE(set.insert("user" + std::to_string(i)));
  EXPECT_EQ(set.size(), 50'000U);
  EXPECT_TRUE(set.contains("user7"));
  EXPECT_FALSE(set.contains("user50000"));
}

// "NUMBER:TEXT" of each item; "NUMBER!" of those too long.
std::vector<std::string> itemsOf(const Scratch& scratch, const std::string& content) {
  std::ofstream(scratch / "list", std::ios::binary) << content;
  std::vector<std::string> out;
  auto reader = LineReader::open(scratch / "list", nullptr);
  EXPECT_TRUE(reader);
  for (;;) {
    auto line = reader->next();
    if (!line || !*line) return out;
    out.push_back(std::to_string((*line)->number) +
                  ((*line)->tooLong ? "!" : ":" + std::string(base::view((*line)->text))));
  }
}

TEST(LineReader, ForgivesWhatEditorsDo) {
  const Scratch scratch;
  EXPECT_EQ(itemsOf(scratch,
                    "\xEF\xBB\xBF"
                    "alice\r\n\n# staff\n  bob\t\n\r\ncarol d"),
            (std::vector<std::string>{"1:alice", "4:bob", "6:carol d"}));
  EXPECT_TRUE(itemsOf(scratch, "").empty());
  EXPECT_TRUE(itemsOf(scratch, "\n\n#x").empty());
}

TEST(LineReader, PassesOverWhatIsTooLongAndGoesOn) {
  const Scratch scratch;
  const std::string most(LineReader::kLineMost, 'x');
  const std::string huge(300'000, 'y');
  EXPECT_EQ(itemsOf(scratch, most + "\n" + most + "x\n" + huge + "\nbob\n" + huge),
            (std::vector<std::string>{"1:" + most, "2!", "3!", "4:bob", "5!"}));
}

TEST(LineReader, ReadsAListOfAnyLength) {
  const Scratch scratch;
  {
    std::ofstream list(scratch / "list");
    for (int i = 0; i < 200'000; ++i) list << "user" << i << "\n";
  }
  EXPECT_EQ(kmsd::ctl::countItems(scratch / "list"), 200'000U);
  EXPECT_FALSE(kmsd::ctl::countItems("-"));
  EXPECT_FALSE(LineReader::open(scratch / "none", nullptr));
}

TEST(Progress, TellsWhatIsDoneAndWhatIsLeft) {
  using std::chrono::milliseconds;
  EXPECT_EQ(kmsd::ctl::progressText(1280, 5000, milliseconds(320)), "1280/5000   25 %   4000/s   0 s left");
  EXPECT_EQ(kmsd::ctl::progressText(100, 100'100, milliseconds(1000)),
            "100/100100   0 %   100/s   16 min 40 s left");
  EXPECT_EQ(kmsd::ctl::progressText(1280, std::nullopt, milliseconds(320)), "1280   4000/s");
  EXPECT_EQ(kmsd::ctl::progressText(0, 10, milliseconds(0)), "0/10   0 %   0/s");
  EXPECT_EQ(kmsd::ctl::progressText(0, 0, milliseconds(0)), "0   0/s");
  EXPECT_EQ(kmsd::ctl::progressText(128, 512, milliseconds(4000), " MB"),
            "128/512 MB   25 %   32 MB/s   12 s left");
}

std::vector<std::string> reopen(const std::string& path, const std::string& heading, base::Code& failed) {
  std::vector<std::string> rows;
  const auto report = BulkReport::open(path, heading, [&](const ReportRow& row) {
    std::string line;
    for (const auto field : row) line += (line.empty() ? "" : "|") + std::string(field);
    rows.push_back(line);
  });
  failed = report ? base::Code::Internal : report.error().code;
  return rows;
}

TEST(BulkReport, KeepsItsRowsAndDropsATornOne) {
  const Scratch scratch;
  const std::string path = scratch / "report";
  base::Code failed{};
  {
    auto report = BulkReport::open(path, "token issue", [](const ReportRow&) { FAIL(); });
    ASSERT_TRUE(report) << report.error().what;
    report->add({"sent", "alice", "2026-01-01T00:00:00Z"});
    report->add({"failed", "bob", "not_found", "no\tsuch\nuser"});
    ASSERT_TRUE(report->save());
    const auto second = BulkReport::open(path, "token issue", [](const ReportRow&) {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().reason, base::Reason::LockHeld);
  }
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  std::ofstream(path, std::ios::app) << "ok\tali";
  EXPECT_EQ(
      reopen(path, "token issue", failed),
      (std::vector<std::string>{"sent|alice|2026-01-01T00:00:00Z", "failed|bob|not_found|no\\tsuch\\nuser"}));
  EXPECT_TRUE(slurp(path).ends_with("user\n")) << "the torn row is cut off";
}

TEST(BulkReport, TouchesNoOtherFile) {
  const Scratch scratch;
  const std::string path = scratch / "file";
  base::Code failed{};
  for (const std::string content : {"dear diary\nno end", "# kmsctl report: token revoke\nok\ta\t\t\n",
                                    "# kmsctl report: token issue\nwhat\tis this\n"}) {
    std::ofstream(path, std::ios::binary) << content;
    reopen(path, "token issue", failed);
    EXPECT_EQ(failed, base::Code::Conflict) << content;
    EXPECT_EQ(slurp(path), content);
  }
}

bool lost(const std::string& members, const kmsd::ctl::LostSearch& search) {
  const auto token = Document::parse("{" + members + "}");
  return token && kmsd::ctl::mayBeLost(*token, *base::parseTime("2026-01-01T12:00:00Z"), search);
}

TEST(Lost, AreOnlyTokensAsTheBatchAskedFor) {
  const kmsd::ctl::LostSearch search{{"access", 3600, {"a", "b"}, std::nullopt}, true};
  const std::string sound =
      R"("active":true,"kind":"access","scopes":["b","a"],"issued_at":"2026-01-01T12:00:05Z",)"
      R"("expires_at":"2026-01-01T13:00:05Z")";
  EXPECT_TRUE(lost(sound, search));
  const std::pair<const char*, const char*> changes[] = {
      {"true", "false"},
      {"\"access\"", "\"enrol\""},
      {"[\"b\",\"a\"]", "[\"a\"]"},
      {"12:00:05Z\",", "11:59:57Z\","},  // before the batch
      {"13:00:05", "13:00:06"},          // another span
      {"12:00:05Z\",", "12:00:05Z\",\"uses_left\":3,"}};
  for (const auto& [from, to] : changes) {
    std::string other = sound;
    other.replace(other.find(from), std::string(from).size(), to);
    EXPECT_FALSE(lost(other, search)) << other;
  }
  EXPECT_FALSE(lost("", search));
}

}  // namespace
}  // namespace tests
