#include "drivers/usb/in_use.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/scratch.h"

namespace tests {
namespace {

namespace usb = drivers::usb;
namespace fs = std::filesystem;

const std::vector<usb::BlockNode> kNodes = {
    {"sdb", "8:16", ""}, {"sdb1", "8:17", ""}, {"dm-3", "253:3", "vault"}};

std::string line(const std::string& number, const std::string& point, const std::string& source) {
  return "36 35 " + number + " / " + point + " rw,noatime shared:1 master:2 - vfat " + source + " rw\n";
}

TEST(InUse, MountedByNumber) {
  const std::string table = line("0:22", "/proc", "proc") + line("8:17", "/media/my\\040stick", "/dev/other");
  const auto use = usb::mountedUse(table, kNodes);
  ASSERT_TRUE(use);
  EXPECT_EQ(use->device, "/dev/sdb1");
  EXPECT_EQ(use->mountPoint, "/media/my stick");
}

TEST(InUse, MountedByNameWhereTheNumberIsItsOwn) {
  EXPECT_EQ(usb::mountedUse(line("0:45", "/mnt", "/dev/sdb"), kNodes)->device, "/dev/sdb");
  EXPECT_EQ(usb::mountedUse(line("0:45", "/mnt", "/dev/mapper/vault"), kNodes)->device, "/dev/dm-3");
}

TEST(InUse, OthersAreNotOurs) {
  EXPECT_FALSE(usb::mountedUse(line("8:1", "/", "/dev/sda1") + line("8:170", "/a", "/dev/sdb17"), kNodes));
  EXPECT_FALSE(usb::mountedUse("", kNodes));
  EXPECT_FALSE(usb::mountedUse("rubbish\n\n - \n8:17\n", kNodes));
  EXPECT_FALSE(usb::mountedUse(line("8:17", "/", "x"), {}));
  EXPECT_FALSE(usb::mountedUse(line("", "/", "x"), {{"sdz", "", ""}})) << "an unknown number is no number";
}

TEST(InUse, Swap) {
  const std::string head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
  EXPECT_EQ(
      usb::swapUse(head + "/dev/sdb1                               partition\t8385532\t\t0\t\t-2\n", kNodes)
          ->device,
      "/dev/sdb1");
  EXPECT_EQ(usb::swapUse(head + "/swap.file file 1 0 -2\n/dev/dm-3 partition 1 0 -3", kNodes)->device,
            "/dev/dm-3");
  EXPECT_FALSE(usb::swapUse(head, kNodes));
  EXPECT_FALSE(usb::swapUse(head + "/dev/sdb17 partition 1 0 -2\n", kNodes));
  EXPECT_FALSE(usb::swapUse("", kNodes));
}

class KernelTreeTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((scratch_ / path).parent_path());
    std::ofstream(scratch_ / path) << text;
  }
  void disk(const std::string& unit, const std::string& name, const std::string& number) {
    const std::string at = "sys/bus/usb/devices/1-4.2:1.0/host6/target6:0:0/" + unit;
    write(at + "/type", "0\n");
    write(at + "/block/" + name + "/dev", number + "\n");
    write(at + "/block/" + name + "/size", "2880\n");
    write(at + "/block/" + name + "/ro", "1\n");
    write(at + "/block/" + name + "/diskseq", "12\n");
  }
  usb::Host host() { return {scratch_ / "sys", scratch_ / "proc", scratch_ / "dev"}; }
  std::vector<usb::KernelUnit> units() { return usb::kernelUnits(host(), "1-4.2", 1, 0); }
  base::Result<usb::DiskHold> take() { return usb::DiskHold::take(host(), units(), "usb:x"); }

  Scratch scratch_;
};

TEST_F(KernelTreeTest, UnitsAreRead) {
  EXPECT_TRUE(units().empty());
  disk("6:0:0:1", "sdc", "8:32");
  disk("6:0:0:0", "sdb", "8:16");
  write("sys/bus/usb/devices/1-4.2:1.0/host6/target6:0:0/power/control", "on\n");
  const auto found = units();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].lun, 0U);
  EXPECT_TRUE(found[0].adapter.starts_with("host6/")) << found[0].adapter;
  EXPECT_EQ(found[1].adapter, found[0].adapter);
  EXPECT_EQ(found[0].disk, "sdb");
  EXPECT_TRUE(found[0].isDisk);
  EXPECT_TRUE(found[0].writeProtected);
  EXPECT_EQ(found[0].size, 1'474'560U);
  EXPECT_EQ(found[0].sequence, "12");
  EXPECT_EQ(found[1].lun, 1U);
  write("sys/bus/usb/devices/1-4.2/serial", "E0D55EA5\n");
  EXPECT_EQ(usb::serialNumber(host(), "1-4.2"), "E0D55EA5");
  EXPECT_EQ(usb::serialNumber(host(), "1-4.3"), "");
}

