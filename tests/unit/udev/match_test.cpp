// Which devices the rules match, and what udev then gives them, among the host's own rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/udev/udevadm.h"

namespace tests {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

const std::vector<std::string> kKey{"ID_FS_TYPE=vfat", "ID_FS_LABEL=KMSKEY", "ID_FS_UUID=1234-ABCD",
                                    "ID_FS_UUID_ENC=1234-ABCD"};
const std::string kInsert = "kmsd-insert.service";
const std::string kPlace = "/dev/kms/by-path/pci-0000:00:04.0-usb-0:1:1.0-scsi-0:0:0:0";
const std::string kSerial = "/dev/kms/by-uuid/1234-ABCD";

class UdevMatch : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = noBox(); !why.empty()) GTEST_SKIP() << why;
  }
  // udev read our rules, had no word against them and came to the end of its work.
  static void expectRead(const Outcome& outcome) {
    EXPECT_THAT(outcome.log, AllOf(HasSubstr("72-keydisk.rules"), HasSubstr("\nDEVPATH=")));
    EXPECT_THAT(outcome.log, Not(HasSubstr("Invalid")));
    EXPECT_THAT(outcome.log, Not(HasSubstr("Unknown group 'kms'")));
  }
  static void expectUntouched(const Outcome& outcome) {
    expectRead(outcome);
    EXPECT_THAT(outcome.log, Not(HasSubstr("72-keydisk.rules:"))) << "a rule matched";
    EXPECT_NE(outcome.group, kKmsGroup);
    EXPECT_THAT(outcome.wants, Not(Contains(kInsert)));
    EXPECT_THAT(outcome.links, Not(Contains(StartsWith("/dev/kms"))));
    EXPECT_FALSE(outcome.hidden);
  }
  // A stick's disk: the server may hold it, and that is all.
  static void expectOnlyTheGroup(const Outcome& outcome) {
    expectRead(outcome);
    EXPECT_EQ(outcome.group, kKmsGroup) << outcome.log;
    EXPECT_EQ(outcome.mode, "0660");
    EXPECT_THAT(outcome.wants, Not(Contains(kInsert)));
    EXPECT_THAT(outcome.links, Not(Contains(StartsWith("/dev/kms"))));
    EXPECT_FALSE(outcome.hidden);
  }
};

TEST_F(UdevMatch, ADiskThatIsNoStickStaysAsItIs) {
  const std::string path = "/devices/pci0000:00/0000:00:05.0/ata1/host0/target0:0:0/0:0:0:0/block/sda";
  const Outcome outcome = udevTest("P: " + path +
                                       "\nN: sda\nE: DEVNAME=/dev/sda\nE: DEVTYPE=disk\nE: SUBSYSTEM=block\n"
                                       "E: MAJOR=8\nE: MINOR=0\n\n",
                                   {path});
  EXPECT_THAT(outcome.log, AllOf(HasSubstr("72-keydisk.rules"), HasSubstr("\nDEVPATH=")));
  EXPECT_THAT(outcome.log, Not(HasSubstr("72-keydisk.rules:"))) << "a rule matched";
  EXPECT_NE(outcome.group, kKmsGroup);
}

TEST_F(UdevMatch, AStickBelongsToTheGroupAndStartsNothingByItself) {
  const Outcome outcome = udevTest(usbDevice({"080650"}), {kUsbPath});
  expectRead(outcome);
  EXPECT_EQ(outcome.group, kKmsGroup) << outcome.log;
  EXPECT_EQ(outcome.mode, "0660");
  EXPECT_THAT(outcome.wants, Not(Contains(kInsert)));
  EXPECT_FALSE(outcome.hidden);
}

TEST_F(UdevMatch, AStickAmongOtherInterfacesIsOne) {
  for (const auto& interfaces :
       std::vector<std::vector<std::string>>{{"030101", "080662"}, {"080250"}, {"080550", "ff0000"}}) {
    EXPECT_EQ(udevTest(usbDevice(interfaces), {kUsbPath}).group, kKmsGroup) << interfaces.front();
  }
}

// The stock rules give a camera to whoever sits at the screen, who could read the stick in the same case.
TEST_F(UdevMatch, WhatTheDesktopMayOpenIsNoKeyMedium) {
  const Outcome both = udevTest(usbDevice({"060101", "080650"}), {kUsbPath});
  expectUntouched(both);
  EXPECT_THAT(both.tags, Contains("uaccess")) << both.log;
  EXPECT_THAT(udevTest(usbDevice({"080650"}), {kUsbPath}).tags, Not(Contains("uaccess")));
}

TEST_F(UdevMatch, APrinterWithACardSlotStaysThePrintingSystems) {
  for (const auto& interfaces :
       std::vector<std::vector<std::string>>{{"070102", "080650"}, {"ffffff", "080650", "070104"}}) {
    const Outcome outcome = udevTest(usbDevice(interfaces), {kUsbPath});
    expectRead(outcome);
    EXPECT_NE(outcome.group, kKmsGroup) << interfaces.front();
  }
}

