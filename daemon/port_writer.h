// A KeyWriter over the medium that a URI on a command line means.
#pragma once

#include "daemon/media_port.h"
#include "daemon/slot_change.h"

namespace kmsd {

class PortWriter final : public KeyWriter {
 public:
  // `ask` outlives it.
  PortWriter(std::string uri, hal::Ask& ask, std::filesystem::path driverDir)
      : uri_(std::move(uri)), ask_(ask), driverDir_(std::move(driverDir)) {}

  // Looks at the medium before anything is written anywhere. Errors: as MediumPort::open and look,
  // consentFor, checkDestroy; Unavailable (a URI that cannot be written).
  base::Result<void> look(const Consents& consents);
  // REQUIRES: looked at.
  const Found& found() const noexcept { return found_; }

  base::Result<void> write(base::BytesView text) override;
  base::Result<base::SecretBuffer> readBack() override;

 private:
  const std::string uri_;
  hal::Ask& ask_;
  const std::filesystem::path driverDir_;
  std::optional<MediumPort> port_;
  Found found_;
  hal::Overwrite consent_ = hal::Overwrite::Empty;
};

}  // namespace kmsd