TEST_F(KernelTreeTest, AHostOfTheSameNumberIsAnotherOne) {
  disk("6:0:0:0", "sdb", "8:16");
  const std::string before = units().front().adapter;
  EXPECT_EQ(units().front().adapter, before);
  fs::rename(scratch_ / "sys/bus/usb/devices/1-4.2:1.0", scratch_ / "gone");
  disk("6:0:0:0", "sdb", "8:16");
  EXPECT_NE(units().front().adapter, before);
}

// A partition of the stick is one half of a mirror, on which an encrypted volume is built, which is mounted.
TEST_F(KernelTreeTest, HoldersOfHoldersCount) {
  disk("6:0:0:0", "sdb", "8:16");
  const std::string disk = "sys/bus/usb/devices/1-4.2:1.0/host6/target6:0:0/6:0:0:0/block/sdb";
  write(disk + "/sdb1/dev", "8:17\n");
  write("sys/class/block/md0/dev", "9:0\n");
  write("sys/class/block/dm-3/dev", "253:3\n");
  write("sys/class/block/dm-3/dm/name", "vault\n");
  fs::create_directories(scratch_ / (disk + "/sdb1/holders/md0"));
  fs::create_directories(scratch_ / "sys/class/block/md0/holders/dm-3");
  fs::create_directories(scratch_ / "sys/class/block/dm-3/holders/md0");  // a ring, which no kernel makes
  write("proc/swaps", "Filename\n");
  write("proc/self/mountinfo", line("8:1", "/", "/dev/sda1"));
  EXPECT_TRUE(take());
  write("proc/self/mountinfo", line("8:1", "/", "/dev/sda1") + line("253:3", "/srv", "/dev/mapper/vault"));
  const auto refused = take();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::Unavailable);
  EXPECT_EQ(refused.error().reason, base::Reason::MediumBusy);
  EXPECT_EQ(refused.error().what, "usb:x is in use: /dev/dm-3 is mounted at /srv; unmount it and try again");
}

TEST_F(KernelTreeTest, SwapIsNamed) {
  disk("6:0:0:0", "sdb", "8:16");
  write("proc/self/mountinfo", "");
  write("proc/swaps", "Filename\n/dev/sdb partition 1 0 -2\n");
  const auto refused = take();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what,
            "usb:x is in use: /dev/sdb is used as swap; turn that swap off and try again");
}

TEST_F(KernelTreeTest, NotToKnowIsNotToTouch) {
  disk("6:0:0:0", "sdb", "8:16");
  EXPECT_FALSE(take()) << "there is no table of mounts";
  write("proc/self/mountinfo", "");
  EXPECT_TRUE(take()) << "a kernel without swap has no table of it";
}

// Another program may have it open, and only its node tells.
TEST_F(KernelTreeTest, ANodeThatMayNotBeOpenedIsNotTouched) {
  disk("6:0:0:0", "sdb", "8:16");
  write("proc/self/mountinfo", "");
  write("dev/sdb", "");
  fs::permissions(scratch_.path(), fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
  fs::permissions(scratch_ / "dev/sdb", fs::perms::none);
  const auto found = units();
  const bool root = ::geteuid() == 0;
  ASSERT_TRUE(!root || ::seteuid(65534) == 0);
  const auto refused = usb::DiskHold::take(host(), found, "usb:x");
  ASSERT_TRUE(!root || ::seteuid(0) == 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::Denied);
  EXPECT_EQ(refused.error().reason, base::Reason::MediumNotPermitted);
  EXPECT_NE(refused.error().what.find("udev rules"), std::string::npos) << refused.error().what;
}

TEST_F(KernelTreeTest, RealTablesAreRead) {
  const usb::Host real;
  const std::vector<usb::KernelUnit> units(1);
  EXPECT_TRUE(usb::DiskHold::take(real, units, "usb:x"));
}

}  // namespace
}  // namespace tests
