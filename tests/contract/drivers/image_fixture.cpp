#include <fcntl.h>
#include <sys/stat.h>

#include "drivers/image/image_driver.h"
#include "tests/contract/drivers/fixture.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

class ImageFixture final : public DriveFixture {
 public:
  explicit ImageFixture(bool directory) : directory_(directory) {}

  std::unique_ptr<hal::Driver> driver() override {
    // Looks by itself once an hour only: what the suite hears of in time, it hears by events (Cap::Events).
    return std::make_unique<drivers::image::ImageDriver>(
        directory_ ? scratch_.path().string() : path_.string(), std::chrono::hours(1));
  }
  hal::MediumId slot() override { return {"image", path_.string()}; }

  // As a file manager does it: under another name, then renamed.
  void insert(Disk disk, const std::string& text) override {
    writeFile(scratch_ / "copying", diskBytes(disk, text));
    std::filesystem::rename(scratch_ / "copying", path_);
  }
  void pull() override { std::filesystem::remove(path_); }
  void writeProtect() override { ::chmod(path_.c_str(), 0444); }
  void yank() override { pull(); }
  std::string content() override { return readFile(path_); }

 private:
  Scratch scratch_;
  const std::filesystem::path path_ = scratch_ / "disk.img";
  bool directory_;
};

}  // namespace

std::unique_ptr<DriveFixture> imageFileFixture() { return std::make_unique<ImageFixture>(false); }
std::unique_ptr<DriveFixture> imageDirectoryFixture() { return std::make_unique<ImageFixture>(true); }

}  // namespace tests
