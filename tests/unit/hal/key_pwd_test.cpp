#include <gtest/gtest.h>

#include "hal/base/base32.h"
#include "hal/base/rng.h"
#include "hal/key_file.h"

namespace hal {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

std::string pwdOf(const base::MasterKey& key) { return std::string(formatPwd(key)->text()); }

base::MasterKey keyOf(std::uint64_t value) {
  std::byte bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(value >> (56 - 8 * i));
  return *base::MasterKey::fromBytes(bytes);
}

TEST(KeyPwd, ReadsBackWhatItWrote) {
  for (int i = 0; i < 1000; ++i) {
    const auto key = base::MasterKey::generate(base::systemRng());
    const std::string pwd = pwdOf(*key);
    ASSERT_EQ(pwd.size(), kPwdLength);
    const auto back = parsePwd(pwd);
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_TRUE(base::equalConstantTime(back->bytes(), key->bytes()));
  }
}

// Exhaustive over every single wrong character, for many keys.
TEST(KeyPwd, FindsEverySubstitution) {
  for (int round = 0; round < 20; ++round) {
    const std::string pwd = pwdOf(*base::MasterKey::generate(base::systemRng()));
    for (std::size_t i = 0; i < pwd.size(); ++i) {
      for (const char c : kAlphabet) {
        if (c == pwd[i]) continue;
        std::string wrong = pwd;
        wrong[i] = c;
        EXPECT_FALSE(parsePwd(wrong)) << "position " << i;
      }
    }
  }
}

// Exhaustive over every pair of places.
TEST(KeyPwd, FindsEverySwap) {
  for (int round = 0; round < 200; ++round) {
    const std::string pwd = pwdOf(*base::MasterKey::generate(base::systemRng()));
    for (std::size_t i = 0; i < pwd.size(); ++i) {
      for (std::size_t j = i + 1; j < pwd.size(); ++j) {
        if (pwd[i] == pwd[j]) continue;
        std::string wrong = pwd;
        std::swap(wrong[i], wrong[j]);
        EXPECT_FALSE(parsePwd(wrong)) << i << " and " << j;
      }
    }
  }
}

TEST(KeyPwd, NoRepeatedCharacterIsAKey) {
  for (const char c : kAlphabet) EXPECT_FALSE(parsePwd(std::string(kPwdLength, c))) << c;
}

TEST(KeyPwd, ForgivesHowHandsWrite) {
  const auto key = keyOf(0x0842108421084210);  // many ones
  std::string pwd = pwdOf(key);
  std::string typed;
  int turn = 0;
  for (const char c : pwd) {
    const char* as = c == '1' ? "1iIlL" : c == '0' ? "0oO" : nullptr;
    typed += as != nullptr ? as[turn++ % (c == '1' ? 5 : 3)] : static_cast<char>(std::tolower(c));
    typed += turn % 2 == 0 ? '-' : ' ';
  }
  const auto back = parsePwd(typed);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_TRUE(base::equalConstantTime(back->bytes(), key.bytes()));
}

TEST(KeyPwd, RefusesWithoutQuotingWhatWasTyped) {
  const std::string pwd = pwdOf(keyOf(0x0123456789ABCDEF));
  for (const std::string& bad : {std::string(), pwd.substr(1), pwd + "0", pwd.substr(0, 13) + "U",
                                 pwd.substr(0, 13) + "\n", std::string(100000, 'A')}) {
    const auto key = parsePwd(bad);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, base::Code::Corrupt);
    EXPECT_EQ(key.error().reason, base::Reason::Damaged);
    EXPECT_EQ(key.error().what.find(pwd.substr(2, 4)), std::string::npos);
  }
}

TEST(KeyPwd, TheSpareBitMustBeZero) {
  // For each odd last digit of the key there is a check character that fits: it must be refused all the same.
  const std::string pwd = pwdOf(keyOf(0x0123456789ABCDEF));
  const auto last = *base::base32Value(pwd[12], base::Base32Mode::Strict);
  for (const char check : kAlphabet) {
    std::string odd = pwd;
    odd[12] = kAlphabet[last | 1U];
    odd[13] = check;
    EXPECT_FALSE(parsePwd(odd));
  }
}

// --- shares
// --------------------------------------------------------------------------------------------------

std::string shareOf(const base::MasterKey& key, unsigned number) {
  return std::string(formatPwd(key, static_cast<std::uint8_t>(number))->text());
}

TEST(SharePwd, ReadsBackEachNumberAndForgivesHowHandsWrite) {
  for (unsigned number = 1; number <= 255; ++number) {
    const auto key = base::MasterKey::generate(base::systemRng());
    std::string text = shareOf(*key, number);
    ASSERT_EQ(text.substr(0, text.find(':')), std::to_string(number));
    text.insert(text.size() - 4, "-");
    for (const std::string& typed :
         {text, " " + std::to_string(number) + " : " + text.substr(text.find(':') + 1)}) {
      const auto back = parseTyped(typed);
      ASSERT_TRUE(back) << number << ": " << back.error().what;
      EXPECT_EQ(back->share, number);
      EXPECT_TRUE(base::equalConstantTime(back->key.bytes(), key->bytes()));
    }
  }
}

TEST(SharePwd, IsNoKeyAndNoKeyIsAShare) {
  const auto key = base::MasterKey::generate(base::systemRng());
  const std::string whole = pwdOf(*key);
  for (unsigned number = 1; number <= 255; ++number) {
    const std::string text = shareOf(*key, number);
    EXPECT_FALSE(parsePwd(text));
    EXPECT_FALSE(parseTyped(text.substr(text.find(':') + 1))) << number;
    EXPECT_FALSE(parseTyped(std::to_string(number) + ":" + whole)) << number;
  }
}

TEST(SharePwd, FindsEverySubstitutionSwapAndNearNumber) {
  for (const unsigned number : {1U, 2U, 17U, 31U, 32U, 200U, 255U}) {
    const std::string text = shareOf(*base::MasterKey::generate(base::systemRng()), number);
    const std::size_t first = text.find(':') + 1;
    for (std::size_t i = first; i < text.size(); ++i) {
      for (const char c : kAlphabet) {
        std::string wrong = text;
        wrong[i] = c;
        if (wrong != text) {
          EXPECT_FALSE(parseTyped(wrong)) << number << " at " << i;
        }
      }
      for (std::size_t j = i + 1; j < text.size(); ++j) {
        std::string wrong = text;
        std::swap(wrong[i], wrong[j]);
        if (wrong != text) {
          EXPECT_FALSE(parseTyped(wrong)) << number << " by " << i << " and " << j;
        }
      }
    }
    for (unsigned other = 1; other <= 255; ++other) {
      if (other % 31 == number % 31) continue;
      EXPECT_FALSE(parseTyped(std::to_string(other) + text.substr(first - 1))) << number << " as " << other;
    }
  }
}

TEST(SharePwd, RefusesWhatIsNoNumber) {
  const std::string text = shareOf(*base::MasterKey::generate(base::systemRng()), 3);
  const std::string digits = text.substr(text.find(':'));
  for (const std::string bad : {"", "0", "256", "-3", "+3", "3.0", "3:", "x", "0x3", "99999999999", "3 3"}) {
    const auto share = parseTyped(bad + digits);
    ASSERT_FALSE(share) << bad;
    EXPECT_EQ(share.error().reason, base::Reason::Damaged);
    EXPECT_EQ(share.error().what.find(digits.substr(3, 4)), std::string::npos);
  }
}

}  // namespace
}  // namespace hal
