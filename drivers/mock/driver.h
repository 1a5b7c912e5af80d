// The mock driver: "mock:NAME" is the Drive that a test of the same process added under that name. Never in
// the product.
#pragma once

#include <memory>
#include <mutex>

#include "drivers/mock/drive.h"
#include "hal/driver.h"

namespace drivers::mock {

inline constexpr hal::DriverInfo kInfo{"mock", "a script of answers, for tests", "mock:NAME",
                                       hal::Cap::Write | hal::Cap::Events};

class MockDriver final : public hal::Driver {
 public:
  MockDriver(std::string name, std::shared_ptr<Drive> drive);

  const hal::DriverInfo& info() const noexcept override { return kInfo; }
  base::Result<std::vector<hal::Slot>> scan(base::Deadline by) override;
  base::Result<std::unique_ptr<hal::Medium>> open(const hal::MediumId& id, hal::Access access, hal::Ask& ask,
                                                  base::Deadline by) override;
  base::Result<bool> waitForChange(base::Deadline by, std::stop_token stop) override;

 private:
  hal::MediumId id_;
  std::shared_ptr<Drive> drive_;
  std::mutex mutex_;
  std::uint64_t seen_;  // under mutex_: the drive's changes that the last scan told of
};

// Errors: Invalid where no drive of that name was added.
base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target);

}  // namespace drivers::mock
