// One form for the same words, and what is no passphrase.
#include "daemon/passphrase.h"

#include <gtest/gtest.h>

#include "daemon/share_media.h"
#include "hal/base/shamir.h"

namespace {

std::string normal(std::string_view typed) {
  const auto words = kmsd::normalPassphrase(base::asBytes(typed));
  return words ? std::string(words->text()) : "refused: " + words.error().what;
}

TEST(Passphrase, IsTheSameHoweverItWasTyped) {
  EXPECT_EQ(normal("correct horse"), "correct horse");
  EXPECT_EQ(normal("Ku\xCC\x88he"), "K\xC3\xBChe");                           // u and a diaeresis
  EXPECT_EQ(normal("\xE2\x84\xAB"), "\xC3\x85");                              // the angstrom sign
  EXPECT_EQ(normal("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), "\xED\x95\x9C");  // Hangul
  EXPECT_EQ(normal("q\xCC\x87\xCC\xA3"), "q\xCC\xA3\xCC\x87");  // marks in their order (UAX #15)
  EXPECT_EQ(normal("\xEF\xAC\x81"), "\xEF\xAC\x81") << "a ligature is not compatibility-folded";
  EXPECT_EQ(normal("  two  blanks "), "  two  blanks ") << "blanks count";
}

TEST(Passphrase, GrowsAndManyMarksInARow) {
  std::string marks = "a";
  for (int i = 0; i < 200; ++i)
    marks += i % 2 == 0 ? "\xCC\xA3" : "\xCC\x87";  // more than fit the library's buffer
  const std::string once = normal(marks);
  EXPECT_EQ(normal(once), once);
  EXPECT_FALSE(once.starts_with("refused"));
  std::string grows;  // U+0958 becomes two code points
  for (int i = 0; i < 100; ++i) grows += "\xE0\xA5\x98";
  EXPECT_EQ(normal(grows).size(), 600U);
}

TEST(Passphrase, RefusesWhatIsNone) {
  EXPECT_EQ(normal(std::string(1024, 'x')), std::string(1024, 'x'));
  for (const std::string& bad :
       {std::string(), std::string(1025, 'x'), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\xC3"), std::string("\xED\xA0\x80"), std::string("a\x7F")})
    EXPECT_TRUE(normal(bad).starts_with("refused")) << bad.size();
  std::string grows;  // 900 bytes that would become 1800
  for (int i = 0; i < 300; ++i) grows += "\xE0\xA5\x98";
  EXPECT_TRUE(normal(grows).starts_with("refused"));
}

TEST(Shares, AreGivenAsKOfN) {
  for (const auto& [text, threshold, total] : {std::tuple("2/3", 2, 3), std::tuple("2/2", 2, 2),
                                               std::tuple("16/16", 16, 16), std::tuple("3/5", 3, 5)}) {
    const auto shares = kmsd::parseShares(text);
    ASSERT_TRUE(shares) << text;
    EXPECT_EQ(shares->threshold, threshold);
    EXPECT_EQ(shares->total, total);
    EXPECT_TRUE(shares->allowed());
  }
  for (const char* bad : {"", "2", "/", "2/", "/3", "1/3", "0/3", "4/3", "2/17", "2/256", "258/300", "a/b",
                          "2/3/4", " 2/3", "2/3 ", "-2/3", "2 /3"}) {
    const auto shares = kmsd::parseShares(bad);
    ASSERT_FALSE(shares) << bad;
    EXPECT_EQ(shares.error().code, base::Code::Invalid);
  }
  EXPECT_NE(kmsd::parseShares("1/3").error().what.find("medium copy"), std::string::npos);
}

TEST(Shares, TheirFilesMakeTheKeyAgain) {
  const auto key = base::MasterKey::generate(base::systemRng());
  const hal::MediumIdentity set{base::Uuid::generate(base::systemRng()),
                                base::Uuid::generate(base::systemRng()), "Acme", base::systemClock().now()};
  const auto files = kmsd::splitKey(*key, set, {0, 2, 3}, base::systemRng());
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 3U);
  std::vector<hal::KeyFile> back;
  for (const hal::KeyFile& file : *files) {
    const auto text = hal::formatKeyFile(file);
    ASSERT_TRUE(text) << text.error().what;
    auto read = hal::parseKeyFile(text->bytes());
    ASSERT_TRUE(read && read->identity);
    EXPECT_EQ(read->identity->medium, set.medium);
    back.push_back(*std::move(read));
  }
  EXPECT_EQ(back[2].share, (hal::KeyShare{3, 2}));
  EXPECT_EQ(back[2].identity->label, "Acme 3");
  const base::SharePoint points[] = {{3, back[2].key.bytes()}, {1, back[0].key.bytes()}};
  const auto joined = base::joinShares(points);
  ASSERT_TRUE(joined);
  EXPECT_TRUE(base::equalConstantTime(joined->bytes(), key->bytes()));
}

}  // namespace
