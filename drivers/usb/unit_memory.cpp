#include "drivers/usb/unit_memory.h"

#include <set>

namespace drivers::usb {

void UnitMemory::update(const std::vector<Device>& devices) {
  std::set<Address> here;
  for (const Device& device : devices) here.emplace(device.bus, device.address);
  for (auto& [address, stick] : sticks_) {
    if (!here.contains(address)) stick.here = false;
  }
  std::map<std::string, unsigned> serials;
  for (const Device& device : devices) ++serials[serialName(device)];
  for (const Device& device : devices) {
    const auto [at, first] = sticks_.try_emplace({device.bus, device.address});
    Stick& stick = at->second;
    const std::string identity = portName(device) + "/" + device.serial;
    if (stick.here && stick.identity == identity) continue;
    const unsigned returns = first ? 0 : stick.returns + 1;
    const bool own = plainSerial(device.serial) && serials[serialName(device)] == 1;
    stick = Stick{identity, own ? serialName(device) : portName(device), true, returns, {}};
  }
}

std::string UnitMemory::name(const Device& device) const {
  const auto at = sticks_.find({device.bus, device.address});
  return at == sticks_.end() ? portName(device) : at->second.name;
}

void UnitMemory::see(State& state, const KernelUnit& unit) {
  const bool known = !state.adapter.empty();
  const bool bound = known && state.adapter == unit.adapter;
  const bool other = state.size != unit.size || (bound && state.sequence != unit.sequence);
  if (known && other) ++state.changes;
  state.adapter = unit.adapter;
  state.sequence = unit.sequence;
  state.size = unit.size;
  state.present = unit.size > 0;
  state.writeProtected = unit.writeProtected;
}

std::vector<UnitMemory::Unit> UnitMemory::units(const Device& device, const std::vector<KernelUnit>& kernel) {
  Stick& stick = sticks_[{device.bus, device.address}];
  for (const KernelUnit& unit : kernel) {
    if (unit.isDisk) see(stick.units[unit.lun], unit);
  }
  if (stick.units.empty() && kernel.empty()) stick.units[0];
  std::vector<Unit> units;
  for (const auto& [lun, state] : stick.units) {
    Unit unit{lun, state.present, state.writeProtected, {}};
    if (unit.present)
      unit.stamp = std::to_string(device.bus) + "." + std::to_string(device.address) + "/" +
                   std::to_string(stick.returns) + "/" + std::to_string(state.changes);
    units.push_back(std::move(unit));
  }
  return units;
}

void UnitMemory::learn(const Device& device, unsigned lun, bool writeProtected) {
  const auto at = sticks_.find({device.bus, device.address});
  if (at == sticks_.end()) return;
  at->second.units.try_emplace(0);  // there is no other without it
  at->second.units[lun].writeProtected = writeProtected;
}

}  // namespace drivers::usb
