// Known answers of the standards.
#include <gtest/gtest.h>

#include "kms/keys/crypto.h"
#include "tests/unit/keys/fixture.h"

namespace {

using base::asBytes;
using base::toHex;
using tests::fromHex;

struct ScryptCase {
  std::string_view password, salt;
  unsigned logN, r, p;
  std::string_view key;
};

TEST(Scrypt, KnownAnswersOfRfc7914) {
  const ScryptCase cases[] = {{"", "", 4, 1, 1,
                               "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                               "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"},
                              {"password", "NaCl", 10, 8, 16,
                               "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                               "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"},
                              {"pleaseletmein", "SodiumChloride", 14, 8, 1,
                               "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                               "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"}};
  for (const ScryptCase& c : cases) {
    const auto key = kms::scrypt(asBytes(c.password), asBytes(c.salt), c.logN, c.r, c.p, 64);
    ASSERT_TRUE(key) << key.error().what;
    EXPECT_EQ(toHex(key->bytes()), c.key);
  }
}

TEST(Hkdf, KnownAnswersOfRfc5869) {
  const base::Bytes input(22, std::byte{0x0b});
  const auto first =
      kms::hkdf(input, fromHex("000102030405060708090a0b0c"), fromHex("f0f1f2f3f4f5f6f7f8f9"), 42);
  ASSERT_TRUE(first);
  EXPECT_EQ(toHex(first->bytes()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  const auto third = kms::hkdf(input, {}, {}, 42);
  ASSERT_TRUE(third);
  EXPECT_EQ(toHex(third->bytes()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Hmac, KnownAnswersOfRfc4231EachTimeAnew) {
  auto hmac = kms::Hmac::create(asBytes("Jefe"));
  ASSERT_TRUE(hmac);
  const std::string expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  EXPECT_EQ(toHex(hmac->compute(asBytes("what do ya want "), asBytes("for nothing?"))), expected);
  EXPECT_NE(toHex(hmac->compute(asBytes("something else"))), expected);
  EXPECT_EQ(toHex(hmac->compute(asBytes("what do ya want for nothing?"))), expected);
}

TEST(Aes, KnownAnswerOfFips197) {
  auto aes = kms::Aes::create(fromHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  ASSERT_TRUE(aes);
  kms::Aes::Block plain{};
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<std::byte>(i * 0x11);
  for (int again = 0; again < 2; ++again) {
    const auto sealed = aes->encrypt(plain);
    EXPECT_EQ(toHex(sealed), "8ea2b7ca516745bfeafc49904b496089");
    EXPECT_EQ(aes->decrypt(sealed), plain);
  }
}

TEST(Gcm, KnownAnswerOfTheSpecification) {
  auto gcm = kms::Gcm::create(base::Bytes(32));
  ASSERT_TRUE(gcm);
  const base::Bytes nonce(12);
  base::Bytes sealed(32);
  ASSERT_TRUE(gcm->seal(nonce, {}, base::Bytes(16), sealed));
  EXPECT_EQ(toHex(sealed), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  base::Bytes plain(16, std::byte{1});
  EXPECT_TRUE(gcm->open(nonce, {}, sealed, plain));
  EXPECT_EQ(plain, base::Bytes(16));
  base::Bytes tagOnly(16);
  ASSERT_TRUE(gcm->seal(nonce, {}, {}, tagOnly));
  EXPECT_EQ(toHex(tagOnly), "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_TRUE(gcm->open(nonce, {}, tagOnly, {}));
}

TEST(Gcm, GivesNothingOfWhatWasAltered) {
  auto gcm = kms::Gcm::create(base::Bytes(32, std::byte{7}));
  ASSERT_TRUE(gcm);
  const base::Bytes nonce(12);
  base::Bytes sealed(24);
  ASSERT_TRUE(gcm->seal(nonce, asBytes("aad"), asBytes("12345678"), sealed));
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    base::Bytes altered = sealed;
    altered[at] ^= std::byte{1};
    base::Bytes plain(8, std::byte{0xFF});
    EXPECT_FALSE(gcm->open(nonce, asBytes("aad"), altered, plain)) << at;
    EXPECT_EQ(plain, base::Bytes(8)) << "what did not verify was left in place";
  }
  base::Bytes plain(8);
  EXPECT_FALSE(gcm->open(nonce, asBytes("aae"), sealed, plain));
  EXPECT_TRUE(gcm->open(nonce, asBytes("aad"), sealed, plain));
  EXPECT_FALSE(gcm->open(nonce, asBytes("aad"), base::BytesView(sealed).first(20), plain));
}

}  // namespace
