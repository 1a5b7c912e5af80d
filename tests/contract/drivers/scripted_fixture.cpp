#include <chrono>

#include "drivers/floppy/floppy_driver.h"
#include "tests/contract/drivers/fixture.h"
#include "tests/contract/drivers/scripted_floppy.h"

namespace tests {
namespace {

class ScriptedFixture final : public DriveFixture {
 public:
  std::unique_ptr<hal::Driver> driver() override {
    drivers::floppy::FloppyOptions options;
    options.slot = "A:";
    options.path = "/dev/fd0";
    options.poll = std::chrono::milliseconds(100);
    return std::make_unique<drivers::floppy::FloppyDriver>(std::move(options), scriptedFloppyIo(drive_));
  }
  hal::MediumId slot() override { return {"floppy", "A:"}; }

  void insert(Disk disk, const std::string& text) override { drive_->insert(diskBytes(disk, text)); }
  void pull() override { drive_->pull(); }
  void writeProtect() override {
    const std::lock_guard lock(drive_->mutex);
    drive_->writable = false;
  }
  // In the middle: the second read of the device finds no disk.
  void yank() override {
    const std::lock_guard lock(drive_->mutex);
    drive_->readsLeft = 1;
  }
  std::string content() override {
    const std::lock_guard lock(drive_->mutex);
    return drive_->disk;
  }

 private:
  std::shared_ptr<FakeDrive> drive_ = std::make_shared<FakeDrive>();
};

}  // namespace

std::unique_ptr<DriveFixture> scriptedFloppyFixture() { return std::make_unique<ScriptedFixture>(); }

}  // namespace tests
