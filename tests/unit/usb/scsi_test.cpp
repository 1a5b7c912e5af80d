#include "drivers/usb/scsi.h"

#include <gtest/gtest.h>

#include <string>

namespace tests {
namespace {

namespace scsi = drivers::usb::scsi;
using scsi::Key;

base::BytesView view(const std::string& text) { return base::asBytes(text); }

std::string hex(const drivers::usb::Cdb& cdb) {
  return base::toHex(std::as_bytes(std::span(cdb.bytes)).first(cdb.length));
}

TEST(ScsiCommands, ByteForByte) {
  EXPECT_EQ(hex(scsi::inquiry()), "120000002400");
  EXPECT_EQ(hex(scsi::testUnitReady()), "000000000000");
  EXPECT_EQ(hex(scsi::requestSense()), "030000001200");
  EXPECT_EQ(hex(scsi::modeSense6()), "1a003f00c000");
  EXPECT_EQ(hex(scsi::modeSense10()),
            "5a003f00000000"
            "00c000");
  EXPECT_EQ(hex(scsi::readCapacity10()), "25000000000000000000");
  EXPECT_EQ(hex(scsi::readCapacity16()), "9e100000000000000000000000200000");
  EXPECT_EQ(hex(scsi::read10(0x01020304, 0x0506)), "28000102030400050600");
  EXPECT_EQ(hex(scsi::write10(0xFFFFFFFE, 1)), "2a00fffffffe00000100");
  EXPECT_EQ(hex(scsi::synchronizeCache10()), "35000000000000000000");
}

TEST(ScsiAnswers, Inquiry) {
  const std::string disk{'\x00', '\x80', 4, 2, 31}, cd{'\x05', '\x80', 0, 0, 0}, none{'\x7F', 0, 0, 0, 0};
  auto inquiry = scsi::parseInquiry(view(disk));
  ASSERT_TRUE(inquiry);
  EXPECT_EQ(inquiry->qualifier, 0U);
  EXPECT_EQ(inquiry->type, 0U);
  EXPECT_TRUE(inquiry->removable);
  EXPECT_EQ(scsi::parseInquiry(view(cd))->type, 5U);
  EXPECT_EQ(scsi::parseInquiry(view(none))->qualifier, 3U);
  EXPECT_FALSE(scsi::parseInquiry(view(none))->removable);
  EXPECT_FALSE(scsi::parseInquiry(view(disk.substr(0, 4))));
}

TEST(ScsiAnswers, SenseOfBothFormats) {
  const std::string fixed{'\xF0', 0, '\x42', 0, 0, 0, 0, 10, 0, 0, 0, 0, '\x3A', '\x01', 0, 0, 0, 0};
  const std::string descriptor{'\x72', '\x02', '\x04', '\x01', 0, 0, 0, 0};
  auto sense = scsi::parseSense(view(fixed));
  ASSERT_TRUE(sense);
  EXPECT_EQ(sense->key, Key::NotReady);
  EXPECT_TRUE(sense->noMedium());
  EXPECT_EQ(sense->ascq, 1);
  sense = scsi::parseSense(view(descriptor));
  ASSERT_TRUE(sense);
  EXPECT_TRUE(sense->becomingReady());
  // Shorter than it should be: the key alone, or nothing.
  sense = scsi::parseSense(view(fixed.substr(0, 13)));
  ASSERT_TRUE(sense);
  EXPECT_EQ(sense->key, Key::NotReady);
  EXPECT_EQ(sense->asc, 0);
  EXPECT_FALSE(scsi::parseSense(view(fixed.substr(0, 3))));
  EXPECT_FALSE(scsi::parseSense({}));
  EXPECT_FALSE(scsi::parseSense(view(std::string(18, '\0'))));
}

TEST(ScsiAnswers, WriteProtection) {
  const std::string on6{3, 0, '\x80', 0}, off6{3, 0, '\x10', 0};
  const std::string on10{0, 6, 0, '\x80', 0, 0, 0, 0}, off10{0, 6, '\x80', 0, 0, 0, 0, 0};
  EXPECT_EQ(scsi::parseModeProtect6(view(on6)), true);
  EXPECT_EQ(scsi::parseModeProtect6(view(off6)), false);
  EXPECT_EQ(scsi::parseModeProtect6(view(on6.substr(0, 3))), std::nullopt);
  EXPECT_EQ(scsi::parseModeProtect10(view(on10)), true);
  EXPECT_EQ(scsi::parseModeProtect10(view(off10)), false);
  EXPECT_EQ(scsi::parseModeProtect10(view(on10.substr(0, 7))), std::nullopt);
}

TEST(ScsiAnswers, Capacity) {
  const std::string ten{0, 0, '\x0B', '\x3F', 0, 0, 2, 0};
  auto capacity = scsi::parseCapacity10(view(ten));
  ASSERT_TRUE(capacity);
  EXPECT_EQ(capacity->last, 2879U);
  EXPECT_EQ(capacity->blockSize, 512U);
  EXPECT_FALSE(scsi::parseCapacity10(view(ten.substr(0, 7))));
  const std::string sixteen{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, '\x10', 0};
  capacity = scsi::parseCapacity16(view(sixteen));
  ASSERT_TRUE(capacity);
  EXPECT_EQ(capacity->last, 0x0102030405060708U);
  EXPECT_EQ(capacity->blockSize, 4096U);
  EXPECT_FALSE(scsi::parseCapacity16(view(sixteen.substr(0, 11))));
}

}  // namespace
}  // namespace tests
