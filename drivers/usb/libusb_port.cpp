#include <grp.h>
#include <libusb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "drivers/usb/usb_port.h"
#include "hal/stop_wait.h"

namespace drivers::usb {
namespace {

using base::Code;
using base::Error;
using base::Result;

Fault faultOf(int error) {
  switch (error) {
    case LIBUSB_SUCCESS:
      return Fault::None;
    case LIBUSB_ERROR_PIPE:
      return Fault::Stall;
    case LIBUSB_ERROR_TIMEOUT:
      return Fault::Timeout;
    case LIBUSB_ERROR_NO_DEVICE:
    case LIBUSB_ERROR_NOT_FOUND:
      return Fault::Gone;
    case LIBUSB_ERROR_BUSY:
      return Fault::Busy;
    case LIBUSB_ERROR_ACCESS:
      return Fault::NotPermitted;
    case LIBUSB_ERROR_OVERFLOW:
      return Fault::Overflow;
    default:
      return Fault::Failed;
  }
}

unsigned timeoutOf(Milliseconds most) {
  return static_cast<unsigned>(
      std::clamp<Milliseconds::rep>(most.count(), 1, INT_MAX));  // 0 would be for ever
}

// libusb takes pointers to what it only reads.
unsigned char* pointer(std::span<std::byte> data) { return reinterpret_cast<unsigned char*>(data.data()); }
unsigned char* pointer(base::BytesView data) {
  return reinterpret_cast<unsigned char*>(const_cast<std::byte*>(data.data()));
}

// A context of its own for each look and each link: a long-lived one learns of new devices from udevd alone,
// and not every system runs it.
class Context {
 public:
  static Result<std::shared_ptr<Context>> make() {
    libusb_context* raw = nullptr;
    const int error = libusb_init(&raw);
    if (error == LIBUSB_SUCCESS) {
      libusb_set_option(raw, LIBUSB_OPTION_LOG_LEVEL, LIBUSB_LOG_LEVEL_NONE);
      return std::make_shared<Context>(raw);
    }
    return Error{Code::Unavailable, std::string("USB cannot be used: ") + libusb_strerror(error) +
                                        "; check that /sys is mounted and /dev/bus/usb is there"};
  }
  explicit Context(libusb_context* raw) noexcept : raw_(raw) {}
  ~Context() { libusb_exit(raw_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  libusb_context* get() const noexcept { return raw_; }

 private:
  libusb_context* raw_;
};

// All devices of a context.
class List {
 public:
  explicit List(const Context& context) : size_(libusb_get_device_list(context.get(), &all_)) {}
  ~List() {
    if (size_ >= 0) libusb_free_device_list(all_, 1);
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  bool sound() const noexcept { return size_ >= 0; }
  std::span<libusb_device* const> devices() const {
    return {all_, static_cast<std::size_t>(std::max<ssize_t>(size_, 0))};
  }

 private:
  libusb_device** all_ = nullptr;
  ssize_t size_;
};

std::string portOf(libusb_device* device) {
  std::array<std::uint8_t, 7> ports{};  // USB 3.2, section 10: no chain is longer
  const int depth = libusb_get_port_numbers(device, ports.data(), static_cast<int>(ports.size()));
  std::string path = std::to_string(libusb_get_bus_number(device));
  for (int i = 0; i < depth; ++i)
    path += (i == 0 ? "-" : ".") + std::to_string(ports[static_cast<std::size_t>(i)]);
  return path;
}

Interface interfaceOf(const libusb_interface_descriptor& from) {
  Interface interface {
    from.bInterfaceNumber, from.bAlternateSetting, from.bInterfaceClass, from.bInterfaceSubClass,
        from.bInterfaceProtocol, {}
  };
  for (unsigned i = 0; i < from.bNumEndpoints; ++i) {
    const libusb_endpoint_descriptor& endpoint = from.endpoint[i];
    const bool bulk = (endpoint.bmAttributes & LIBUSB_TRANSFER_TYPE_MASK) == LIBUSB_TRANSFER_TYPE_BULK;
    interface.endpoints.push_back({endpoint.bEndpointAddress, bulk});
  }
  return interface;
}

// The interfaces of the active configuration; none where it cannot be told.
void readConfiguration(libusb_device* from, Device& device) {
  libusb_config_descriptor* raw = nullptr;
  if (libusb_get_active_config_descriptor(from, &raw) != LIBUSB_SUCCESS) return;
  const std::unique_ptr<libusb_config_descriptor, decltype(&libusb_free_config_descriptor)> config(
      raw, &libusb_free_config_descriptor);
  device.configuration = config->bConfigurationValue;
  for (unsigned i = 0; i < config->bNumInterfaces; ++i) {
    const libusb_interface& interface = config->interface[i];
    for (int j = 0; j < interface.num_altsetting; ++j)
      device.interfaces.push_back(interfaceOf(interface.altsetting[j]));
  }
}

std::string threeDigits(unsigned number) {
  const std::string text = std::to_string(number);
  return std::string(text.size() < 3 ? 3 - text.size() : 0, '0') + text;
}

std::string groupName(gid_t id) {
  group entry{};
  group* found = nullptr;
  std::array<char, 4096> room{};
  if (::getgrgid_r(id, &entry, room.data(), room.size(), &found) == 0 && found != nullptr)
    return found->gr_name;
  return std::to_string(id);
}

// Why the device's node may not be opened. It is not opened to find out: that would wake the device up.
std::optional<Error> refusal(const Host& host, const Device& device) {
  const std::string node =
      (host.dev / "bus/usb" / threeDigits(device.bus) / threeDigits(device.address)).string();
  if (::access(node.c_str(), R_OK | W_OK) == 0) return std::nullopt;
  if (errno == EPERM)  // not the file's mode, but a filter of devices
    return Error{Code::Denied,
                 node +
                     " may not be opened: USB devices are not allowed to this service; allow them with "
                     "DeviceAllow=char-189 rw ('systemctl edit kmsd'), or in the container's settings",
                 base::Reason::MediumNotPermitted};
  struct stat status {};
  if (::stat(node.c_str(), &status) != 0)
    return Error{Code::NotFound,
                 "its device node " + node + " is not there; run udevd, or pass the node into the container"};
  const std::string group = groupName(status.st_gid);
  const bool helps = (status.st_mode & (S_IRGRP | S_IWGRP)) == (S_IRGRP | S_IWGRP) && status.st_gid != 0;
  return Error{Code::Denied,
               node + " may not be opened (its group is " + group + "); " +
                   (helps ? "add the user that runs this program to that group"
                          : "install keydisk's udev rules, which give it to the group kms"),
               base::Reason::MediumNotPermitted};
}

class LibusbLink final : public Link {
 public:
  LibusbLink(std::shared_ptr<Context> context, libusb_device_handle* handle)
      : context_(std::move(context)), handle_(handle) {}
  ~LibusbLink() override { libusb_close(handle_); }
  LibusbLink(const LibusbLink&) = delete;
  LibusbLink& operator=(const LibusbLink&) = delete;

  bool kernelHas(std::uint8_t interface) override {
    return libusb_kernel_driver_active(handle_, interface) == 1;
  }
  Fault detachKernel(std::uint8_t interface) override {
    return faultOf(libusb_detach_kernel_driver(handle_, interface));
  }
  Fault attachKernel(std::uint8_t interface) override {
    return faultOf(libusb_attach_kernel_driver(handle_, interface));
  }
  Fault claim(std::uint8_t interface) override { return faultOf(libusb_claim_interface(handle_, interface)); }
  Fault release(std::uint8_t interface) override {
    return faultOf(libusb_release_interface(handle_, interface));
  }
  Fault setAlternate(std::uint8_t interface, std::uint8_t alternate) override {
    return faultOf(libusb_set_interface_alt_setting(handle_, interface, alternate));
  }
  Transfer bulkIn(std::uint8_t endpoint, std::span<std::byte> data, Milliseconds most) override {
    return bulk(endpoint, pointer(data), data.size(), most);
  }
  Transfer bulkOut(std::uint8_t endpoint, base::BytesView data, Milliseconds most) override {
    return bulk(endpoint, pointer(data), data.size(), most);
  }
  Transfer control(const Setup& setup, std::span<std::byte> data, Milliseconds most) override {
    const int moved =
        libusb_control_transfer(handle_, setup.requestType, setup.request, setup.value, setup.index,
                                pointer(data), static_cast<std::uint16_t>(data.size()), timeoutOf(most));
    if (moved < 0) return {faultOf(moved), 0};
    return {Fault::None, static_cast<std::size_t>(moved)};
  }
  Fault clearHalt(std::uint8_t endpoint) override { return faultOf(libusb_clear_halt(handle_, endpoint)); }
  Fault reset() override { return faultOf(libusb_reset_device(handle_)); }

 private:
  Transfer bulk(std::uint8_t endpoint, unsigned char* data, std::size_t size, Milliseconds most) {
    int moved = 0;
    const int error =
        libusb_bulk_transfer(handle_, endpoint, data, static_cast<int>(size), &moved, timeoutOf(most));
    return {faultOf(error), static_cast<std::size_t>(std::max(moved, 0))};
  }

  std::shared_ptr<Context> context_;
  libusb_device_handle* handle_;
};

// Hears what libusb tells of devices that come and go. Used by one thread at a time.
class Hotplug {
 public:
  static std::unique_ptr<Hotplug> open() {
    auto context = Context::make();
    if (!context || libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG) == 0) return nullptr;
    std::unique_ptr<Hotplug> hotplug(new Hotplug(*std::move(context)));
    const int error = libusb_hotplug_register_callback(
        hotplug->context_->get(), LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
        LIBUSB_HOTPLUG_NO_FLAGS, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
        &Hotplug::heard, hotplug.get(), nullptr);
    if (error != LIBUSB_SUCCESS) return nullptr;
    return hotplug;
  }

  // Nothing where libusb cannot wait.
  std::optional<bool> wait(base::Deadline by, const std::stop_token& stop) {
    libusb_context* context = context_->get();
    const std::stop_callback wake(stop, [context] { libusb_interrupt_event_handler(context); });
    while (!stop.stop_requested() && !by.expired() && !heard_) {
      // One more: the last millisecond is slept and not spun.
      const auto left = by.remaining() + Milliseconds(1);
      timeval most{static_cast<time_t>(left.count() / 1000),
                   static_cast<suseconds_t>(left.count() % 1000 * 1000)};
      const int error = libusb_handle_events_timeout_completed(context, &most, nullptr);
      if (error != LIBUSB_SUCCESS && error != LIBUSB_ERROR_INTERRUPTED) return std::nullopt;
    }
    return std::exchange(heard_, false) && !stop.stop_requested();
  }

 private:
  explicit Hotplug(std::shared_ptr<Context> context) noexcept : context_(std::move(context)) {}
  static int LIBUSB_CALL heard(libusb_context*, libusb_device*, libusb_hotplug_event, void* self) {
    static_cast<Hotplug*>(self)->heard_ = true;
    return 0;
  }

  std::shared_ptr<Context> context_;
  bool heard_ = false;  // set while events are handled, on the waiting thread
};

class LibusbPort final : public UsbPort {
 public:
  explicit LibusbPort(Host host) : host_(std::move(host)) {}

  Result<std::vector<Device>> list() override {
    auto context = Context::make();
    if (!context) return std::move(context).error();
    const List list(**context);
    if (!list.sound()) return Error{Code::Io, "the USB devices cannot be listed; check that /sys is mounted"};
    std::vector<Device> devices;
    for (libusb_device* each : list.devices()) {
      if (auto device = describe(each)) devices.push_back(*std::move(device));
    }
    return devices;
  }

  Opened open(const Device& device) override {
    auto context = Context::make();
    if (!context) return {Fault::Failed, nullptr};
    const List list(**context);
    for (libusb_device* each : list.devices()) {
      if (libusb_get_bus_number(each) != device.bus || libusb_get_device_address(each) != device.address)
        continue;
      // The number may have been given anew since it was looked at.
      const auto now = describe(each);
      if (!now || now->vendor != device.vendor || now->product != device.product ||
          now->serial != device.serial)
        break;
      libusb_device_handle* handle = nullptr;
      const int error = libusb_open(each, &handle);
      if (error != LIBUSB_SUCCESS) return {faultOf(error), nullptr};
      return {Fault::None, std::make_unique<LibusbLink>(*std::move(context), handle)};
    }
    return {Fault::Gone, nullptr};
  }

  Result<bool> wait(base::Deadline by, const std::stop_token& stop) override {
    if (!tried_) {
      tried_ = true;
      hotplug_ = Hotplug::open();
    }
    if (hotplug_) {
      if (const auto heard = hotplug_->wait(by, stop)) return *heard;
      hotplug_.reset();  // broken: the driver's own looks must do
    }
    auto waited = hal::waitReadable(-1, by, stop);
    if (!waited) return std::move(waited).error();
    return false;
  }

 private:
  std::optional<Device> describe(libusb_device* from) const {
    libusb_device_descriptor descriptor{};
    if (libusb_get_device_descriptor(from, &descriptor) != LIBUSB_SUCCESS) return std::nullopt;
    Device device;
    device.bus = libusb_get_bus_number(from);
    device.address = libusb_get_device_address(from);
    device.port = portOf(from);
    device.vendor = descriptor.idVendor;
    device.product = descriptor.idProduct;
    device.serial = serialNumber(host_, device.port);
    readConfiguration(from, device);
    device.refused = refusal(host_, device);
    return device;
  }

  const Host host_;
  bool tried_ = false;  // these two: of the waiting thread
  std::unique_ptr<Hotplug> hotplug_;
};

}  // namespace

std::unique_ptr<UsbPort> makeLibusbPort(const Host& host) { return std::make_unique<LibusbPort>(host); }

}  // namespace drivers::usb
