// A medium URI at work in kmsd-media: its driver, used by one thread at a time, and its slots as last seen.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hal/driver.h"

namespace hal {

class ReaderStation {
 public:
  ReaderStation(std::string uri, std::unique_ptr<Driver> driver);

  // The right to use the driver's scan, open and media, until it is destroyed.
  class Turn {
   public:
    Turn(Turn&& other) noexcept : station_(std::exchange(other.station_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn();
    Driver& driver() const noexcept { return *station_->driver_; }

   private:
    friend class ReaderStation;
    explicit Turn(ReaderStation& station) noexcept : station_(&station) {}
    ReaderStation* station_;
  };

  // Errors: Timeout / MediumBusy where another use goes on until `by`.
  base::Result<Turn> take(base::Deadline by);
  // Scans and keeps what was seen. Where the driver cannot scan, each slot seen before gets its error, or one
  // of the URI's name.
  void look(base::Deadline by);

  const std::string& uri() const noexcept { return uri_; }
  // For waitForChange only, which may run beside everything else.
  Driver& watched() noexcept { return *driver_; }
  // None before the first look.
  std::optional<std::vector<Slot>> slots() const;
  bool has(const MediumId& id) const;
  // The use that goes on now should have ended before `when`.
  bool overdue(base::Deadline::Steady::time_point when) const;

 private:
  void keep(std::vector<Slot> slots);

  const std::string uri_;
  const std::unique_ptr<Driver> driver_;
  mutable std::mutex mutex_;
  std::condition_variable free_;
  std::optional<base::Deadline> busyUntil_;  // set while in use
  std::optional<std::vector<Slot>> slots_;
};

}  // namespace hal
