// Names, stamps, disks in use, permissions, and what comes and goes.
#include <future>

#include "tests/unit/usb/stick_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Names = std::vector<std::string>;

class UsbDriverTest : public StickTest {
 protected:
  std::shared_ptr<ScriptedStick> twin(const std::string& serial, const std::string& port) {
    auto made = stick();
    made->serial = serial;
    made->port = port;
    return made;
  }
  std::string stamp(usb::UsbDriver& driver) {
    const auto slots = scan(driver);
    return slots.empty() ? "none" : slots.front().stamp;
  }
};

TEST_F(UsbDriverTest, NothingAndHubsAreNoSlots) {
  EXPECT_EQ(names(all()), Names{});
  EXPECT_EQ(names(*driver("0951:1666")), Names{});
}

TEST_F(UsbDriverTest, ANamedSlotIsToldOfWhileItIsEmpty) {
  EXPECT_EQ(names(*driver("0951:1666/E0D55EA5")), Names{"0951:1666/E0D55EA5 (empty)"});
  EXPECT_EQ(names(*driver("0951:1666@1-1#2")), Names{"0951:1666@1-1#2 (empty)"});
  const auto one = plugged();
  EXPECT_EQ(names(*driver("0951:1666/E0D55EA5")), Names{"0951:1666/E0D55EA5"});
  EXPECT_EQ(names(*driver("0951:1666@1-1")), Names{"0951:1666@1-1"});
  EXPECT_EQ(names(*driver("0951:1667")), Names{});
}

TEST_F(UsbDriverTest, NamesWithoutASerialAndWithADoubledOne) {
  bus_.plug(twin("", "1-1"));
  bus_.plug(twin("with blank", "1-2"));
  const auto third = twin("S1", "1-3"), fourth = twin("S1", "1-4");
  bus_.plug(third);
  EXPECT_EQ(names(all()), (Names{"0951:1666@1-1", "0951:1666@1-2", "0951:1666/S1"}));
  // A twin that comes later takes no name away.
  bus_.plug(fourth);
  EXPECT_EQ(names(all()), (Names{"0951:1666@1-1", "0951:1666@1-2", "0951:1666/S1", "0951:1666@1-4"}));
  EXPECT_EQ(read("0951:1666/S1"), kStickKey);
  EXPECT_EQ(read("0951:1666@1-4"), kStickKey);
  EXPECT_EQ(read("0951:1666@1-3"), kStickKey);
  // Who sees both at first knows no first one.
  const auto other = driver();
  EXPECT_EQ(names(*other), (Names{"0951:1666@1-1", "0951:1666@1-2", "0951:1666@1-3", "0951:1666@1-4"}));
  hal::NoAsk ask;
  const auto got = other->open({"usb", "0951:1666/S1"}, hal::Access::Read, ask, soon());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::Unavailable);
}

TEST_F(UsbDriverTest, OnlyWhatTheTargetFitsIsOpened) {
  plugged();
  hal::NoAsk ask;
  const auto other = driver("0951:1667");
  EXPECT_FALSE(other->open({"usb", kSlot}, hal::Access::Read, ask, soon()));
  EXPECT_FALSE(driver("0951:1666#1")->open({"usb", kSlot}, hal::Access::Read, ask, soon()));
  for (const char* slot : {"", "0951:1666", "x", "0951:1666/other"}) {
    const auto got = open(slot);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::NotFound) << slot;
  }
}

TEST_F(UsbDriverTest, ScanningTouchesNothing) {
  const auto one = plugged();
  names(all());
  names(all());
  EXPECT_EQ(one->transfers(), 0U);
  EXPECT_TRUE(one->asFound());
}

TEST_F(UsbDriverTest, OwnUseLeavesTheStampAndAPullChangesIt) {
  const auto one = plugged();
  const std::string before = stamp(all());
  for (int i = 0; i < 3; ++i) {
    {
      auto medium = open(kSlot);
      ASSERT_TRUE(medium);
      EXPECT_EQ(stamp(all()), before) << "while it is open";
    }
    EXPECT_EQ(stamp(all()), before) << "after it was given back";
  }
  bus_.pull(one);
  EXPECT_EQ(stamp(all()), "none");
  bus_.plug(one);
  EXPECT_NE(stamp(all()), before);
}

TEST_F(UsbDriverTest, CardReaderWithSeveralSlots) {
  const auto reader = stick("");
  reader->units.push_back({.disk = keyImage()});
  bus_.plug(reader);
  const std::string first = kSlot, second = first + "#1";
  EXPECT_EQ(names(all()), (Names{first + " (empty)", second}));
  EXPECT_EQ(read(second), kStickKey);
  const unsigned before = reader->transfers();
  EXPECT_TRUE(read(first).starts_with("1/")) << "nothing is inserted";
  EXPECT_EQ(reader->transfers(), before) << "the kernel knew it";
  EXPECT_TRUE(read(first + "#2").starts_with("1/")) << "no such unit";
  EXPECT_EQ(names(*driver("0951:1666#1")), Names{second});
}

