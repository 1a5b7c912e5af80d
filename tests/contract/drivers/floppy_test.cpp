// What only the floppy driver has: drive names, the failing first open, and each refusal of the kernel.
#include <gtest/gtest.h>

#include <cerrno>

#include "drivers/floppy/driver.h"
#include "drivers/floppy/floppy_driver.h"
#include "tests/contract/drivers/disks.h"
#include "tests/contract/drivers/loop_device.h"
#include "tests/contract/drivers/scripted_floppy.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

base::Deadline soon() { return base::Deadline::in(std::chrono::seconds(10)); }

class FloppyDriverTest : public ::testing::Test {
 protected:
  hal::Slot look() {
    auto slots = driver_.scan(soon());
    EXPECT_TRUE(slots);
    EXPECT_EQ(slots->size(), 1U);
    return std::move(slots->front());
  }
  base::Result<std::unique_ptr<hal::Medium>> open(hal::Access access) {
    hal::NoAsk ask;
    return driver_.open({"floppy", "A:"}, access, ask, soon());
  }

  static drivers::floppy::FloppyOptions options() {
    drivers::floppy::FloppyOptions options;
    options.slot = "A:";
    options.path = "/dev/fd0";
    options.poll = std::chrono::milliseconds(50);
    return options;
  }
  std::shared_ptr<FakeDrive> drive_ = std::make_shared<FakeDrive>();
  drivers::floppy::FloppyDriver driver_{options(), scriptedFloppyIo(drive_)};
};

TEST(FloppyUri, TakesDrivesAndPathsOnly) {
  for (const char* target : {"A:", "a:", "B:", "b:", "/dev/sdb"}) {
    EXPECT_TRUE(drivers::floppy::make(target)) << target;
  }
  for (const char* target : {"", "A", "C:", "AA:", "sdb", "A:/x", "/dev/\n"}) {
    auto driver = drivers::floppy::make(target);
    ASSERT_FALSE(driver) << target;
    EXPECT_EQ(driver.error().code, Code::Invalid);
  }
  auto driver = drivers::floppy::make("b:");
  ASSERT_TRUE(driver);
  auto slots = (*driver)->scan(soon());
  ASSERT_TRUE(slots);
  EXPECT_EQ(slots->front().id.uri(), "floppy:B:");
}

TEST_F(FloppyDriverTest, FirstOpenAfterAChangeIsRetriedOnceOnly) {
  drive_->insert(diskBytes(Disk::Key, keyText('A')));
  EXPECT_TRUE(look().present);
  EXPECT_EQ(drive_->opens, 2U);
  EXPECT_TRUE(look().present);
  EXPECT_EQ(drive_->opens, 3U);  // nothing has changed: one
  drive_->pull();
  EXPECT_FALSE(look().present);
  EXPECT_EQ(drive_->opens, 5U);  // empty: two, and no more
}

TEST_F(FloppyDriverTest, OpeningRightAfterAnInsertSucceeds) {
  drive_->insert(diskBytes(Disk::Key, keyText('A')));
  auto medium = open(hal::Access::Read);
  ASSERT_TRUE(medium) << medium.error().what;
  auto text = (*medium)->readKeyFile(soon());
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_EQ(text->text(), keyText('A'));
}

// The kernel's own count may stand still; the failing first open tells, too.
TEST_F(FloppyDriverTest, StampChangesWithoutTheKernelsCount) {
  drive_->insert(diskBytes(Disk::Blank, ""));
  const std::string before = look().stamp;
  drive_->failNextOpen = true;
  EXPECT_NE(look().stamp, before);
}

TEST_F(FloppyDriverTest, StampChangesThoughAnotherProgramTookTheFailingOpen) {
  drive_->insert(diskBytes(Disk::Blank, ""));
  const std::string before = look().stamp;
  drive_->insert(diskBytes(Disk::Blank, ""));
  drive_->failNextOpen = false;
  EXPECT_NE(look().stamp, before);
}

TEST_F(FloppyDriverTest, ProtectedDiskIsSeenAndRefused) {
  drive_->insert(diskBytes(Disk::Blank, ""));
  drive_->writable = false;
  EXPECT_TRUE(look().writeProtected);
  auto medium = open(hal::Access::Write);
  ASSERT_FALSE(medium);
  EXPECT_EQ(medium.error().reason, Reason::MediumReadOnly);
  // Changed for another protected one in between: the second open gives EROFS, and the change still counts.
  const std::string before = look().stamp;
  drive_->failNextOpen = true;
  EXPECT_FALSE(open(hal::Access::Write));
  EXPECT_NE(look().stamp, before);
}

