#include "kms/tokens/token_text.h"

#include <gtest/gtest.h>

#include <set>

#include "hal/base/base32.h"
#include "hal/base/crc32.h"

namespace {

using base::view;

class CountingRng final : public base::Rng {
 public:
  void fill(std::span<std::byte> out) override {
    for (auto& b : out) b = static_cast<std::byte>(next_++);
  }

 private:
  unsigned next_ = 0;
};

std::string accessorOf(unsigned char first) {
  std::array<std::byte, 16> block{};
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::byte>(first + 7 * i);
  return base::encodeBase32(block);
}

std::string text(const base::Result<base::SecretText>& made) { return std::string(view(*made)); }

TEST(AccessTokenText, HasTheDocumentedForm) {
  CountingRng rng;
  std::array<std::byte, 16> zero{};
  auto made = kms::makeAccessToken(base::encodeBase32(zero), rng);
  ASSERT_TRUE(made);
  const std::string token = text(made);
  // 16 zero bytes, then 0, 1, 2 ... 19, in base64url.
  EXPECT_EQ(token.substr(0, 52), "kms_AAAAAAAAAAAAAAAAAAAAAAABAgMEBQYHCAkKCwwNDg8QERIT");
  ASSERT_EQ(token.size(), kms::kAccessLength);
  const std::uint32_t crc = base::crc32(base::asBytes(std::string_view(token).substr(0, 52)));
  for (unsigned i = 0; i < 6; ++i)
    EXPECT_EQ(token[52 + i], base::base32Digit((crc >> (25 - 5 * i)) & 31U)) << i;
}

TEST(AccessTokenText, GivesItsAccessorBack) {
  for (unsigned first = 0; first < 256; ++first) {
    const std::string accessor = accessorOf(static_cast<unsigned char>(first));
    auto made = kms::makeAccessToken(accessor, base::systemRng());
    ASSERT_TRUE(made);
    EXPECT_EQ(kms::accessorIn(view(*made)), accessor);
  }
}

TEST(AccessTokenText, RefusesAnAccessorThatIsNone) {
  EXPECT_FALSE(kms::makeAccessToken("", base::systemRng()));
  EXPECT_FALSE(kms::makeAccessToken(accessorOf(1) + "0", base::systemRng()));
  EXPECT_FALSE(kms::makeAccessToken("zzzzzzzzzzzzzzzzzzzzzzzzzz", base::systemRng()));
}

TEST(AccessTokenText, FindsEverySlipOfOneCharacter) {
  auto made = kms::makeAccessToken(accessorOf(9), base::systemRng());
  ASSERT_TRUE(made);
  const std::string good = text(made);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char wrong : std::string("aZ0-_ =\n\0\xFF", 10)) {
      std::string bad = good;
      bad[i] = wrong;
      EXPECT_EQ(kms::accessorIn(bad).has_value(), bad == good) << i;
    }
  }
}

TEST(AccessTokenText, ForgivesNothing) {
  auto made = kms::makeAccessToken(accessorOf(9), base::systemRng());
  ASSERT_TRUE(made);
  const std::string good = text(made);
  EXPECT_FALSE(kms::accessorIn(""));
  EXPECT_FALSE(kms::accessorIn("kms_"));
  EXPECT_FALSE(kms::accessorIn(good + "0"));
  EXPECT_FALSE(kms::accessorIn(" " + good));
  EXPECT_FALSE(kms::accessorIn(good.substr(0, 57)));
  EXPECT_FALSE(kms::accessorIn(std::string(100'000, 'k')));
  std::string lower = good;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  EXPECT_FALSE(kms::accessorIn(lower));
}

TEST(AccessTokenText, RefusesOtherCharactersUnderFittingChecks) {
  std::string body = "kms_" + std::string(47, 'A') + "+";
  const std::uint32_t crc = base::crc32(base::asBytes(body));
  for (unsigned i = 0; i < 6; ++i) body.push_back(base::base32Digit((crc >> (25 - 5 * i)) & 31U));
  EXPECT_FALSE(kms::accessorIn(body));
}

TEST(OneTimeTokenText, HasTwelveCharactersAndIsShownInThrees) {
  CountingRng rng;
  auto made = kms::makeOneTimeToken(rng);
  ASSERT_TRUE(made);
  EXPECT_EQ(text(made), "0123456789AB");
  EXPECT_EQ(text(kms::showOneTimeToken(view(*made))), "0123-4567-89AB");
}

TEST(OneTimeTokenText, ForgivesCaseDashesSpacesAndLookalikes) {
  for (const char* typed : {"0123-4567-89AB", "0123456789AB", "o123 4567 89ab", " O I23-4567--89aB ",
                            "0L23456789ab", "-0-1-2-3-4-5-6-7-8-9-A-B-"}) {
    auto parsed = kms::parseOneTimeToken(typed);
    ASSERT_TRUE(parsed) << typed;
    EXPECT_EQ(text(parsed), "0123456789AB") << typed;
  }
}

TEST(OneTimeTokenText, RefusesEverythingElse) {
  for (const std::string& typed :
       {std::string(), std::string("0123-4567-89A"), std::string("0123-4567-89ABC"),
        std::string("0123-4567-89AU"), std::string("0123_4567_89AB"), std::string("0123-4567-89A\0", 14),
        std::string("0123-4567-89A\xC3\x84"), std::string(65, '-'), std::string(1'000'000, '0')}) {
    auto parsed = kms::parseOneTimeToken(typed);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, base::Code::Invalid);
    EXPECT_EQ(parsed.error().what.find("0123"), std::string::npos);  // what was typed is not repeated
  }
}

TEST(OneTimeTokenText, AllCharactersOccurAndNoneRepeats) {
  std::set<std::string> seen;
  std::set<char> characters;
  for (int i = 0; i < 500; ++i) {
    auto made = kms::makeOneTimeToken(base::systemRng());
    ASSERT_TRUE(made);
    const std::string plain = text(made);
    EXPECT_TRUE(seen.insert(plain).second);
    characters.insert(plain.begin(), plain.end());
  }
  EXPECT_EQ(characters.size(), 32U);
}

}  // namespace
