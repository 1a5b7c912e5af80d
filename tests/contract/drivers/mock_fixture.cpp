#include "drivers/mock/driver.h"
#include "tests/contract/drivers/fixture.h"

namespace tests {
namespace {

class MockFixture final : public DriveFixture {
 public:
  std::unique_ptr<hal::Driver> driver() override {
    auto made = drivers::mock::make("contract");
    return made ? std::move(*made) : nullptr;
  }
  hal::MediumId slot() override { return {"mock", "contract"}; }

  void insert(Disk disk, const std::string& text) override {
    if (disk == Disk::Key) {
      drive_->insert(text);
    } else {
      drive_->insert(disk);
    }
  }
  void pull() override { drive_->pull(); }
  void writeProtect() override { drive_->writeProtect(true); }
  void yank() override { drive_->script({drivers::mock::vanish()}); }
  std::string content() override { return drive_->text().value_or(""); }

 private:
  std::shared_ptr<drivers::mock::Drive> drive_ = drivers::mock::Drive::add("contract");
};

}  // namespace

std::unique_ptr<DriveFixture> mockFixture() { return std::make_unique<MockFixture>(); }

}  // namespace tests
