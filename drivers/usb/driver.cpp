#include "drivers/usb/driver.h"

#include "drivers/usb/usb_driver.h"

namespace drivers::usb {

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target) {
  auto parsed = parseTarget(target);
  if (!parsed) return std::move(parsed).error();
  UsbOptions options;
  options.target = *std::move(parsed);
  auto port = makeLibusbPort(options.host);
  return std::unique_ptr<hal::Driver>(std::make_unique<UsbDriver>(std::move(options), std::move(port)));
}

}  // namespace drivers::usb
