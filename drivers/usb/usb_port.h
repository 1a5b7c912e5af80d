// UsbPort: what the driver asks of the USB stack; tests script it. makeLibusbPort() makes the real calls and
// is the only code that knows libusb.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "drivers/usb/sysfs.h"
#include "hal/base/bytes.h"
#include "hal/base/clock.h"
#include "hal/base/result.h"

namespace drivers::usb {

using Milliseconds = std::chrono::milliseconds;

// Descriptors, as far as mass storage needs them. Source: USB 2.0, chapter 9.6.
struct Endpoint {
  static constexpr std::uint8_t kIn = 0x80;  // this bit of `address`: device to host
  std::uint8_t address = 0;
  bool bulk = false;
};

struct Interface {
  std::uint8_t number = 0;
  std::uint8_t alternate = 0;
  std::uint8_t classCode = 0;
  std::uint8_t subclass = 0;
  std::uint8_t protocol = 0;
  std::vector<Endpoint> endpoints;
};

struct Device {
  std::uint8_t bus = 0;
  std::uint8_t address = 0;  // the kernel gives the next one whenever a device is plugged in
  std::string port;          // the way to it, as the kernel names it: "1-4.2" is bus 1, port 4, port 2
  std::uint16_t vendor = 0;
  std::uint16_t product = 0;
  std::string serial;              // as the device tells it; any bytes, or none
  std::uint8_t configuration = 0;  // the active one
  std::vector<Interface> interfaces;
  std::optional<base::Error> refused{};  // why this user may not open it
};

enum class Fault : std::uint8_t {
  None,
  Stall,         // the endpoint halted: the device's way to say no
  Timeout,       // nothing came in time
  Gone,          // unplugged
  Busy,          // claimed by another program
  NotPermitted,  // the device node may not be opened
  Overflow,      // more came than was asked for
  Failed         // anything else
};

// What came of a transfer; bytes may have moved even where it failed.
struct Transfer {
  Fault fault = Fault::None;
  std::size_t moved = 0;
};

// Source: USB 2.0, table 9-2.
struct Setup {
  std::uint8_t requestType = 0;
  std::uint8_t request = 0;
  std::uint16_t value = 0;
  std::uint16_t index = 0;
};

// An opened device; the destructor closes it. Every `most` is above zero.
class Link {
 public:
  virtual ~Link() = default;
  virtual bool kernelHas(std::uint8_t interface) = 0;  // a kernel driver is bound to it
  virtual Fault detachKernel(std::uint8_t interface) = 0;
  virtual Fault attachKernel(std::uint8_t interface) = 0;
  virtual Fault claim(std::uint8_t interface) = 0;
  virtual Fault release(std::uint8_t interface) = 0;
  virtual Fault setAlternate(std::uint8_t interface, std::uint8_t alternate) = 0;
  // Ends when `data` is full, at a short packet, or after `most`.
  virtual Transfer bulkIn(std::uint8_t endpoint, std::span<std::byte> data, Milliseconds most) = 0;
  virtual Transfer bulkOut(std::uint8_t endpoint, base::BytesView data, Milliseconds most) = 0;
  // To the device or from it, as setup.requestType says.
  virtual Transfer control(const Setup& setup, std::span<std::byte> data, Milliseconds most) = 0;
  virtual Fault clearHalt(std::uint8_t endpoint) = 0;
  virtual Fault reset() = 0;  // of the port; the device keeps its address, or is gone
};

struct Opened {
  Fault fault = Fault::None;  // where `link` is null
  std::unique_ptr<Link> link;
};

// `list` and `open` may be called beside `wait`.
class UsbPort {
 public:
  virtual ~UsbPort() = default;
  // All that is plugged in now. Errors: Io; Unavailable.
  virtual base::Result<std::vector<Device>> list() = 0;
  virtual Opened open(const Device& device) = 0;
  // Returns when something was plugged in or pulled (true), at the deadline or when `stop` is requested. Not
  // every system tells: what is heard here only spares the time until the next look.
  virtual base::Result<bool> wait(base::Deadline by, const std::stop_token& stop) = 0;
};

std::unique_ptr<UsbPort> makeLibusbPort(const Host& host);

}  // namespace drivers::usb
