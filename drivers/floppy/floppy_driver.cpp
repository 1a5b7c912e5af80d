#include "drivers/floppy/floppy_driver.h"

#include <sys/sysmacros.h>

#include <cerrno>

#include "drivers/floppy/driver.h"
#include "hal/base/file.h"
#include "hal/disk_medium.h"
#include "hal/stop_wait.h"

namespace drivers::floppy {
namespace {

// All that a change of the slot shows in.
std::string digest(const hal::Slot& slot) {
  return slot.stamp + (slot.present ? "+" : "-") + (slot.writeProtected ? "p" : "") +
         (slot.error ? slot.error->what : std::string());
}

bool empty(int error) { return error == ENXIO || error == ENOMEDIUM; }

}  // namespace

const hal::DriverInfo& FloppyDriver::info() const noexcept { return kInfo; }

hal::MediumId FloppyDriver::id() const { return {std::string(kInfo.scheme), options_.slot}; }

base::Error FloppyDriver::openError(int error, hal::Access access) const {
  const std::string drive =
      name() == "floppy:" + options_.path ? name() : name() + " (" + options_.path + ")";
  switch (error) {
    case ENXIO:
    case ENOMEDIUM:
      return {base::Code::NotFound, "there is no disk in " + drive};
    case EROFS:
      return hal::readOnlyError(name());
    case EBUSY:
      return hal::busyError(drive);
    case EPERM:  // not the file's mode, but a filter of devices
      return {base::Code::Denied,
              drive +
                  " may not be opened: its device is not allowed to this service; allow it with "
                  "DeviceAllow= ('systemctl edit kmsd'), or in the container's settings",
              base::Reason::MediumNotPermitted};
    case EACCES:
      return {base::Code::Denied,
              drive +
                  " may not be opened by this user; the udev rules of keydisk give drives to the group kms: "
                  "udevadm control --reload && udevadm trigger",
              base::Reason::MediumNotPermitted};
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
      return {base::Code::NotFound,
              "there is no drive " + drive +
                  (options_.path.starts_with("/dev/fd") ? "; connect it, or load the kernel module floppy"
                                                        : "; connect it, or name another device"),
              base::Reason::AwaitingMedium};
    case ENOTBLK:
      return {base::Code::Unsupported,
              drive + " is not a block device; for a file write image:" + options_.path};
    default:
      return base::systemError("cannot open " + drive + (access == hal::Access::Write ? " for writing" : ""),
                               error);
  }
}

// The first blocking open after each change fails and takes the kernel's note of the change away; a second
// one tells whether a disk is in the drive.
Opened FloppyDriver::openTwice(hal::Access access) {
  Opened opened = io_->open(options_.path, access, false);
  if (opened.drive || !empty(opened.error)) return opened;
  opened = io_->open(options_.path, access, false);
  if (opened.drive || !empty(opened.error)) ++changes_;
  return opened;
}

void FloppyDriver::lookAtFloppy(hal::Slot& slot) {
  Opened opened = openTwice(hal::Access::Read);
  if (!opened.drive) {
    if (!empty(opened.error)) slot.error = openError(opened.error, hal::Access::Read);
    return;
  }
  const auto state = opened.drive->state();
  if (state && state->changed) return;  // pulled just now: the next look tells what came
  slot.present = true;
  slot.writeProtected = state && !state->writable;
  slot.stamp = std::to_string(state ? state->generation : 0) + "/" + std::to_string(changes_);
}

void FloppyDriver::lookAtBlock(hal::Slot& slot, dev_t device) {
  auto facts = io_->facts(device);
  if (!facts) {
    if (!plugged_ || facts.error().code != base::Code::NotFound) slot.error = std::move(facts).error();
    return;
  }
  plugged_ = true;
  slot.present = facts->size > 0;
  slot.writeProtected = facts->writeProtected;
  if (slot.present) slot.stamp = facts->stamp;
}

hal::Slot FloppyDriver::look() {
  hal::Slot slot;
  slot.id = id();
  const Node node = io_->node(options_.path);
  // Where a drive was once, its absence means that it was unplugged, and its disk with it: that is seen, and
  // not "cannot be looked at".
  const bool unplugged = plugged_ && node.error == ENOENT;
  if (node.error != 0) {
    if (!unplugged) slot.error = openError(node.error, hal::Access::Read);
  } else if (node.kind == NodeKind::Floppy) {
    lookAtFloppy(slot);
  } else if (node.kind == NodeKind::Block) {
    lookAtBlock(slot, node.device);
  } else {
    slot.error = openError(ENOTBLK, hal::Access::Read);
  }
  nextLook_ = base::Deadline::in(options_.poll);
  return slot;
}

base::Result<std::vector<hal::Slot>> FloppyDriver::scan(base::Deadline) {
  const std::lock_guard lock(mutex_);
  std::vector<hal::Slot> slots;
  slots.push_back(look());
  told_ = digest(slots.front());
  return slots;
}

base::Result<std::unique_ptr<hal::Medium>> FloppyDriver::open(const hal::MediumId& wanted, hal::Access access,
                                                              hal::Ask&, base::Deadline by) {
  if (wanted != id()) return base::Error{base::Code::NotFound, wanted.uri() + " is no slot of " + name()};
  const std::lock_guard lock(mutex_);
  hal::Medium::Info info{id()};
  const Node node = io_->node(options_.path);
  if (node.error != 0) return openError(node.error, access);
  if (node.kind == NodeKind::Other) return openError(ENOTBLK, access);
  if (node.kind == NodeKind::Block) {
    auto facts = io_->facts(node.device);
    if (!facts) return std::move(facts).error();
    if (facts->size == 0) return openError(ENXIO, access);
    info.writeProtected = facts->writeProtected;
  }
  if (access == hal::Access::Write && info.writeProtected) return hal::readOnlyError(name());
  // The floppy controller refuses a mounted disk anyway, and an exclusive open would lock out our own looks.
  const bool exclusive = node.kind == NodeKind::Block && access == hal::Access::Write;
  Opened opened = exclusive ? io_->open(options_.path, access, true) : openTwice(access);
  if (!opened.drive) return openError(opened.error, access);
  if (node.kind == NodeKind::Floppy) {
    const auto state = opened.drive->state();
    if (state && state->changed) return openError(ENXIO, access);
    info.writeProtected = state && !state->writable;
    if (access == hal::Access::Write && info.writeProtected) return hal::readOnlyError(name());
  }
  auto device = opened.drive->device(access, name(), by);
  if (!device) return std::move(device).error();
  info.size = (*device)->size();
  return std::unique_ptr<hal::Medium>(
      std::make_unique<hal::DiskMedium>(std::move(info), access, std::move(*device)));
}

// Until the next look is due, an event says that it is, or the wait is over; false when it was told to stop.
bool FloppyDriver::pause(base::Deadline by, const std::stop_token& stop) {
  base::Deadline due = by;
  {
    const std::lock_guard lock(mutex_);
    due = nextLook_.sooner(by);
  }
  while (!stop.stop_requested() && !due.expired()) {
    if (!events_) {
      // Without a descriptor to wait with there is nothing to do but to look.
      if (!hal::waitReadable(-1, due, stop)) break;
      continue;
    }
    auto event = events_->next(due, stop);
    if (!event) {
      events_.reset();  // broken: poll from now on
      continue;
    }
    if (!*event) continue;
    const hal::Uevent& heard = **event;
    const Node node = io_->node(options_.path);
    // Opening a diskette drive makes events of its own; to look at each would never end.
    if (node.error == 0 && node.kind == NodeKind::Floppy) continue;
    const bool here = heard.major == major(node.device) && heard.minor == minor(node.device);
    if (heard.action == "lost" || (heard.subsystem == "block" && (here || node.error != 0))) break;
  }
  return !stop.stop_requested();
}

base::Result<bool> FloppyDriver::waitForChange(base::Deadline by, std::stop_token stop) {
  if (options_.uevents && !triedEvents_) {
    triedEvents_ = true;
    if (auto socket = hal::UeventSocket::open()) events_ = std::move(*socket);
  }
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      // A look is due now, or the last scan is not long ago and the pause comes first.
      if (nextLook_.expired() || !told_) {
        const std::string now = digest(look());
        if (!told_) told_ = now;
        if (*told_ != now) return true;
      }
    }
    if (by.expired()) return false;
    if (!pause(by, stop)) return false;
    const std::lock_guard lock(mutex_);
    if (!by.expired()) nextLook_ = base::Deadline::in(std::chrono::milliseconds(0));
  }
}

}  // namespace drivers::floppy
