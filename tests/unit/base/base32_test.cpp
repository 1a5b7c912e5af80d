#include "hal/base/base32.h"

#include <gtest/gtest.h>

#include <array>

#include "hal/base/rng.h"

namespace base {
namespace {

TEST(Base32, EncodesFirstBitsFirst) {
  EXPECT_EQ(encodeBase32(asBytes("")), "");
  EXPECT_EQ(encodeBase32(asBytes("f")), "CR");  // 01100 110(00)
  EXPECT_EQ(encodeBase32(asBytes("foobar")), "CSQPYRK1E8");
  EXPECT_EQ(base32Length(8), 13U);
  EXPECT_EQ(base32Length(16), 26U);
}

TEST(Base32, ReadsBackWhatItWrote) {
  std::array<std::byte, 20> bytes;
  std::array<std::byte, 20> back;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    systemRng().fill(bytes);
    const auto in = std::span(bytes).first(size);
    const auto out = std::span(back).first(size);
    ASSERT_TRUE(decodeBase32(encodeBase32(in), out, Base32Mode::Strict)) << size;
    EXPECT_TRUE(equalConstantTime(in, out)) << size;
  }
}

TEST(Base32, ForgivesWhatHandsWriteOnlyWhereAsked) {
  std::array<std::byte, 6> out;
  EXPECT_TRUE(decodeBase32("csqpyrkLe8", out, Base32Mode::Forgiving));
  EXPECT_EQ(asText(out), "foobar");
  EXPECT_FALSE(decodeBase32("csqpyrk1e8", out, Base32Mode::Strict));
  EXPECT_EQ(base32Value('o', Base32Mode::Forgiving), 0U);
  EXPECT_EQ(base32Value('i', Base32Mode::Forgiving), 1U);
  for (const char bad : {'U', 'u', '-', ' ', '\0', '\x7F'})
    EXPECT_FALSE(base32Value(bad, Base32Mode::Forgiving)) << int(bad);
}

TEST(Base32, RefusesSpareBitsAndWrongLengthsAndLeavesNothing) {
  std::array<std::byte, 1> out;
  EXPECT_TRUE(decodeBase32("CR", out, Base32Mode::Strict));
  EXPECT_FALSE(decodeBase32("CS", out, Base32Mode::Strict));  // a spare bit is set
  EXPECT_EQ(out[0], std::byte{0});
  EXPECT_FALSE(decodeBase32("C", out, Base32Mode::Strict));
  EXPECT_FALSE(decodeBase32("CR0", out, Base32Mode::Strict));
}

}  // namespace
}  // namespace base
