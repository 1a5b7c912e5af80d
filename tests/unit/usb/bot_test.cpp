#include "drivers/usb/bot.h"

#include <gtest/gtest.h>

#include "drivers/usb/bot_transport.h"

namespace tests {
namespace {

namespace usb = drivers::usb;

// Of the standard's figures: READ(10) of one block at 2, tag 1, unit 1.
TEST(BotFrames, CommandWrapperByteForByte) {
  usb::Cbw cbw{1, 512, true, 1, {}};
  cbw.cdb.bytes = {0x28, 0, 0, 0, 0, 2, 0, 0, 1, 0};
  cbw.cdb.length = 10;
  const auto frame = usb::encodeCbw(cbw);
  EXPECT_EQ(base::toHex(frame), "55534243010000000002000080010a28000000000200000100000000000000");
  const auto back = usb::parseCbw(frame);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->tag, 1U);
  EXPECT_EQ(back->length, 512U);
  EXPECT_TRUE(back->in);
  EXPECT_EQ(back->lun, 1);
  EXPECT_EQ(back->cdb.bytes, cbw.cdb.bytes);
}

TEST(BotFrames, CommandWrapperIsRefused) {
  usb::Cbw cbw;
  cbw.cdb.length = 6;
  const auto sound = usb::encodeCbw(cbw);
  ASSERT_TRUE(usb::parseCbw(sound));
  EXPECT_FALSE(usb::parseCbw(base::BytesView(sound).first(30)));
  for (const auto& [at, value] : {std::pair{0, 'X'}, {12, '\x01'}, {13, '\x10'}, {14, '\0'}, {14, '\x11'}}) {
    auto frame = sound;
    frame[std::size_t(at)] = std::byte(value);
    EXPECT_FALSE(usb::parseCbw(frame)) << at;
  }
}

TEST(BotFrames, StatusWrapperByteForByte) {
  const auto frame = usb::encodeCsw({0x01020304, 16, usb::CswStatus::Failed});
  EXPECT_EQ(base::toHex(frame), "55534253040302011000000001");
  const auto csw = usb::parseCsw(frame, 0x01020304, 16);
  ASSERT_TRUE(csw);
  EXPECT_EQ(csw->residue, 16U);
  EXPECT_EQ(csw->status, usb::CswStatus::Failed);
}

TEST(BotFrames, StatusWrapperIsRefused) {
  const auto sound = usb::encodeCsw({5, 16, usb::CswStatus::Passed});
  EXPECT_FALSE(usb::parseCsw(sound, 6, 16)) << "another command's";
  EXPECT_FALSE(usb::parseCsw(sound, 5, 15)) << "more is missing than was asked for";
  EXPECT_FALSE(usb::parseCsw(base::BytesView(sound).first(12), 5, 16));
  EXPECT_FALSE(usb::parseCsw({}, 5, 16));
  base::Bytes longer(sound.begin(), sound.end());
  longer.push_back(std::byte{0});
  EXPECT_FALSE(usb::parseCsw(longer, 5, 16));
  for (const auto& [at, value] : {std::pair{0, 'X'}, {12, '\x03'}}) {
    auto frame = sound;
    frame[std::size_t(at)] = std::byte(value);
    EXPECT_FALSE(usb::parseCsw(frame, 5, 16)) << at;
  }
  // With a phase error the residue says nothing.
  EXPECT_TRUE(usb::parseCsw(usb::encodeCsw({5, 99, usb::CswStatus::PhaseError}), 5, 16));
}

TEST(BulkInterfaces, OnlyMassStorageOverBulkOnly) {
  const usb::Interface sound{2, 0, 8, 6, 0x50, {{0x83, false}, {0x81, true}, {0x02, true}, {0x82, true}}};
  usb::Device device;
  const auto count = [&](usb::Interface interface) {
    device.interfaces = {std::move(interface)};
    return usb::bulkInterfaces(device).size();
  };
  ASSERT_EQ(count(sound), 1U);
  EXPECT_EQ(usb::bulkInterfaces(device).front().number, 2);
  EXPECT_EQ(usb::bulkInterfaces(device).front().in, 0x81);
  EXPECT_EQ(usb::bulkInterfaces(device).front().out, 0x02);
  usb::Interface other = sound;
  other.classCode = 3;  // a keyboard
  EXPECT_EQ(count(other), 0U);
  other = sound;
  other.protocol = 0x62;  // UAS
  EXPECT_EQ(count(other), 0U);
  other = sound;
  other.subclass = 4;  // UFI, a diskette drive: its commands are others
  EXPECT_EQ(count(other), 0U);
  other = sound;
  other.endpoints.pop_back();
  other.endpoints.pop_back();
  EXPECT_EQ(count(other), 0U);
  // A UAS stick has the bulk-only setting beside it; one interface counts once.
  usb::Interface uas = sound;
  uas.alternate = 1;
  uas.protocol = 0x62;
  device.interfaces = {uas, sound, sound};
  EXPECT_EQ(usb::bulkInterfaces(device).size(), 1U);
  EXPECT_EQ(usb::bulkInterfaces(device).front().alternate, 0);
}

}  // namespace
}  // namespace tests
