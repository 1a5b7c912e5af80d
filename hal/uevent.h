// Kernel uevents through netlink: what the kernel (group 1) and udevd (group 2, after its rules have run)
// tell of devices that come, go and change. An event is a hint to look again, never a proof of anything.
#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>

#include "hal/base/bytes.h"
#include "hal/base/clock.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace hal {

inline constexpr std::size_t kMaxUevent = 16384;  // bytes; larger datagrams are dropped

struct Uevent {
  std::string action;     // add, remove, change, ...; "lost" where the kernel dropped events: look again
  std::string devpath;    // below /sys
  std::string subsystem;  // block, usb, ...
  std::string devname;    // below /dev or with it; empty where the device has no node
  std::optional<unsigned> major;
  std::optional<unsigned> minor;
};

// One datagram, as the kernel or udevd sends it:
//   kernel := action "@" devpath NUL property*        property := KEY "=" VALUE NUL
//   udev   := "libudev" NUL, u32 big-endian FEEDCAFE, u32 header size, u32 offset and u32 length of property*
// Nothing where it is neither, has no ACTION or DEVPATH, or names a value twice or above 1024 bytes.
// Source: lib/kobject_uevent.c of Linux; sd-device/device-monitor.c of systemd.
std::optional<Uevent> parseUevent(base::BytesView datagram);

// Used by one thread at a time.
class UeventSocket {
 public:
  // Errors: Denied, Unsupported or Io where this process gets no uevents (sandbox, container): poll instead.
  static base::Result<UeventSocket> open();

  // The next event that root or the kernel sent; nothing at the deadline or when `stop` is requested.
  // Errors: Io.
  base::Result<std::optional<Uevent>> next(base::Deadline by, const std::stop_token& stop);

 private:
  explicit UeventSocket(base::Fd fd) noexcept : fd_(std::move(fd)) {}
  base::Fd fd_;
};

}  // namespace hal
