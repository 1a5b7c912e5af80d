#include <chrono>

#include "drivers/usb/usb_driver.h"
#include "tests/contract/drivers/fixture.h"
#include "tests/unit/usb/scripted_stick.h"

namespace tests {
namespace {

class UsbFixture final : public DriveFixture {
 public:
  std::unique_ptr<hal::Driver> driver() override {
    usb::UsbOptions options;
    options.host = bus_.host();
    // Looks by itself once an hour only: what the suite hears of in time, it hears by events (Cap::Events).
    options.poll = std::chrono::hours(1);
    return std::make_unique<usb::UsbDriver>(std::move(options), bus_.port());
  }
  hal::MediumId slot() override { return {"usb", "0951:1666/E0D55EA5"}; }

  void insert(Disk disk, const std::string& text) override {
    if (stick_) bus_.pull(stick_);
    stick_ = std::make_shared<ScriptedStick>(diskBytes(disk, text));
    bus_.plug(stick_);
  }
  void pull() override {
    if (stick_) bus_.pull(stick_);
    stick_.reset();
  }
  void writeProtect() override {
    stick_->units[0].writeProtected = true;
    bus_.changed(stick_);
  }
  // In the middle: while the first sectors come.
  void yank() override { stick_->plan(Trouble::Yank, 5); }
  std::string content() override { return stick_->disk(); }

 private:
  ScriptedBus bus_;
  std::shared_ptr<ScriptedStick> stick_;
};

}  // namespace

std::unique_ptr<DriveFixture> usbFixture() { return std::make_unique<UsbFixture>(); }

}  // namespace tests
