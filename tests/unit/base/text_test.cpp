#include <gtest/gtest.h>

#include <array>

#include "hal/base/rfc3339.h"
#include "hal/base/utf8.h"
#include "hal/base/uuid.h"

namespace base {
namespace {

TEST(Uuid, GeneratesVersionFour) {
  const Uuid id = Uuid::generate(systemRng());
  const std::string text = id.text();
  EXPECT_EQ(text.size(), 36U);
  EXPECT_EQ(text[14], '4');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
  EXPECT_NE(id, Uuid::generate(systemRng()));
  EXPECT_FALSE(id.nil());
}

TEST(Uuid, ParsesAnyCaseAndNothingElse) {
  const std::string text = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0ff";
  const auto id = Uuid::parse(text);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->text(), text);
  EXPECT_EQ(Uuid::parse("0F1E2D3C-4B5A-4978-8695-A4B3C2D1E0FF"), id);
  EXPECT_EQ(Uuid::fromBytes(id->bytes()), id);
  for (const std::string& bad : {std::string(), text.substr(1), text + "0", std::string(36, 'a'),
                                 std::string("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0fg"),
                                 std::string("0f1e2d3c04b5a-4978-8695-a4b3c2d1e0ff")})
    EXPECT_FALSE(Uuid::parse(bad)) << bad;
  EXPECT_FALSE(Uuid::fromBytes(asBytes("short")));
}

TEST(Rfc3339, WritesAndReadsSeconds) {
  const Time time{std::chrono::seconds(1767225599)};
  EXPECT_EQ(formatTime(time), "2025-12-31T23:59:59Z");
  EXPECT_EQ(parseTime("2025-12-31T23:59:59Z"), time);
  EXPECT_EQ(parseTime("1970-01-01T00:00:00Z"), Time{});
  EXPECT_TRUE(parseTime("2024-02-29T00:00:00Z"));
  EXPECT_TRUE(parseTime("9999-12-31T23:59:59Z"));
}

TEST(Rfc3339, RefusesEverythingElse) {
  for (const char* bad : {"", "2025-12-31T23:59:59", "2025-12-31 23:59:59Z", "2025-02-29T00:00:00Z",
                          "2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-12-31T24:00:00Z",
                          "2025-12-31T23:60:00Z", "2025-12-31T23:59:60Z", "1969-12-31T23:59:59Z",
                          "2025-12-31T23:59:59.0Z", "2025-12-31T23:59:59+00:00", "+025-12-31T23:59:59Z"})
    EXPECT_FALSE(parseTime(bad)) << bad;
}

TEST(Utf8, TellsWellFormedFromIllFormed) {
  for (const char* good : {"", "plain", "Zo\xC3\xAB", "\xE2\x82\xAC", "\xF0\x9F\x94\x91", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(validUtf8(good)) << good;
  for (const char* bad : {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF0\x82\x82\xAC", "\xFF", "\xE2\x82", "a\xC3z"})
    EXPECT_FALSE(validUtf8(bad));
}

TEST(Utf8, FindsControlCharacters) {
  for (const char* bad : {"\t", "a\nb", "\x1B[0m", "\x7F", "\xC2\x85"}) EXPECT_TRUE(hasControl(bad));
  for (const char* good : {"", "a b", "Zo\xC3\xAB", "\xC2\xA0"}) EXPECT_FALSE(hasControl(good));
}

}  // namespace
}  // namespace base
