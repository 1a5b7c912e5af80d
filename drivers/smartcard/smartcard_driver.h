// SmartcardDriver: the readers that pcscd knows and that the URI names; each is a slot.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drivers/smartcard/target.h"
#include "drivers/smartcard/worker.h"
#include "hal/driver.h"

namespace drivers::smartcard {

class SmartcardDriver final : public hal::Driver {
 public:
  SmartcardDriver(CardTarget target, MakePcscPort make);
  ~SmartcardDriver() override;

  const hal::DriverInfo& info() const noexcept override;
  base::Result<std::vector<hal::Slot>> scan(base::Deadline by) override;
  base::Result<std::unique_ptr<hal::Medium>> open(const hal::MediumId& id, hal::Access access, hal::Ask& ask,
                                                  base::Deadline by) override;
  base::Result<bool> waitForChange(base::Deadline by, std::stop_token stop) override;

 private:
  using Readers = base::Result<std::vector<Reader>>;

  hal::MediumId idOf(const std::string& reader) const;
  std::vector<hal::Slot> slotsOf(const Readers& readers);
  // All that a change of the slots shows in.
  std::string digest(const Readers& readers) const;
  bool named(const Reader& reader) const { return reader.shown.starts_with(target_.reader); }
  Pcsc waitOnce(const std::vector<Reader>& readers, base::Deadline by, const std::stop_token& stop);

  const CardTarget target_;
  const MakePcscPort make_;
  const std::shared_ptr<ReaderBook> book_ = std::make_shared<ReaderBook>();
  const std::shared_ptr<Workers> workers_;
  std::vector<std::string> known_;  // readers of the last good scan

  std::mutex mutex_;
  std::optional<std::string> told_;       // digest of the last scan
  std::unique_ptr<PcscSession> waiting_;  // of waitForChange only
};

}  // namespace drivers::smartcard
