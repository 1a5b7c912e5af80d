#include "drivers/usb/target.h"

#include <gtest/gtest.h>

#include "drivers/usb/driver.h"

namespace tests {
namespace {

namespace usb = drivers::usb;

usb::Device kingston() {
  usb::Device device;
  device.vendor = 0x0951;
  device.product = 0x1666;
  device.serial = "E0D55EA5";
  device.port = "1-4.2";
  return device;
}

TEST(UsbTarget, FormsAreTaken) {
  for (const char* text : {"", "0951:1666", "0951:1666/E0D55EA5", "0951:1666@1-4.2", "0951:1666#3",
                           "0951:1666/E0D55EA5#0", "0951:1666@1-4.2#15"}) {
    const auto target = usb::parseTarget(text);
    ASSERT_TRUE(target) << text;
    EXPECT_TRUE(target->fits(kingston())) << text;
  }
  EXPECT_EQ(usb::parseTarget("0951:1666#3")->lun, 3U);
  EXPECT_TRUE(usb::parseTarget("ABCD:ef01"));
  EXPECT_FALSE(usb::parseTarget("")->isSlot());
  EXPECT_FALSE(usb::parseTarget("0951:1666#3")->isSlot());
  EXPECT_TRUE(usb::parseTarget("0951:1666@1-4")->isSlot());
}

TEST(UsbTarget, OthersAreRefused) {
  for (const char* text : {"x",
                           "0951",
                           "0951:",
                           "0951:166",
                           "0951:16666",
                           "0951:16g6",
                           "-951:1666",
                           "0951-1666",
                           "0951:1666/",
                           "0951:1666/a b",
                           "0951:1666/a/b",
                           "0951:1666/a@b",
                           "0951:1666@",
                           "0951:1666@1",
                           "0951:1666@1-",
                           "0951:1666@-1",
                           "0951:1666@1-4..2",
                           "0951:1666@1-.4",
                           "0951:1666@1-4.",
                           "0951:1666@../../x",
                           "0951:1666#",
                           "0951:1666#16",
                           "0951:1666#x",
                           "0951:1666#1#2",
                           "/serial",
                           "@1-4",
                           "#1"}) {
    const auto target = usb::parseTarget(text);
    ASSERT_FALSE(target) << text;
    EXPECT_EQ(target.error().code, base::Code::Invalid);
    EXPECT_FALSE(usb::make(text)) << text;
  }
  EXPECT_FALSE(usb::parseTarget("0951:1666/" + std::string(127, 'a')));
}

TEST(UsbTarget, FitsItsOwnOnly) {
  for (const char* text : {"0951:1667", "0952:1666", "0951:1666/E0D55EA6", "0951:1666/e0d55ea5",
                           "0951:1666@1-4", "0951:1666@2-4.2"}) {
    EXPECT_FALSE(usb::parseTarget(text)->fits(kingston())) << text;
  }
}

TEST(UsbTarget, Names) {
  EXPECT_EQ(usb::serialName(kingston()), "0951:1666/E0D55EA5");
  EXPECT_EQ(usb::portName(kingston()), "0951:1666@1-4.2");
  EXPECT_EQ(usb::unitName("a", 0), "a");
  EXPECT_EQ(usb::unitName("a", 2), "a#2");
  EXPECT_TRUE(usb::plainSerial("AA00.-_:1"));
  for (const char* serial : {"", "a b", "a/b", "a#b", "a@b", "a\n", "\xC3\xA4"})
    EXPECT_FALSE(usb::plainSerial(serial));
}

TEST(UsbTarget, EveryNamedFormIsShown) {
  EXPECT_EQ(usb::kInfo.scheme, "usb");
  EXPECT_EQ(usb::kInfo.usual, "");
  EXPECT_TRUE(usb::make(*usb::kInfo.usual));
}

}  // namespace
}  // namespace tests
