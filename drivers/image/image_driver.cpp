#include "drivers/image/image_driver.h"

#include <filesystem>

#include "drivers/image/driver.h"
#include "drivers/image/image_file.h"
#include "drivers/image/watch.h"
#include "hal/disk_medium.h"
#include "hal/stop_wait.h"

namespace drivers::image {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSettle{250};  // between the two looks that must be equal

std::string at(const std::map<std::string, std::string>& stamps, const std::string& path) {
  const auto found = stamps.find(path);
  return found == stamps.end() ? std::string() : found->second;
}

std::string at(const Looks& looks, const std::string& path) {
  const auto found = looks.find(path);
  return found == looks.end() ? std::string() : found->second.stamp;
}

// Whether `first` differs from `told`: gone (at once) or new (which must settle first).
enum class Change : std::uint8_t { None, New, Gone };

Change compare(const std::map<std::string, std::string>& told, const Looks& first) {
  Change change = Change::None;
  for (const auto& [path, stamp] : told) {
    if (!stamp.empty() && at(first, path).empty()) return Change::Gone;
  }
  for (const auto& [path, look] : first) {
    if (look.stamp != at(told, path)) change = Change::New;
  }
  return change;
}

// Something new that looks the same twice.
bool settledChange(const std::map<std::string, std::string>& told, const Looks& first, const Looks& second) {
  for (const auto& [path, look] : second) {
    if (look.stamp == at(first, path) && look.stamp != at(told, path)) return true;
  }
  return false;
}

}  // namespace

const hal::DriverInfo& ImageDriver::info() const noexcept { return kInfo; }

base::Result<std::vector<hal::Slot>> ImageDriver::scan(base::Deadline by) {
  Looks looks = lookAt(target_);
  bool fresh = false;
  for (const auto& [path, look] : looks) fresh = fresh || look.stamp != at(settled_, path);
  Looks before = looks;
  if (fresh) {
    auto waited = hal::waitReadable(-1, base::Deadline::in(kSettle).sooner(by), {});
    if (!waited) return std::move(waited).error();
    if (by.expired())
      return base::Error{base::Code::Timeout, "image:" + target_ + " was not looked at in time"};
    looks = lookAt(target_);
  }
  std::vector<hal::Slot> slots;
  Stamps told;
  for (auto& [path, look] : looks) {
    const bool settled = look.stamp == at(before, path);
    told.emplace(path, settled ? look.stamp : std::string());
    hal::Slot slot;
    slot.id = {std::string(kInfo.scheme), path};
    slot.present = settled && look.present;
    slot.writeProtected = look.writeProtected;
    if (slot.present) slot.stamp = look.stamp;
    if (settled) slot.error = std::move(look.error);
    slots.push_back(std::move(slot));
  }
  settled_ = told;
  const std::lock_guard lock(mutex_);
  reported_ = std::move(told);
  return slots;
}

base::Result<Look> ImageDriver::settledLook(const std::string& path, bool inDirectory, base::Deadline by) {
  Look look = lookAtFile(path, inDirectory);
  if (!look.present || look.stamp == at(settled_, path)) return look;
  auto waited = hal::waitReadable(-1, base::Deadline::in(kSettle).sooner(by), {});
  if (!waited) return std::move(waited).error();
  if (by.expired()) return base::Error{base::Code::Timeout, "image:" + path + " was not opened in time"};
  Look again = lookAtFile(path, inDirectory);
  if (again.stamp == look.stamp) return again;
  return base::Error{base::Code::Unavailable,
                     "image:" + path + " is being written; try again when that is done",
                     base::Reason::MediumBusy};
}

base::Result<std::unique_ptr<hal::Medium>> ImageDriver::open(const hal::MediumId& id, hal::Access access,
                                                             hal::Ask&, base::Deadline by) {
  const bool inDirectory = isDirectory(target_);
  const std::filesystem::path slot(id.slot);
  const bool ours = inDirectory ? id.slot == target_ + "/" + slot.filename().string() &&
                                      isImageName(slot.filename().string())
                                : id.slot == target_;
  if (id.driver != kInfo.scheme || !ours) {
    return base::Error{base::Code::NotFound, id.uri() + " is no image of image:" + target_};
  }
  auto look = settledLook(id.slot, inDirectory, by);
  if (!look) return std::move(look).error();
  if (look->error) return std::move(*look->error);
  if (!look->present) {
    if (access == hal::Access::Write && look->stamp.empty()) return newImage(id);
    return base::Error{base::Code::NotFound, id.uri() + " does not exist"};
  }
  if (access == hal::Access::Write && look->writeProtected) return hal::readOnlyError(id.uri());
  return openImage(id, *look, inDirectory, access, by);
}

ImageDriver::Stamps ImageDriver::reported(const Looks& now) {
  const std::lock_guard lock(mutex_);
  if (!reported_) {  // never scanned: what is there now is where changes begin
    reported_.emplace();
    for (const auto& [path, look] : now) reported_->emplace(path, look.stamp);
  }
  return *reported_;
}

base::Result<bool> ImageDriver::waitForChange(base::Deadline by, std::stop_token stop) {
  Watch watch;
  for (;;) {
    watch.arm(target_);  // before the look: what changes after it gives an event
    const Looks first = lookAt(target_);
    const Change change = compare(reported(first), first);
    if (change == Change::Gone) return true;
    const auto pause = change == Change::New ? kSettle : poll_;
    auto woke = hal::waitReadable(change == Change::New ? -1 : watch.fd(),
                                  base::Deadline::in(pause).sooner(by), stop);
    if (!woke) return std::move(woke).error();
    if (*woke == hal::Woke::Stopped) return false;
    if (*woke == hal::Woke::Ready) watch.drain();
    if (change == Change::New) {
      const Looks second = lookAt(target_);
      if (settledChange(reported(second), first, second)) return true;
    }
    if (by.expired()) return false;
  }
}

}  // namespace drivers::image
