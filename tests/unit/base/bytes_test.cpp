#include "hal/base/bytes.h"

#include <gtest/gtest.h>

#include "hal/base/crc32.h"

namespace base {
namespace {

TEST(Bytes, HexIsLowerCaseAndWhole) { EXPECT_EQ(toHex(asBytes("\x01\xAB\xFF")), "01abff"); }

TEST(Bytes, ComparesByContentAndLength) {
  EXPECT_TRUE(equalConstantTime(asBytes("abc"), asBytes("abc")));
  EXPECT_FALSE(equalConstantTime(asBytes("abc"), asBytes("abd")));
  EXPECT_FALSE(equalConstantTime(asBytes("abc"), asBytes("ab")));
  EXPECT_TRUE(equalConstantTime({}, {}));
}

TEST(Bytes, StoresLittleEndian) {
  std::byte at[8] = {};
  storeLe64(at, 0x0102030405060708U);
  EXPECT_EQ(toHex(at), "0807060504030201");
  EXPECT_EQ(loadLe16(at), 0x0708U);
  EXPECT_EQ(loadLe32(at), 0x05060708U);
  EXPECT_EQ(loadLe64(at), 0x0102030405060708U);
}

TEST(Bytes, ReaderReadsWhatTheWriterWrote) {
  ByteWriter out;
  out.u8(1);
  out.u16(0x0203);
  out.u32(0x04050607);
  out.u64(8);
  out.field("text");
  ByteReader in(out.bytes());
  EXPECT_EQ(in.u8(), 1U);
  EXPECT_EQ(in.u16(), 0x0203U);
  EXPECT_EQ(in.u32(), 0x04050607U);
  EXPECT_EQ(in.u64(), 8U);
  EXPECT_EQ(in.text(4), "text");
  EXPECT_TRUE(in.atEnd());
}

TEST(Bytes, ReaderPastTheEndStaysFalse) {
  ByteReader in(asBytes("\x01\x02"));
  EXPECT_EQ(in.u32(), 0U);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.u8(), 0U);  // even what would fit
  EXPECT_FALSE(in.atEnd());
}

TEST(Bytes, ReaderRefusesAFieldLongerThanItMayBe) {
  ByteWriter out;
  out.field("12345");
  ByteReader in(out.bytes());
  EXPECT_TRUE(in.field(4).empty());
  EXPECT_FALSE(in.ok());
}

TEST(Bytes, WipeClears) {
  std::byte at[3] = {std::byte{1}, std::byte{2}, std::byte{3}};
  wipe(at);
  EXPECT_EQ(toHex(at), "000000");
}

TEST(Crc32, KnownAnswersAndPieces) {
  EXPECT_EQ(crc32(asBytes("123456789")), 0xCBF43926U);
  EXPECT_EQ(crc32({}), 0U);
  EXPECT_EQ(crc32(asBytes("6789"), crc32(asBytes("12345"))), 0xCBF43926U);
}

}  // namespace
}  // namespace base
