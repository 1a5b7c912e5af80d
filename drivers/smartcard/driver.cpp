#include "drivers/smartcard/driver.h"

#include "drivers/smartcard/smartcard_driver.h"

namespace drivers::smartcard {

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target) {
  auto options = parseTarget(target);
  if (!options) return std::move(options).error();
  return std::unique_ptr<hal::Driver>(
      std::make_unique<SmartcardDriver>(*std::move(options), makePcscLitePort));
}

}  // namespace drivers::smartcard
