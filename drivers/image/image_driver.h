// ImageDriver: one image file, or each *.img in a directory. A file counts as inserted only when two looks
// 250 ms apart are equal, so that a copy under way is not read.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "drivers/image/look.h"
#include "hal/driver.h"

namespace drivers::image {

class ImageDriver final : public hal::Driver {
 public:
  // `target`: an absolute path without a slash at its end. `poll`: between looks where no event comes.
  explicit ImageDriver(std::string target, std::chrono::milliseconds poll = std::chrono::seconds(2))
      : target_(std::move(target)), poll_(poll) {}

  const hal::DriverInfo& info() const noexcept override;
  base::Result<std::vector<hal::Slot>> scan(base::Deadline by) override;
  base::Result<std::unique_ptr<hal::Medium>> open(const hal::MediumId& id, hal::Access access, hal::Ask& ask,
                                                  base::Deadline by) override;
  // Hears of changes by inotify, and looks every `poll` all the same: network file systems do not tell
  // of what others change.
  base::Result<bool> waitForChange(base::Deadline by, std::stop_token stop) override;

 private:
  using Stamps = std::map<std::string, std::string>;  // path -> stamp; empty for what has not settled

  base::Result<Look> settledLook(const std::string& path, bool inDirectory, base::Deadline by);
  Stamps reported(const Looks& now);

  const std::string target_;
  const std::chrono::milliseconds poll_;
  Stamps settled_;  // what scan and open saw twice
  std::mutex mutex_;
  std::optional<Stamps> reported_;  // under mutex_: what the last scan told, which a change differs from
};

}  // namespace drivers::image
