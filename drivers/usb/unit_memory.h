// UnitMemory: what the driver keeps of the sticks from one look to the next: their names, and how often
// another medium came into each of their units. The kernel's own driver is put aside and bound again while a
// stick is read; that shows in its tables, and must not be taken for another medium.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "drivers/usb/target.h"

namespace drivers::usb {

// Not thread-safe.
class UnitMemory {
 public:
  struct Unit {
    unsigned lun = 0;
    bool present = true;
    bool writeProtected = false;
    std::string stamp;  // as hal::Slot::stamp
  };

  // `devices` are all that are plugged in now. REQUIRES: called before the others, with each new list.
  void update(const std::vector<Device>& devices);
  // The name that a device keeps as long as it is plugged in.
  std::string name(const Device& device) const;
  // The units of a device, by number, after what the kernel tells of them now: nothing where its driver is
  // not bound, and then all is as it was, or unit 0 is there.
  std::vector<Unit> units(const Device& device, const std::vector<KernelUnit>& kernel);
  // What the stick said itself; holds until the kernel tells.
  void learn(const Device& device, unsigned lun, bool writeProtected);

 private:
  struct State {
    bool present = true;
    bool writeProtected = false;
    std::string adapter, sequence;  // as last seen; empty: never
    std::uint64_t size = 0;
    unsigned changes = 0;
  };
  struct Stick {
    std::string identity;  // what another device at the same address would not share
    std::string name;
    bool here = false;
    unsigned returns = 0;  // times that the address was seen to be given again
    std::map<unsigned, State> units;
  };
  using Address = std::pair<unsigned, unsigned>;  // bus and number; the kernel counts the number up

  static void see(State& state, const KernelUnit& unit);

  std::map<Address, Stick> sticks_;
};

}  // namespace drivers::usb
