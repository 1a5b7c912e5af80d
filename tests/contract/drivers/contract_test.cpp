#include "tests/contract/drivers/contract.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

TEST_P(DriverContract, IdentityIsComplete) {
  const hal::DriverInfo& info = driver_->info();
  EXPECT_EQ(info.scheme, drive_->slot().driver);
  EXPECT_FALSE(info.summary.empty());
  EXPECT_NE(info.forms.find(std::string(info.scheme) + ":"), std::string_view::npos);
}

TEST_P(DriverContract, NothingPresentIsNoError) {
  const hal::Slot slot = look();
  EXPECT_FALSE(slot.present);
  EXPECT_FALSE(slot.error) << slot.error->what;
  auto medium = open(hal::Access::Read);
  ASSERT_FALSE(medium);
  EXPECT_EQ(medium.error().code, Code::NotFound);
  EXPECT_FALSE(medium.error().what.empty());
}

TEST_P(DriverContract, SlotOfAnotherIsNotFound) {
  drive_->insert(Disk::Key, keyText('A'));
  hal::NoAsk ask;
  for (const hal::MediumId& id :
       {hal::MediumId{drive_->slot().driver, "/nowhere/else"}, hal::MediumId{"other", drive_->slot().slot}}) {
    auto medium = driver_->open(id, hal::Access::Read, ask, soon());
    ASSERT_FALSE(medium) << id.uri();
    EXPECT_EQ(medium.error().code, Code::NotFound);
  }
}

TEST_P(DriverContract, ReadsTheKeyFile) {
  drive_->insert(Disk::Key, keyText('A'));
  const hal::Slot slot = look();
  EXPECT_TRUE(slot.present);
  EXPECT_FALSE(slot.writeProtected);
  EXPECT_FALSE(slot.stamp.empty());
  expectKey(keyText('A'));
  expectKey(keyText('A'));  // reading changes nothing
  EXPECT_EQ(look().stamp, slot.stamp);
}

TEST_P(DriverContract, EachPullAndInsertChangesTheStamp) {
  drive_->insert(Disk::Key, keyText('A'));
  const std::string first = look().stamp;
  drive_->pull();
  const hal::Slot gone = look();
  EXPECT_FALSE(gone.present);
  EXPECT_NE(gone.stamp, first);
  drive_->insert(Disk::Key, keyText('A'));
  const std::string second = look().stamp;
  EXPECT_NE(second, first);
  drive_->insert(Disk::Key, keyText('B'));  // exchanged between two looks
  EXPECT_NE(look().stamp, second);
  expectKey(keyText('B'));
}

TEST_P(DriverContract, EveryWrongDiskHasItsReason) {
  const std::pair<Disk, Reason> wrong[] = {{Disk::Unformatted, Reason::Unformatted},
                                           {Disk::NotFat, Reason::NotFat},
                                           {Disk::Blank, Reason::Blank},
                                           {Disk::Files, Reason::Blank},
                                           {Disk::Damaged, Reason::Damaged}};
  for (auto [disk, reason] : wrong) {
    if (!drive_->isDisk() && disk == Disk::Damaged) continue;  // its key file tells, not the driver
    if (!drive_->isDisk())
      reason = disk == Disk::NotFat || disk == Disk::Files ? Reason::NotFat : Reason::Blank;
    drive_->insert(disk, "");
    EXPECT_TRUE(look().present);
    auto got = read();
    ASSERT_FALSE(got) << "disk " << int(disk);
    EXPECT_EQ(got.error().reason, reason) << "disk " << int(disk) << ": " << got.error().what;
  }
  drive_->insert(Disk::Key, keyText('A'));
  expectKey(keyText('A'));  // a wrong disk leaves nothing behind
}

TEST_P(DriverContract, WritesWhatItSaysItCanWrite) {
  drive_->insert(Disk::Blank, "");
  auto written = write(keyText('C'), hal::Overwrite::Empty);
  if (!driver_->info().can(hal::Cap::Write)) {
    ASSERT_FALSE(written);
    return;
  }
  ASSERT_TRUE(written) << written.error().what;
  expectKey(keyText('C'));
  drive_->insert(Disk::Unformatted, "");
  written = write(keyText('D'), hal::Overwrite::Empty);
  ASSERT_TRUE(written) << written.error().what;
  expectKey(keyText('D'));
}

TEST_P(DriverContract, CreatesWhatItSaysItCanCreate) {
  auto written = write(keyText('C'), hal::Overwrite::Empty);
  if (!driver_->info().can(hal::Cap::Create)) {
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::NotFound);
    return;
  }
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_TRUE(look().present);
  expectKey(keyText('C'));
}

TEST_P(DriverContract, OverwritesOnlyWithConsent) {
  drive_->insert(Disk::Files, "");
  std::string before = drive_->content();
  auto written = write(keyText('C'), hal::Overwrite::Empty);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().reason, Reason::MediumHoldsFiles);
  EXPECT_EQ(drive_->content(), before);
  written = write(keyText('C'), hal::Overwrite::Files);
  ASSERT_TRUE(written) << written.error().what;

  before = drive_->content();
  for (const auto consent : {hal::Overwrite::Empty, hal::Overwrite::Files}) {
    written = write(keyText('D'), consent);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().reason, Reason::MediumHoldsKey);
    EXPECT_EQ(drive_->content(), before);
  }
  written = write(keyText('D'), hal::Overwrite::Key);
  ASSERT_TRUE(written) << written.error().what;
  expectKey(keyText('D'));
}

TEST_P(DriverContract, WriteProtectedIsRefusedAndUnchanged) {
  drive_->insert(Disk::Key, keyText('A'));
  if (!drive_->isDisk()) {
    EXPECT_FALSE(look().writeProtected);
    return;
  }
  drive_->writeProtect();
  EXPECT_TRUE(look().writeProtected);
  const std::string before = drive_->content();
  auto written = write(keyText('D'), hal::Overwrite::Key);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::Denied);
  EXPECT_EQ(written.error().reason, Reason::MediumReadOnly);
  EXPECT_EQ(drive_->content(), before);
  auto medium = open(hal::Access::Read);
  ASSERT_TRUE(medium) << medium.error().what;
  EXPECT_TRUE((*medium)->info().writeProtected);
  medium = base::Error{Code::NotFound, ""};
  expectKey(keyText('A'));
}

TEST_P(DriverContract, OpenedForReadingIsNotWritten) {
  drive_->insert(Disk::Blank, "");
  const std::string before = drive_->content();
  auto medium = open(hal::Access::Read);
  ASSERT_TRUE(medium) << medium.error().what;
  EXPECT_EQ((*medium)->info().id, drive_->slot());
  auto written = (*medium)->writeKeyFile(base::asBytes(keyText('A')), hal::Overwrite::Key, soon());
  EXPECT_FALSE(written);
  EXPECT_EQ(drive_->content(), before);
}

TEST_P(DriverContract, VanishingInTheMiddleOfAReadIsAnErrorInTime) {
  drive_->insert(Disk::Key, keyText('A'));
  auto medium = open(hal::Access::Read);
  ASSERT_TRUE(medium) << medium.error().what;
  drive_->yank();
  const auto by = base::Deadline::in(std::chrono::seconds(5));
  auto got = (*medium)->readKeyFile(by);
  EXPECT_FALSE(by.expired());
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().code == Code::NotFound || got.error().code == Code::Io ||
              got.error().code == Code::Corrupt)
      << got.error().what;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Drives, DriverContract, ::testing::ValuesIn(kDrives),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace tests
