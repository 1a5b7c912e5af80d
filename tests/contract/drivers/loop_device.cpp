#include "tests/contract/drivers/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "hal/base/clock.h"
#include "hal/base/fd.h"
#include "tests/support/run.h"

namespace tests {
namespace {

constexpr const char* kControl = "/dev/loop-control";
constexpr int kFirst = 64;  // numbers that losetup -f would hand out late
constexpr int kNumbers = 400;

}  // namespace

LoopDevice::LoopDevice() {
  const base::Fd control(::open(kControl, O_RDWR | O_CLOEXEC));
  if (!control) {
    unable_ = std::string("no loop devices here: ") + kControl + ": " + std::strerror(errno);
    return;
  }
  for (int i = 0; i < kNumbers; ++i) {
    const int wanted = kFirst + (::getpid() + i) % kNumbers;
    if (::ioctl(control.get(), LOOP_CTL_ADD, wanted) < 0) continue;
    number_ = wanted;
    break;
  }
  if (number_ < 0) {
    unable_ = std::string("no loop device can be added: ") + std::strerror(errno);
    return;
  }
  const auto by = base::Deadline::in(std::chrono::seconds(5));
  while (!std::filesystem::exists(path()) && !by.expired()) {  // devtmpfs or udevd makes the node
  }
  if (!std::filesystem::exists(path())) unable_ = "no node " + path();
}

LoopDevice::~LoopDevice() {
  if (attached_) detach();
  if (number_ < 0) return;
  const base::Fd control(::open(kControl, O_RDWR | O_CLOEXEC));
  // Detaching ends when the last descriptor is closed, a moment later at times.
  const auto by = base::Deadline::in(std::chrono::seconds(5));
  while (::ioctl(control.get(), LOOP_CTL_REMOVE, number_) < 0 && errno == EBUSY && !by.expired()) {
  }
}

bool LoopDevice::attach(const std::string& image, bool readOnly) {
  std::vector<std::string> command{"losetup", path(), image};
  if (readOnly) command.insert(command.begin() + 1, "-r");
  const auto by = base::Deadline::in(std::chrono::seconds(5));
  do {
    attached_ = run(command).exit == 0;
  } while (!attached_ && !by.expired());  // busy while the last detach is not done
  return attached_;
}

void LoopDevice::detach() {
  run({"losetup", "-d", path()});
  attached_ = false;
  // The device is empty only when the kernel says so.
  const std::string size = "/sys/block/loop" + std::to_string(number_) + "/size";
  const auto by = base::Deadline::in(std::chrono::seconds(5));
  std::string now;
  do {
    std::ifstream(size) >> now;
  } while (now != "0" && !by.expired());
}

}  // namespace tests
