#include "drivers/usb/usb_driver.h"

#include <algorithm>

#include "drivers/usb/driver.h"
#include "drivers/usb/in_use.h"
#include "drivers/usb/usb_disk.h"
#include "hal/disk_medium.h"

namespace drivers::usb {
namespace {

using base::Code;
using base::Error;
using base::Result;

// All that a change shows in.
std::string digest(const Result<std::vector<hal::Slot>>& slots) {
  if (!slots) return slots.error().what;
  std::string text;
  for (const hal::Slot& slot : *slots) {
    text += slot.id.slot + "=" + slot.stamp + (slot.present ? "+" : "-") + (slot.writeProtected ? "p" : "") +
            (slot.error ? slot.error->what : std::string()) + "\n";
  }
  return text;
}

std::vector<KernelUnit> unitsOf(const Host& host, const Device& device, const BulkInterface& interface) {
  return kernelUnits(host, device.port, device.configuration, interface.number);
}

hal::MediumId idOf(std::string slot) { return {std::string(kInfo.scheme), std::move(slot)}; }

}  // namespace

const hal::DriverInfo& UsbDriver::info() const noexcept { return kInfo; }

// By the way that the target names it, so that a slot is called the same before a stick is in it.
std::string UsbDriver::nameOf(const Device& device) const {
  return options_.target.port.empty() ? memory_.name(device) : portName(device);
}

// What speaks bulk-only transport, in the order of the ports. Names are given over all of it: a serial number
// may be doubled on a stick that the target does not fit.
Result<std::vector<Device>> UsbDriver::storage() {
  auto listed = port_->list();
  if (!listed) return std::move(listed).error();
  std::vector<Device> devices;
  for (Device& device : *listed) {
    if (!bulkInterfaces(device).empty()) devices.push_back(std::move(device));
  }
  std::sort(devices.begin(), devices.end(), [](const Device& a, const Device& b) {
    return std::tie(a.bus, a.port, a.address) < std::tie(b.bus, b.port, b.address);
  });
  memory_.update(devices);
  std::erase_if(devices, [this](const Device& device) { return !options_.target.fits(device); });
  return devices;
}

void UsbDriver::addSlots(const Device& device, std::vector<hal::Slot>& slots) {
  const auto kernel = unitsOf(options_.host, device, bulkInterfaces(device).front());
  for (UnitMemory::Unit& unit : memory_.units(device, kernel)) {
    if (options_.target.lun.value_or(unit.lun) != unit.lun) continue;
    hal::Slot slot;
    slot.id = idOf(unitName(nameOf(device), unit.lun));
    slot.error = device.refused;
    slot.present = unit.present && !device.refused;
    slot.writeProtected = unit.writeProtected;
    slot.stamp = std::move(unit.stamp);
    slots.push_back(std::move(slot));
  }
}

Result<std::vector<hal::Slot>> UsbDriver::look() {
  auto devices = storage();
  nextLook_ = base::Deadline::in(options_.poll);
  if (!devices) return std::move(devices).error();
  std::vector<hal::Slot> slots;
  for (const Device& device : *devices) addSlots(device, slots);
  if (slots.empty() && options_.target.isSlot()) {
    const Target& target = options_.target;
    Device absent;
    absent.vendor = target.model->vendor;
    absent.product = target.model->product;
    absent.serial = target.serial;
    absent.port = target.port;
    const std::string name = target.port.empty() ? serialName(absent) : portName(absent);
    slots.emplace_back().id = idOf(unitName(name, target.lun.value_or(0)));
  }
  return slots;
}

Result<std::vector<hal::Slot>> UsbDriver::scan(base::Deadline) {
  const std::lock_guard lock(mutex_);
  auto slots = look();
  told_ = digest(slots);
  return slots;
}

// A slot is found by its name, or by either form that a target has.
Result<UsbDriver::Found> UsbDriver::find(const hal::MediumId& id) {
  const Error none{Code::NotFound, "there is no stick " + id.uri()};
  const auto wanted = parseTarget(id.slot);
  if (id.driver != kInfo.scheme || !wanted || !wanted->isSlot()) return none;
  auto devices = storage();
  if (!devices) return std::move(devices).error();
  std::erase_if(*devices, [&](const Device& device) { return !wanted->fits(device); });
  if (devices->size() > 1) {
    // Of sticks with the same serial number, the one that came first may have the name.
    std::erase_if(*devices, [&](const Device& device) {
      return unitName(memory_.name(device), wanted->lun.value_or(0)) != id.slot;
    });
    if (devices->empty())
      return Error{Code::Unavailable, "several sticks have the serial number of " + id.uri() +
                                          "; name one by its port, as `kmsd medium list` shows it"};
  }
  if (devices->empty()) return none;
  Found found;
  found.device = devices->front();
  const auto interfaces = bulkInterfaces(found.device);
  found.interface = interfaces.front();
  found.lun = wanted->lun.value_or(0);
  found.name = id.uri();
  if (options_.target.lun.value_or(found.lun) != found.lun) return none;
  found.kernel = unitsOf(options_.host, found.device, found.interface);
  for (const BulkInterface& interface : interfaces) {
    auto units = unitsOf(options_.host, found.device, interface);
    std::move(units.begin(), units.end(), std::back_inserter(found.touched));
  }
  return found;
}

Result<std::unique_ptr<hal::Medium>> UsbDriver::open(const hal::MediumId& id, hal::Access access, hal::Ask&,
                                                     base::Deadline by) {
  std::optional<Found> found;
  {
    const std::lock_guard lock(mutex_);
    auto looked = find(id);
    if (!looked) return std::move(looked).error();
    found = *std::move(looked);
  }
  if (found->device.refused) return *found->device.refused;
  // What the kernel knows already costs the stick nothing.
  for (const KernelUnit& unit : found->kernel) {
    if (unit.lun != found->lun) continue;
    if (unit.size == 0) return Error{Code::NotFound, "nothing is inserted in " + found->name};
    if (unit.writeProtected && access == hal::Access::Write) return hal::readOnlyError(found->name);
  }
  return start(*found, id, access, by);
}

Result<std::unique_ptr<hal::Medium>> UsbDriver::start(const Found& found, const hal::MediumId& id,
                                                      hal::Access access, base::Deadline by) {
  std::unique_ptr<Session> session;
  {
    auto hold = DiskHold::take(options_.host, found.touched, found.name);
    if (!hold) return std::move(hold).error();
    auto opened = Session::open(*port_, found.device, found.interface, found.name);
    if (!opened) return std::move(opened).error();
    session = *std::move(opened);
  }
  auto disk = startDisk(std::move(session), found.lun, found.name, by, options_.unit);
  if (!disk) return std::move(disk).error();
  {
    const std::lock_guard lock(mutex_);
    memory_.learn(found.device, found.lun, disk->writeProtected);
  }
  if (access == hal::Access::Write && disk->writeProtected) return hal::readOnlyError(found.name);
  hal::Medium::Info info{id, disk->device->size(), disk->writeProtected};
  return std::unique_ptr<hal::Medium>(
      std::make_unique<hal::DiskMedium>(std::move(info), access, std::move(disk->device)));
}

// Looks where a look is due: true where something differs, false where the time is up.
std::optional<bool> UsbDriver::changed(base::Deadline by) {
  const std::lock_guard lock(mutex_);
  if (nextLook_.expired() || !told_) {
    const std::string now = digest(look());
    if (!told_) told_ = now;
    if (*told_ != now) return true;
  }
  if (by.expired()) return false;
  return std::nullopt;
}

Result<bool> UsbDriver::waitForChange(base::Deadline by, std::stop_token stop) {
  for (;;) {
    if (const auto answer = changed(by)) return *answer;
    base::Deadline due = by;
    {
      const std::lock_guard lock(mutex_);
      due = nextLook_.sooner(by);
    }
    auto heard = port_->wait(due, stop);
    if (!heard) return std::move(heard).error();
    if (stop.stop_requested()) return false;
    const std::lock_guard lock(mutex_);
    if (*heard || !by.expired()) nextLook_ = base::Deadline::in(Milliseconds(0));
  }
}

}  // namespace drivers::usb
