#include <chrono>

#include "drivers/floppy/driver.h"
#include "tests/contract/drivers/fixture.h"
#include "tests/contract/drivers/loop_device.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

class LoopFixture final : public DriveFixture {
 public:
  std::string unable() override { return loop_.unable(); }
  std::unique_ptr<hal::Driver> driver() override {
    auto made = drivers::floppy::make(loop_.path());
    return made ? std::move(*made) : nullptr;
  }
  hal::MediumId slot() override { return {"floppy", loop_.path()}; }

  void insert(Disk disk, const std::string& text) override {
    if (inserted_) pull();
    writeFile(image_, diskBytes(disk, text));
    inserted_ = loop_.attach(image_.string());
  }
  void pull() override {
    loop_.detach();
    inserted_ = false;
  }
  void writeProtect() override {
    loop_.detach();
    inserted_ = loop_.attach(image_.string(), true);
  }
  void yank() override { std::filesystem::resize_file(image_, 0); }
  std::string content() override { return readFile(image_); }

 private:
  Scratch scratch_;
  const std::filesystem::path image_ = scratch_ / "backing";
  LoopDevice loop_;
  bool inserted_ = false;
};

}  // namespace

std::unique_ptr<DriveFixture> loopFixture() { return std::make_unique<LoopFixture>(); }

}  // namespace tests
