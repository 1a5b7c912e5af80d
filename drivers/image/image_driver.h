// ImageDriver: one image file, or each *.img in a directory. A file counts as inserted only when two looks
// 250 ms apart are equal, so that a copy under way is not read.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "drivers/image/look.h"
#include "hal/driver.h"

namespace drivers::image {

class ImageDriver final : public hal::Driver {
 public:
  // `target`: an absolute path without a slash at its end.
  explicit ImageDriver(std::string target) : target_(std::move(target)) {}

  const hal::DriverInfo& info() const noexcept override;
  base::Result<std::vector<hal::Slot>> scan(base::Deadline by) override;
  base::Result<std::unique_ptr<hal::Medium>> open(const hal::MediumId& id, hal::Access access, hal::Ask& ask,
                                                  base::Deadline by) override;
  // Hears of changes by inotify, and looks every two seconds all the same: network file systems do not tell
  // of what others change.
  base::Result<bool> waitForChange(base::Deadline by, std::stop_token stop) override;

 private:
  using Stamps = std::map<std::string, std::string>;  // path -> stamp; empty for what has not settled

  base::Result<Look> settledLook(const std::string& path, bool inDirectory, base::Deadline by);
  Stamps reported(const Looks& now);

  std::string target_;
  Stamps settled_;  // what scan and open saw twice
  std::mutex mutex_;
  std::optional<Stamps> reported_;  // under mutex_: what the last scan told, which a change differs from
};

}  // namespace drivers::image
