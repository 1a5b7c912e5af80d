#include "drivers/floppy/driver.h"

#include "drivers/floppy/floppy_driver.h"
#include "hal/base/utf8.h"

namespace drivers::floppy {

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target) {
  FloppyOptions options;
  if (target == "A:" || target == "a:") {
    options.slot = "A:";
    options.path = "/dev/fd0";
  } else if (target == "B:" || target == "b:") {
    options.slot = "B:";
    options.path = "/dev/fd1";
  } else if (target.starts_with('/') && base::validUtf8(target) && !base::hasControl(target)) {
    options.slot = target;
    options.path = target;
  } else {
    return base::Error{base::Code::Invalid, "floppy: takes A:, B: or the full path of a block device"};
  }
  return std::unique_ptr<hal::Driver>(
      std::make_unique<FloppyDriver>(std::move(options), makeLinuxFloppyIo()));
}

}  // namespace drivers::floppy
