// ScriptedStick: a USB stick (or card reader) as a program: bulk-only transport and SCSI as the standards
// tell, with every fault that a stick can have. ScriptedBus is the bus it is plugged into, with the kernel's
// tables beside it. Safe to use from several threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drivers/usb/scsi.h"
#include "drivers/usb/usb_port.h"
#include "tests/support/scratch.h"

namespace tests {

namespace usb = drivers::usb;

// What goes wrong. Each is tried at every transfer; where it makes no sense there, the transfer is sound.
enum class Trouble : std::uint8_t {
  None,
  Stall,
  Short,     // half of what should come
  Empty,     // a packet of no bytes
  WrongTag,  // in the next status, and those below
  Signature,
  PhaseError,
  BadStatus,
  LongStatus,
  HugeResidue,
  FullResidue,  // all of the data does not count
  Check,        // the next command fails with `sense`
  Hang,         // no answer at all
  Yank,
  Overflow,
  Rubbish,  // data of another kind
  Busy      // any other failure of the host controller
};
inline constexpr Trouble kTroubles[] = {
    Trouble::Stall,       Trouble::Short,       Trouble::Empty,     Trouble::WrongTag,
    Trouble::Signature,   Trouble::PhaseError,  Trouble::BadStatus, Trouble::LongStatus,
    Trouble::HugeResidue, Trouble::FullResidue, Trouble::Check,     Trouble::Hang,
    Trouble::Yank,        Trouble::Overflow,    Trouble::Rubbish,   Trouble::Busy};

struct StickUnit {
  std::string disk;  // bytes; empty: no medium in it
  std::uint32_t blockSize = 512;
  bool writeProtected = false;
  std::uint8_t type = 0;                        // SCSI peripheral type
  std::optional<usb::scsi::Capacity> claims{};  // a size that is not true
  bool knowsModeSense6 = true, knowsModeSense10 = true, knowsFlush = true;
  unsigned attentions = 1;     // commands answered by UNIT ATTENTION first
  unsigned becomingReady = 0;  // commands answered by "becoming ready" after those
  bool descriptorSense = false;
  std::optional<usb::scsi::Sense> sense{};  // of the command that failed
};

class ScriptedStick {
 public:
  explicit ScriptedStick(std::string disk) { units.push_back({.disk = std::move(disk)}); }

  // Set before it is plugged in.
  std::vector<StickUnit> units;
  std::uint16_t vendor = 0x0951, product = 0x1666;
  std::string serial = "E0D55EA5";
  std::string port = "1-1";
  bool kernelDriver = true;
  bool leftAside = false;  // by a program that was killed: nothing is bound until it is asked for
  bool stallsMaxLun = false;
  usb::Fault openFault = usb::Fault::None;
  usb::Fault claimFault = usb::Fault::None;
  usb::Fault detachFault = usb::Fault::None;
  std::optional<base::Error> refused;

  // `trouble` at the n-th transfer from now (the first is 1), or from then on at each.
  void plan(Trouble trouble, unsigned at, bool always = false, usb::scsi::Sense sense = {});
  void yank();
  unsigned transfers() const;
  unsigned resets() const;  // reset recoveries that it was asked for
  unsigned flushes() const;
  std::string disk(unsigned unit = 0) const;
  // No link, no claim, no command under way, and the kernel's driver, where there is one, is bound.
  bool asFound() const;

 private:
  friend class ScriptedBus;
  friend class ScriptedLink;
  friend class ScriptedPort;
  enum class Stage : std::uint8_t { Command, DataIn, DataOut, Status, Dead };

  usb::Transfer bulk(std::uint8_t endpoint, std::span<std::byte> in, base::BytesView out,
                     usb::Milliseconds most);
  usb::Transfer control(const usb::Setup& setup, std::span<std::byte> data, usb::Milliseconds most);
  usb::Fault clearHalt(std::uint8_t endpoint);
  usb::Fault reset();

  // REQUIRES for all of these: mutex_ is held.
  Trouble due();
  usb::Transfer take(base::BytesView out, Trouble trouble);
  usb::Transfer give(std::span<std::byte> in, Trouble trouble);
  usb::Transfer giveStatus(std::span<std::byte> in, Trouble trouble);
  void command(const usb::Cbw& cbw);
  void execute(StickUnit& unit, const usb::Cdb& cdb);
  void fail(StickUnit& unit, usb::scsi::Key key, std::uint8_t asc, std::uint8_t ascq = 0);
  void capacity(const StickUnit& unit, bool large);
  void store();

  mutable std::mutex mutex_;
  bool here_ = false;
  unsigned address_ = 0;
  bool bound_ = false, claimed_ = false;
  unsigned links_ = 0;
  bool haltIn_ = false, haltOut_ = false;

  Stage stage_ = Stage::Command;
  usb::Cbw cbw_;
  usb::CswStatus status_ = usb::CswStatus::Passed;
  std::string data_;           // to give, or taken
  std::size_t moved_ = 0;      // of the data phase
  std::uint64_t writeAt_ = 0;  // bytes
  Trouble statusTrouble_ = Trouble::None;

  Trouble planned_ = Trouble::None;
  unsigned plannedAt_ = 0;
  bool plannedAlways_ = false;
  std::optional<usb::scsi::Sense> plannedSense_;
  usb::scsi::Sense nextSense_;
  unsigned transfers_ = 0, resets_ = 0, flushes_ = 0;
};

class ScriptedBus {
 public:
  ScriptedBus();
  usb::Host host() const;
  std::unique_ptr<usb::UsbPort> port();

  void plug(const std::shared_ptr<ScriptedStick>& stick);
  void pull(const std::shared_ptr<ScriptedStick>& stick);
  // Brings the kernel's tables up to date after a unit was changed.
  void changed(const std::shared_ptr<ScriptedStick>& stick);
  void setMounts(const std::string& mountinfo);
  void setSwaps(const std::string& swaps);
  bool deaf = false;  // tells nobody of what comes and goes

 private:
  friend class ScriptedPort;
  friend class ScriptedLink;
  // REQUIRES for these: mutex_ is held.
  void bind(ScriptedStick& stick, bool bound);  // the kernel's driver, with what its tables show
  void show(ScriptedStick& stick);              // REQUIRES: the stick's mutex is held
  std::filesystem::path folderOf(const ScriptedStick& stick) const;

  Scratch scratch_{memoryDirectory()};  // the tables are made anew at each plugging in
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  unsigned events_ = 0;
  unsigned addresses_ = 3;
  std::map<const ScriptedStick*, unsigned> bindings_;  // how often the kernel's driver took it
  unsigned sequences_ = 10;
  std::map<const ScriptedStick*, std::size_t> hostOf_;
  std::map<std::string, std::string> sequenceOf_;  // by binding, unit and what is in it
  std::vector<std::shared_ptr<ScriptedStick>> sticks_;
};

}  // namespace tests
