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

}  // namespace
}  // namespace hal