TEST_F(UsbDriverTest, AnotherCardInTheReaderChangesTheStamp) {
  const auto reader = plugged();
  const std::string before = stamp(all());
  reader->units[0].disk = std::string(keyImage().size(), 'x');  // of the same size
  bus_.changed(reader);
  const std::string exchanged = stamp(all());
  EXPECT_NE(exchanged, before);
  reader->units[0].disk.clear();
  bus_.changed(reader);
  EXPECT_FALSE(scan(all()).front().present);
  reader->units[0].disk = keyImage();
  bus_.changed(reader);
  EXPECT_NE(stamp(all()), exchanged);
  EXPECT_NE(stamp(all()), before);
}

TEST_F(UsbDriverTest, OtherKindsOfUnitsAreNoSlots) {
  const auto one = stick();
  one->units.insert(one->units.begin(), {.disk = "a CD", .type = 5});
  bus_.plug(one);
  EXPECT_EQ(names(all()), Names{std::string(kSlot) + "#1"});
  EXPECT_EQ(read(std::string(kSlot) + "#1"), kStickKey);
}

TEST_F(UsbDriverTest, WithoutAKernelDriver) {
  const auto one = stick();
  one->kernelDriver = false;
  bus_.plug(one);
  EXPECT_EQ(names(all()), Names{kSlot});
  EXPECT_EQ(read(kSlot), kStickKey);
  EXPECT_TRUE(one->asFound());
}

// Left so by a reader process that was killed.
TEST_F(UsbDriverTest, AStickThatWasLeftAsideIsGivenBackToTheKernel) {
  const auto one = stick();
  one->leftAside = true;
  bus_.plug(one);
  EXPECT_EQ(read(kSlot), kStickKey);
  EXPECT_TRUE(one->asFound());
}

TEST_F(UsbDriverTest, AMountedStickIsNotTouched) {
  const auto one = plugged();
  bus_.setMounts("36 35 8:17 / /media/stick rw - vfat /dev/sdb1 rw\n");
  for (const auto access : {hal::Access::Read, hal::Access::Write}) {
    const auto got = open(kSlot, access);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::Unavailable);
    EXPECT_EQ(got.error().reason, Reason::MediumBusy);
    EXPECT_NE(got.error().what.find("/dev/sdb1 is mounted at /media/stick"), std::string::npos);
  }
  EXPECT_EQ(one->transfers(), 0U);
  EXPECT_TRUE(one->asFound());
  EXPECT_TRUE(scan(all()).front().present);
  bus_.setMounts("");
  EXPECT_EQ(read(kSlot), kStickKey);
}

// The kernel's driver is put aside for the whole reader, so its neighbour counts too.
TEST_F(UsbDriverTest, AMountedNeighbourCounts) {
  const auto one = stick();
  one->units.push_back({.disk = keyImage()});
  bus_.plug(one);
  bus_.setMounts("36 35 8:33 / /media/stick rw - vfat /dev/sdc1 rw\n");
  EXPECT_FALSE(open(kSlot));
}

TEST_F(UsbDriverTest, WhatMayNotBeOpenedSaysWhy) {
  const auto one = stick();
  one->refused =
      base::Error{Code::Denied, "/dev/bus/usb/001/004 may not be opened", Reason::MediumNotPermitted};
  bus_.plug(one);
  const auto slots = scan(all());
  ASSERT_EQ(slots.size(), 1U);
  EXPECT_FALSE(slots[0].present);
  ASSERT_TRUE(slots[0].error);
  EXPECT_EQ(slots[0].error->reason, Reason::MediumNotPermitted);
  const auto got = open(kSlot);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::MediumNotPermitted);
}

TEST_F(UsbDriverTest, PullingAnOpenStickIsSeenByTheNextRead) {
  const auto one = plugged();
  auto medium = open(kSlot);
  ASSERT_TRUE(medium);
  bus_.pull(one);
  const auto text = (*medium)->readKeyFile(soon());
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::NotFound);
  medium = base::Error{};
  EXPECT_TRUE(one->asFound());
}

TEST_F(UsbDriverTest, ChangesAreHeardAlsoWhereNobodyTellsThem) {
  for (const bool deaf : {false, true}) {
    bus_.deaf = deaf;
    names(all());
    const auto by = base::Deadline::in(seconds(20));
    auto answer = std::async(std::launch::async, [&] { return all().waitForChange(by, {}); });
    const auto one = plugged();
    auto heard = answer.get();
    ASSERT_TRUE(heard);
    EXPECT_TRUE(*heard);
    EXPECT_GT(by.remaining(), seconds(15));
    // Own use is no change.
    names(all());
    EXPECT_EQ(read(kSlot), kStickKey);
    heard = all().waitForChange(base::Deadline::in(milliseconds(200)), {});
    ASSERT_TRUE(heard);
    EXPECT_FALSE(*heard);
    bus_.pull(one);
  }
}

}  // namespace
}  // namespace tests