TEST_F(UdevMatch, AVolumeWithTheLabelIsHiddenNamedAndStarts) {
  const Outcome outcome = udevTest(usbDisk(kKey), {kDiskPath});
  expectRead(outcome);
  EXPECT_EQ(outcome.group, kKmsGroup) << outcome.log;
  EXPECT_EQ(outcome.mode, "0660");
  EXPECT_TRUE(outcome.hidden);
  EXPECT_THAT(outcome.wants, Contains(kInsert));
  EXPECT_THAT(outcome.tags, Contains("systemd"));
  EXPECT_THAT(outcome.links, IsSupersetOf({kPlace, kSerial}));
}

TEST_F(UdevMatch, SoIsAPartition) {
  const Outcome outcome = udevTest(usbPartition(kKey), {kDiskPath, kPartitionPath});
  expectRead(outcome);
  EXPECT_EQ(outcome.group, kKmsGroup) << outcome.log;
  EXPECT_TRUE(outcome.hidden);
  EXPECT_THAT(outcome.wants, Contains(kInsert));
  EXPECT_THAT(outcome.links, IsSupersetOf({kPlace + "-part1", kSerial}));
  EXPECT_THAT(outcome.links, Not(Contains(kPlace)));
  // The disk around it has no label of its own.
  expectOnlyTheGroup(udevTest(usbPartition(kKey), {kDiskPath}));
}

// A disk may come into a drive that was there before: the kernel says "change", not "add".
TEST_F(UdevMatch, AChangeMatchesAndARemovalDoesNot) {
  const Outcome changed = udevTest(usbDisk(kKey), {kDiskPath}, "change");
  EXPECT_THAT(changed.wants, Contains(kInsert)) << changed.log;
  EXPECT_TRUE(changed.hidden);
  expectUntouched(udevTest(usbDisk(kKey), {kDiskPath}, "remove"));
}

TEST_F(UdevMatch, AVolumeWithoutSerialNumberHasNoEmptyName) {
  const Outcome outcome = udevTest(usbDisk({"ID_FS_TYPE=vfat", "ID_FS_LABEL=KMSKEY"}), {kDiskPath});
  EXPECT_TRUE(outcome.hidden) << outcome.log;
  EXPECT_THAT(outcome.links, Contains(kPlace));
  EXPECT_THAT(outcome.links, Not(Contains(StartsWith("/dev/kms/by-uuid"))));
}

TEST_F(UdevMatch, OtherVolumesAreShownAndStartNothing) {
  for (const std::vector<std::string>& found : std::vector<std::vector<std::string>>{
           {},
           {"ID_FS_TYPE=vfat"},
           {"ID_FS_TYPE=vfat", "ID_FS_LABEL=HOLIDAYS", "ID_FS_UUID_ENC=1234-ABCD"},
           {"ID_FS_TYPE=vfat", "ID_FS_LABEL=KMSKEY2", "ID_FS_UUID_ENC=1234-ABCD"},
           {"ID_FS_TYPE=ext4", "ID_FS_LABEL=KMSKEY", "ID_FS_UUID_ENC=1234-ABCD"},
       }) {
    expectOnlyTheGroup(udevTest(usbDisk(found), {kDiskPath}));
  }
}

// Whoever may set up a loop device must not start the server with it.
TEST_F(UdevMatch, MadeUpDevicesDoNotCount) {
  std::string loop =
      "P: /devices/virtual/block/loop7\nN: loop7\nE: DEVNAME=/dev/loop7\nE: DEVTYPE=disk\n"
      "E: SUBSYSTEM=block\nE: MAJOR=7\nE: MINOR=7\n";
  for (const std::string& property : kKey) loop += "E: " + property + "\n";
  expectUntouched(udevTest(loop + "\n", {"/devices/virtual/block/loop7"}));
}

TEST_F(UdevMatch, ADisketteDriveBelongsToTheGroupAndStartsNothing) {
  const Outcome outcome = udevTest(
      "P: /devices/platform/floppy.0/block/fd0\nN: fd0\nE: DEVNAME=/dev/fd0\nE: DEVTYPE=disk\n"
      "E: SUBSYSTEM=block\nE: MAJOR=2\nE: MINOR=0\nA: removable=1\\n\n\n",
      {"/devices/platform/floppy.0/block/fd0"});
  expectRead(outcome);
  EXPECT_EQ(outcome.group, kKmsGroup) << outcome.log;
  EXPECT_EQ(outcome.mode, "0660");
  EXPECT_THAT(outcome.wants, Not(Contains(kInsert)));
  EXPECT_FALSE(outcome.hidden);
}

TEST_F(UdevMatch, ACardReaderStartsAndStaysPcscds) {
  for (const auto& interfaces :
       std::vector<std::vector<std::string>>{{"0b0000"}, {"030101", "0b0000"}, {"0b0002"}}) {
    const Outcome outcome = udevTest(usbDevice(interfaces), {kUsbPath});
    expectRead(outcome);
    EXPECT_THAT(outcome.wants, Contains(kInsert)) << outcome.log;
    EXPECT_THAT(outcome.tags, AllOf(Contains("systemd"), Contains("uaccess")));
    EXPECT_NE(outcome.group, kKmsGroup);
  }
}

TEST_F(UdevMatch, AKeyboardIsNoMedium) { expectUntouched(udevTest(usbDevice({"030101"}), {kUsbPath})); }

}  // namespace
}  // namespace tests
