#include "kms/keys/keyring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "kms/keys/key_use.h"
#include "tests/unit/keys/fixture.h"

namespace {

using base::asBytes;

kms::KeyGeneration make(std::uint32_t generation) {
  return *kms::KeyGeneration::make(generation, tests::FixedClock().now(), base::systemRng());
}

TEST(Keyring, ContentComesBackAsItWas) {
  const auto made = make(3);
  const auto back = kms::KeyGeneration::parse(made.encoded());
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->generation(), 3U);
  EXPECT_TRUE(base::equalConstantTime(back->encoded(), made.encoded()));
  EXPECT_FALSE(base::equalConstantTime(made.tokenMac(), made.accessor()));
  EXPECT_FALSE(base::equalConstantTime(made.accessor(), made.indexMac()));
}

TEST(Keyring, OtherFormsAreRefused) {
  const auto made = make(1);
  base::Bytes altered(made.encoded().begin(), made.encoded().end());
  altered[0] = std::byte{3};
  EXPECT_EQ(kms::KeyGeneration::parse(altered).error().code, base::Code::Unsupported);
  for (std::size_t size = 0; size < made.encoded().size(); ++size)
    EXPECT_EQ(kms::KeyGeneration::parse(made.encoded().first(size)).error().code, base::Code::Corrupt);
}

TEST(Keyring, TheNewestMakesAndAllVerify) {
  kms::Keyring old;
  old.push_back(make(1));
  kms::Keyring both;
  both.push_back(*kms::KeyGeneration::parse(old[0].encoded()));
  both.push_back(make(2));
  auto before = kms::KeyringCipher::create(old);
  auto after = kms::KeyringCipher::create(both);
  ASSERT_TRUE(before && after);
  const auto token = asBytes("a token");
  EXPECT_NE(before->tokenMac(token), after->tokenMac(token));
  EXPECT_EQ(after->tokenMac(token), after->tokenMac(2, token));
  EXPECT_EQ(before->tokenMac(token), after->tokenMac(1, token));
  EXPECT_EQ(after->tokenMac(3, token), std::nullopt);
  EXPECT_EQ(after->sequenceOf(before->accessor(17)), 17);
  EXPECT_EQ(after->sequenceOf(after->accessor(17)), 17);
  EXPECT_EQ(before->sequenceOf(after->accessor(17)), std::nullopt);
}

TEST(Keyring, SerialNumbersArePositiveLeadBackAndNeverRepeat) {
  kms::Keyring keyring;
  keyring.push_back(make(1));
  auto cipher = kms::KeyringCipher::create(keyring);
  ASSERT_TRUE(cipher);
  std::set<kms::SerialNumber> seen;
  for (std::int64_t sequence = 1; sequence <= 2000; ++sequence) {
    const auto serial = cipher->serial(sequence, base::systemRng());
    EXPECT_GE(serial[0], std::byte{1});
    EXPECT_LE(serial[0], std::byte{0x7F});
    EXPECT_EQ(cipher->sequencesOf(serial), std::vector<std::int64_t>{sequence});
    seen.insert(serial);
    seen.insert(cipher->serial(sequence, base::systemRng()));  // of the same number too
  }
  EXPECT_EQ(seen.size(), 4000U);
}

TEST(Keyring, RandomBytesOfZeroAreDrawnAgain) {
  class Zeros final : public base::Rng {
   public:
    void fill(std::span<std::byte> out) override {
      std::ranges::fill(out, std::byte{0});
      if (++calls > 3) base::systemRng().fill(out);
    }
    int calls = 0;
  } rng;
  kms::Keyring keyring;
  keyring.push_back(make(1));
  auto cipher = kms::KeyringCipher::create(keyring);
  const auto serial = cipher->serial(5, rng);
  EXPECT_GT(rng.calls, 3);
  EXPECT_EQ(cipher->sequencesOf(serial), std::vector<std::int64_t>{5});
}

TEST(Keyring, EveryGenerationReadsItsSerialNumbers) {
  kms::Keyring old;
  old.push_back(make(1));
  kms::Keyring both;
  both.push_back(*kms::KeyGeneration::parse(old[0].encoded()));
  both.push_back(make(2));
  auto before = kms::KeyringCipher::create(old);
  auto after = kms::KeyringCipher::create(both);
  ASSERT_TRUE(before && after);
  const auto first = before->serial(17, base::systemRng());
  const auto second = after->serial(17, base::systemRng());
  const auto holds17 = [](const std::vector<std::int64_t>& found) {
    return std::ranges::count(found, 17) == 1;
  };
  EXPECT_TRUE(holds17(after->sequencesOf(first)));
  EXPECT_TRUE(holds17(after->sequencesOf(second)));
  EXPECT_FALSE(holds17(before->sequencesOf(second)));
}

TEST(KeyUse, EachUseAndServerHasItsOwnKey) {
  const base::Bytes root(32, std::byte{5});
  std::vector<base::SecretBuffer> keys;
  for (const auto use :
       {kms::KeyUse::RecordSeal, kms::KeyUse::Audit, kms::KeyUse::Backup, kms::KeyUse::Epoch})
    for (const unsigned server : {1U, 2U})
      keys.push_back(*kms::deriveKey(root, {}, use, tests::uuid(server)));
  for (std::size_t a = 0; a < keys.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      EXPECT_FALSE(base::equalConstantTime(keys[a].bytes(), keys[b].bytes())) << a << " " << b;
}

}  // namespace
