#include "drivers/mock/driver.h"

namespace drivers::mock {

// The disk that was in the drive when it was opened.
class MockMedium final : public hal::Medium {
 public:
  MockMedium(hal::MediumId id, hal::Access access, std::shared_ptr<Drive> drive)
      : access_(access), drive_(std::move(drive)) {
    const std::lock_guard lock(drive_->mutex_);
    info_ = {std::move(id), 0, drive_->writeProtected_};
    disk_ = drive_->disk_;
  }

  const Info& info() const noexcept override { return info_; }
  base::Result<base::SecretBuffer> readKeyFile(base::Deadline by) override { return drive_->read(disk_, by); }
  base::Result<void> writeKeyFile(base::BytesView text, hal::Overwrite consent, base::Deadline by) override {
    if (access_ == hal::Access::Write) return drive_->write(disk_, text, consent, by);
    return base::Error{base::Code::Invalid, info_.id.uri() + " was opened for reading only"};
  }

 private:
  Info info_;
  hal::Access access_;
  std::shared_ptr<Drive> drive_;
  std::uint64_t disk_ = 0;
};

MockDriver::MockDriver(std::string name, std::shared_ptr<Drive> drive)
    : id_{std::string(kInfo.scheme), std::move(name)}, drive_(std::move(drive)), seen_(drive_->changes()) {}

base::Result<std::vector<hal::Slot>> MockDriver::scan(base::Deadline) {
  const std::lock_guard lock(mutex_);
  seen_ = drive_->changes();  // before the look: a change in between is told again, never missed
  std::vector<hal::Slot> slots;
  slots.push_back(drive_->slot(id_));
  return slots;
}

base::Result<std::unique_ptr<hal::Medium>> MockDriver::open(const hal::MediumId& id, hal::Access access,
                                                            hal::Ask&, base::Deadline) {
  hal::Slot slot = drive_->slot(id_);
  if (slot.error) return std::move(*slot.error);
  if (id != id_ || !slot.present) {
    return base::Error{base::Code::NotFound, "there is no disk in " + id.uri()};
  }
  if (access == hal::Access::Write && slot.writeProtected) {
    return base::Error{base::Code::Denied, id.uri() + " is write-protected", base::Reason::MediumReadOnly};
  }
  return std::unique_ptr<hal::Medium>(std::make_unique<MockMedium>(id, access, drive_));
}

base::Result<bool> MockDriver::waitForChange(base::Deadline by, std::stop_token stop) {
  std::uint64_t seen = 0;
  {
    const std::lock_guard lock(mutex_);
    seen = seen_;
  }
  return drive_->waitForChange(seen, by, stop);
}

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target) {
  auto drive = Drive::find(target);
  if (!drive) return base::Error{base::Code::Invalid, "mock: knows no drive " + std::string(target)};
  return std::unique_ptr<hal::Driver>(std::make_unique<MockDriver>(std::string(target), std::move(drive)));
}

}  // namespace drivers::mock
