// The lines of the files: as documented, and whatever else may stand there.
#include "kms/audit/audit_line.h"

#include <gtest/gtest.h>

#include "hal/base/rfc3339.h"
#include "kms/audit/audit.h"
#include "kms/keys/crypto.h"
#include "tests/unit/keys/worked_examples.h"

namespace {

using kms::AuditHash;

base::Bytes fromHex(const std::string& hex) {
  base::Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  return out;
}

std::string entryText() {
  return kms::auditText(*base::parseTime("2026-01-31T00:00:00Z"),
                        {kms::Event::TokenIssued, "user \"a\\b\"\n", "7KMRKZ4P4R92GH1DWGTYB3E3T0", "access",
                         "b\xC3\xB6"
                         "b",
                         *base::parseTime("2026-02-01T00:00:00Z")});
}

std::string lineText(bool sealed = false) {
  std::string out;
  kms::appendAuditLine(out, 17, kms::auditHash("before"), entryText(), sealed);
  return out;
}

TEST(AuditLine, SaysWhatWasPutIn) {
  for (const bool sealed : {false, true}) {
    const std::string text = lineText(sealed);
    const auto line = kms::parseAuditLine(text);
    ASSERT_TRUE(line) << text;
    EXPECT_EQ(line->number, 17);
    EXPECT_EQ(line->prev, kms::auditHash("before"));
    EXPECT_EQ(line->sealed, sealed);
    EXPECT_FALSE(line->checkpoint);
    EXPECT_EQ(line->entry.event, 5120);
    EXPECT_EQ(line->entry.name, "token_issued");
    EXPECT_EQ(kms::auditUnescape(line->entry.actor), "user \"a\\b\"\n");
    EXPECT_EQ(kms::auditUnescape(line->entry.user),
              "b\xC3\xB6"
              "b");
    EXPECT_EQ(line->entry.until, base::parseTime("2026-02-01T00:00:00Z"));
    EXPECT_EQ(line->at, *base::parseTime("2026-01-31T00:00:00Z"));
  }
}

TEST(AuditLine, EveryControlCharacterComesBack) {
  std::string all;
  for (int c = 0; c < 0x30; ++c) all += static_cast<char>(c);
  const std::string text = kms::auditText({}, {kms::Event::UserAdded, all, "", ""});
  const auto facts = kms::parseAuditEntry(text);
  ASSERT_TRUE(facts) << text;
  EXPECT_EQ(kms::auditUnescape(facts->actor), all);
}

TEST(AuditLine, CutAnywhereItIsNone) {
  const std::string text = lineText(true);
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(kms::parseAuditLine(text.substr(0, size))) << text.substr(0, size);
  EXPECT_FALSE(kms::parseAuditLine(text + " "));
  EXPECT_FALSE(kms::parseAuditLine(text + text));
}

// Whatever is changed, it is refused or reads as something else, and never goes out of its bounds.
TEST(AuditLine, EveryByteCounts) {
  const std::string text = lineText();
  const AuditHash hash = kms::auditHash(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'\0', '"', '\\', 'x', '}', '\xFF'}) {
      std::string other = text;
      other[i] = c;
      const auto line = kms::parseAuditLine(other);
      if (other == text) continue;
      EXPECT_NE(kms::auditHash(other), hash);
      if (line) {
        EXPECT_FALSE(line->sealed);
      }
    }
  }
}

TEST(AuditLine, OnlyOurFormIsTaken) {
  const std::string hex(64, '0');
  const std::string start = "{\"n\":1,\"prev\":\"" + hex + "\",";
  const std::string entry = entryText().substr(1);
  EXPECT_TRUE(kms::parseAuditLine(start + entry));
  const std::vector<std::string> bad = {
      "",
      "{}",
      "{\"n\":01,\"prev\":\"" + hex + "\"," + entry,
      "{\"n\":-1,\"prev\":\"" + hex + "\"," + entry,
      "{\"n\":9999999999999999999,\"prev\":\"" + hex + "\"," + entry,
      "{\"n\":1,\"prev\":\"" + std::string(64, 'A') + "\"," + entry,
      "{\"n\":1,\"prev\":\"" + std::string(63, '0') + "\"," + entry,
      "{\"n\": 1,\"prev\":\"" + hex + "\"," + entry,
      start + "\"checkpoint\":\"" + hex + "\"}",
      start + "\"checkpoint\":\"" + hex + "\",\"at\":\"2026-02-30T00:00:00Z\"}",
      start +
          "\"event\":70000,\"name\":\"x\",\"actor\":\"\",\"object\":\"\",\"detail\":\"\",\"at\":\"2026-01-"
          "01T00:00:00Z\"}",
      start +
          "\"event\":1,\"name\":\"\",\"actor\":\"\",\"object\":\"\",\"detail\":\"\",\"at\":\"2026-01-01T00:"
          "00:00Z\"}",
      start +
          "\"event\":1,\"name\":\"x\",\"actor\":\"\\u0041\",\"object\":\"\",\"detail\":\"\",\"at\":\"2026-01-"
          "01T00:00:00Z\"}",
      start +
          "\"event\":1,\"name\":\"x\",\"actor\":\"\xC3\",\"object\":\"\",\"detail\":\"\",\"at\":\"2026-01-"
          "01T00:00:00Z\"}",
      std::string(kms::kAuditLineMost + 1, ' '),
  };
  for (const std::string& text : bad) EXPECT_FALSE(kms::parseAuditLine(text)) << text.substr(0, 300);
}

TEST(AuditLine, TheLongestEntryFits) {
  const std::string worst(1025, '\x01');
  const std::string text =
      kms::auditText({}, {kms::Event::UserAdded, worst, worst, worst, worst, base::Time{}});
  ASSERT_TRUE(kms::parseAuditEntry(text)) << text.size();
  std::string line;
  kms::appendAuditLine(line, 999'999'999'999'999'999, {}, text, true);
  EXPECT_TRUE(kms::parseAuditLine(line)) << line.size();
}

TEST(AuditLine, FileAsDocumented) {
  tests::Example x = tests::workedExample("audit file");
  auto hmac = *kms::Hmac::create(fromHex(x["audit"]));
  const auto server = *base::Uuid::parse("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0");
  std::vector<std::string> lines;
  std::istringstream all(x["line"]);
  for (std::string line; std::getline(all, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3U);

  AuditHash before{};
  std::string made;
  kms::appendAuditLine(made, 1, before, x["first entry"], false);
  EXPECT_EQ(made, lines[0]);
  before = kms::auditHash(made);
  made.clear();
  kms::appendAuditLine(made, 2, before, x["second entry"], true);
  EXPECT_EQ(made, lines[1]);
  before = kms::auditHash(made);
  made.clear();
  const auto at = *base::parseTime(x["at"]);
  const auto message = kms::checkpointMessage(server, 3, before, at);
  EXPECT_EQ(base::toHex(message), x["message"]);
  kms::appendCheckpointLine(made, 3, before, hmac.compute(message), at);
  EXPECT_EQ(made, lines[2]);
  for (const std::string& line : lines) EXPECT_TRUE(kms::parseAuditLine(line)) << line;
}

}  // namespace
