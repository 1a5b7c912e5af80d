// The genuine libusb, with whatever is plugged into this machine, which may be nothing.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "drivers/usb/driver.h"
#include "drivers/usb/usb_port.h"

namespace tests {
namespace {

namespace usb = drivers::usb;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LibusbPort, ListsAndOpensNothingThatIsNotThere) {
  const auto port = usb::makeLibusbPort({});
  for (int i = 0; i < 3; ++i) {
    const auto devices = port->list();
    ASSERT_TRUE(devices) << devices.error().what;
    for (const usb::Device& device : *devices) EXPECT_FALSE(device.port.empty());
  }
  usb::Device absent;
  absent.bus = absent.address = 255;
  EXPECT_EQ(port->open(absent).fault, usb::Fault::Gone);
}

TEST(LibusbPort, WaitsUntilTheDeadlineAndStopsAtOnce) {
  const auto port = usb::makeLibusbPort({});
  const auto by = base::Deadline::in(milliseconds(150));
  const auto waited = port->wait(by, {});
  ASSERT_TRUE(waited) << waited.error().what;
  EXPECT_TRUE(*waited || by.expired());
  for (int i = 0; i < 5; ++i) {
    std::stop_source stop;
    const auto late = base::Deadline::in(seconds(30));
    auto answer = std::async(std::launch::async, [&] { return port->wait(late, stop.get_token()); });
    if (i % 2 == 0) {
      EXPECT_EQ(answer.wait_for(milliseconds(50)), std::future_status::timeout);
    }
    EXPECT_TRUE(port->list()) << "beside the wait";
    stop.request_stop();
    ASSERT_TRUE(answer.get());
    EXPECT_GT(late.remaining(), seconds(20));
  }
}

TEST(LibusbPort, TheDriverOverIt) {
  auto driver = usb::make("ffff:fffe/none");
  ASSERT_TRUE(driver);
  const auto slots = (*driver)->scan(base::Deadline::in(seconds(10)));
  ASSERT_TRUE(slots) << slots.error().what;
  ASSERT_EQ(slots->size(), 1U);
  EXPECT_FALSE(slots->front().present);
  const auto changed = (*driver)->waitForChange(base::Deadline::in(milliseconds(100)), {});
  ASSERT_TRUE(changed);
}

}  // namespace
}  // namespace tests