TEST_F(FloppyDriverTest, DiskPulledDuringTheLookIsNotPresent) {
  drive_->insert(diskBytes(Disk::Blank, ""));
  drive_->pulledAfterOpen = true;
  EXPECT_FALSE(look().present);
  auto medium = open(hal::Access::Read);
  ASSERT_FALSE(medium);
  EXPECT_EQ(medium.error().code, Code::NotFound);
}

TEST_F(FloppyDriverTest, EachRefusalIsAClearSentence) {
  struct {
    int error;
    Code code;
    Reason reason;
    const char* says;
  } const refusals[] = {{EBUSY, Code::Unavailable, Reason::MediumBusy, "unmount"},
                        {EACCES, Code::Denied, Reason::MediumNotPermitted, "group"},
                        {EPERM, Code::Denied, Reason::MediumNotPermitted, "DeviceAllow="},
                        {ENODEV, Code::NotFound, Reason::AwaitingMedium, "no drive"},
                        {EIO, Code::Io, Reason::None, "cannot open"}};
  drive_->insert(diskBytes(Disk::Blank, ""));
  for (const auto& each : refusals) {
    drive_->refusal = each.error;
    const hal::Slot slot = look();
    EXPECT_FALSE(slot.present);
    ASSERT_TRUE(slot.error);
    EXPECT_EQ(slot.error->code, each.code);
    EXPECT_EQ(slot.error->reason, each.reason);
    EXPECT_NE(slot.error->what.find(each.says), std::string::npos) << slot.error->what;
    auto medium = open(hal::Access::Read);
    ASSERT_FALSE(medium);
    EXPECT_EQ(medium.error().code, each.code);
  }
  drive_->refusal = 0;
  EXPECT_TRUE(look().present);
}

TEST_F(FloppyDriverTest, DriveThatComesIsHeardOf) {
  drive_->nodeError = ENOENT;
  ASSERT_TRUE(look().error);
  drive_->insert(diskBytes(Disk::Blank, ""));
  {
    const std::lock_guard lock(drive_->mutex);
    drive_->nodeError = 0;
  }
  auto heard = driver_.waitForChange(soon(), {});
  ASSERT_TRUE(heard);
  EXPECT_TRUE(*heard);
}

TEST_F(FloppyDriverTest, DriveThatGoesIsEmptyAndNoError) {
  drive_->nodeError = ENOENT;
  EXPECT_TRUE(look().error) << "a drive that never was there may be a slip in its name";
  drive_->nodeError = 0;
  drive_->kind = drivers::floppy::NodeKind::Block;
  drive_->insert(diskBytes(Disk::Blank, ""));
  EXPECT_TRUE(look().present);
  drive_->nodeError = ENOENT;
  hal::Slot slot = look();
  EXPECT_FALSE(slot.present);
  EXPECT_FALSE(slot.error) << slot.error->what;
  drive_->nodeError = EACCES;
  EXPECT_TRUE(look().error);
  drive_->nodeError = 0;
  EXPECT_TRUE(look().present);
}

TEST(FloppyPath, FileIsSentToTheImageDriver) {
  const Scratch scratch;
  const std::string path = (scratch / "a.img").string();
  writeFile(path, "x");
  auto driver = drivers::floppy::make(path);
  ASSERT_TRUE(driver);
  auto slots = (*driver)->scan(soon());
  ASSERT_TRUE(slots);
  ASSERT_TRUE(slots->front().error);
  EXPECT_EQ(slots->front().error->code, Code::Unsupported);
  EXPECT_NE(slots->front().error->what.find("image:" + path), std::string::npos);
}

// The kernel's own block events wake the wait long before the next look is due.
TEST(FloppyUevents, WakeTheWait) {
  LoopDevice loop;
  if (!loop.unable().empty()) GTEST_SKIP() << loop.unable();
  if (!hal::UeventSocket::open()) GTEST_SKIP() << "no kernel events here";
  const Scratch scratch;
  writeFile(scratch / "a.img", diskBytes(Disk::Blank, ""));
  drivers::floppy::FloppyOptions options;
  options.slot = options.path = loop.path();
  options.poll = std::chrono::seconds(60);
  drivers::floppy::FloppyDriver driver(options, drivers::floppy::makeLinuxFloppyIo());
  ASSERT_TRUE(driver.scan(soon()));
  ASSERT_TRUE(
      driver.waitForChange(base::Deadline::in(std::chrono::milliseconds(10)), {}));  // listens from here
  ASSERT_TRUE(loop.attach((scratch / "a.img").string()));
  auto heard = driver.waitForChange(base::Deadline::in(std::chrono::seconds(20)), {});
  ASSERT_TRUE(heard);
  EXPECT_TRUE(*heard);
}

}  // namespace
}  // namespace tests
