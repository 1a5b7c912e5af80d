#include "kms/audit/audit.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "hal/base/rfc3339.h"
#include "hal/base/utf8.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"
#include "tests/unit/keys/worked_examples.h"

namespace {

using kms::AuditEntry;
using kms::Event;

class Audit : public ::testing::Test {
 protected:
  // What stands in the outbox for the entry.
  std::string line(const AuditEntry& entry, base::Time at = {}) {
    const auto done = store->writeAndWait([&](kms::Txn& txn) { return kms::record(txn, at, entry); });
    EXPECT_TRUE(done) << done.error().what;
    return outbox().back();
  }
  std::vector<std::string> outbox() {
    std::vector<std::string> lines;
    EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      const auto rows = reader.outbox(100);
      for (const kms::AuditRow& row : *rows) lines.emplace_back(base::asText(row.entry));
      return {};
    }));
    return lines;
  }
  static std::string detailOf(const std::string& line) {
    const auto from = line.find("\"detail\":\"") + 10;
    return line.substr(from, line.find("\",\"at\":") - from);
  }

  tests::Scratch scratch;
  std::unique_ptr<kms::Store> store = *kms::createSqliteStore(scratch / "kms.db");
};

TEST_F(Audit, EntryAsDocumented) {
  tests::Example x = tests::workedExample("audit entry");
  const AuditEntry entry{static_cast<Event>(std::stoul(x["event"])), x["actor"], x["object"], x["detail"]};
  EXPECT_EQ(line(entry, *base::parseTime(x["at"])), x["entry"]);
}

TEST_F(Audit, IsCommittedWithWhatItTellsOrNotAtAll) {
  const auto failed = store->writeAndWait([&](kms::Txn& txn) -> base::Result<void> {
    auto recorded = kms::record(txn, {}, {Event::UserAdded, "uid 0", "alice", ""});
    EXPECT_TRUE(recorded);
    return base::Error{base::Code::Conflict, "the job fails after recording"};
  });
  EXPECT_FALSE(failed);
  EXPECT_TRUE(outbox().empty());
}

TEST_F(Audit, NothingBreaksTheLine) {
  const std::string bad = "a\"b\\c\nd\re\tf" + std::string(1, '\0') + "\x1B[2J";
  const std::string text = line({Event::UserAdded, bad, bad, bad});
  for (const char c : text) EXPECT_GE(static_cast<unsigned char>(c), 0x20U) << "a raw control character";
  EXPECT_EQ(detailOf(text), R"(a\"b\\c\nd\re\tf\u0000\u001b[2J)") << text;
}

TEST_F(Audit, TextsAreCutBetweenCharacters) {
  const std::string cut(kms::kAuditCut);
  EXPECT_EQ(detailOf(line({Event::UserAdded, "", "", std::string(1024, 'x')})), std::string(1024, 'x'));
  EXPECT_EQ(detailOf(line({Event::UserAdded, "", "", std::string(1025, 'x')})), std::string(1024, 'x') + cut);
  std::string euros;  // three bytes each: 341 of them fit 1024 bytes
  for (int i = 0; i < 5000; ++i) euros += "\xE2\x82\xAC";
  EXPECT_EQ(detailOf(line({Event::UserAdded, "", "", euros})), euros.substr(0, 341 * 3) + cut);
  EXPECT_EQ(detailOf(line({Event::UserAdded, "", "", "x" + euros})), "x" + euros.substr(0, 341 * 3) + cut);
}

TEST_F(Audit, WhatIsNoUtf8IsReplaced) {
  EXPECT_EQ(detailOf(line({Event::UserAdded, "", "", "a\xFF\xC3z"})), "a??z");
  std::string far(3000, 'x');
  far[1500] = '\xFF';
  EXPECT_TRUE(base::validUtf8(line({Event::UserAdded, "", "", far})));
}

// Every event of the header has a name of its own.
TEST_F(Audit, EventNamesAreComplete) {
  std::ifstream header(KEYDISK_SOURCE_DIR "/kms/audit/audit.h");
  std::stringstream text;
  text << header.rdbuf();
  const std::string source = text.str();
  const std::regex enumerator(R"(([A-Z][A-Za-z]+) = (5[0-9]{3}),)");
  std::set<std::string> names;
  std::size_t events = 0;
  for (std::sregex_iterator at(source.begin(), source.end(), enumerator), end; at != end; ++at, ++events) {
    // The name is the enumerator's, in small letters with underscores.
    std::string expected;
    for (const char c : (*at)[1].str()) {
      if (c >= 'A' && c <= 'Z' && !expected.empty()) expected += '_';
      expected += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    const std::string name(kms::eventName(static_cast<Event>(std::stoul((*at)[2].str()))));
    EXPECT_EQ(name, expected);
    EXPECT_TRUE(names.insert(name).second);
  }
  EXPECT_GE(events, 17U) << "the enumeration was not found in the header";
}

}  // namespace
