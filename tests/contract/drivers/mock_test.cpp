// The script of the mock driver: each answer is what it says.
#include <gtest/gtest.h>

#include <future>

#include "drivers/builtin.h"
#include "drivers/mock/driver.h"
#include "tests/contract/drivers/disks.h"

namespace tests {
namespace {

using base::Code;
using std::chrono::milliseconds;
namespace mock = drivers::mock;

class MockScript : public ::testing::Test {
 protected:
  void SetUp() override {
    drive_->insert(keyText('A'));
    auto driver = mock::make("script");
    ASSERT_TRUE(driver);
    driver_ = std::move(*driver);
  }
  base::Result<base::SecretBuffer> read(milliseconds within) {
    hal::NoAsk ask;
    const auto by = base::Deadline::in(within);
    auto medium = driver_->open({"mock", "script"}, hal::Access::Read, ask, by);
    if (!medium) return std::move(medium).error();
    return (*medium)->readKeyFile(by);
  }
  std::shared_ptr<mock::Drive> drive_ = mock::Drive::add("script");
  std::unique_ptr<hal::Driver> driver_;
};

TEST_F(MockScript, AnswersInOrderAndThenAsTheDiskIs) {
  drive_->script(
      {mock::fail({Code::Io, "spin-up"}), mock::slow(milliseconds(50)), mock::swapFor(keyText('B'))});
  auto got = read(milliseconds(1000));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().what, "spin-up");
  EXPECT_TRUE(read(milliseconds(1000)));
  got = read(milliseconds(1000));
  ASSERT_FALSE(got);  // it had opened the disk before
  EXPECT_EQ(got.error().code, Code::NotFound);
  got = read(milliseconds(1000));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->text(), keyText('B'));
}

TEST_F(MockScript, SlowAndStallKeepTheDeadline) {
  drive_->script({mock::slow(std::chrono::seconds(60)), mock::stall()});
  for (int i = 0; i < 2; ++i) {
    auto got = read(milliseconds(50));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::Timeout);
  }
}

TEST_F(MockScript, HangOutlivesTheDeadlineUntilReleased) {
  drive_->script({mock::hang()});
  auto got = std::async(std::launch::async, [this] { return read(milliseconds(20)); });
  EXPECT_EQ(got.wait_for(milliseconds(200)), std::future_status::timeout);
  drive_->release();
  EXPECT_TRUE(got.get());
}

TEST_F(MockScript, RefusedSlotIsAnError) {
  drive_->refuse(base::Error{Code::Denied, "no right", base::Reason::MediumNotPermitted});
  auto slots = driver_->scan(base::Deadline::in(milliseconds(100)));
  ASSERT_TRUE(slots);
  EXPECT_TRUE(slots->front().error);
  EXPECT_FALSE(read(milliseconds(100)));
  drive_->refuse(std::nullopt);
  EXPECT_TRUE(read(milliseconds(100)));
}

TEST(MockName, UnknownIsInvalidAndNoProductHasIt) {
  auto driver = mock::make("never added");
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().code, Code::Invalid);
  for (const hal::DriverEntry& entry : drivers::builtin().drivers()) EXPECT_NE(entry.info->scheme, "mock");
  EXPECT_FALSE(drivers::builtin().make("mock:script"));
}

}  // namespace
}  // namespace tests
