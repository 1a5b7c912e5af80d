#include "tests/unit/usb/scripted_stick.h"

#include <algorithm>
#include <cstring>

#include "hal/stop_wait.h"

namespace tests {

using usb::Fault;
using usb::Milliseconds;
using usb::Transfer;
using usb::scsi::Key;

namespace {

std::string big(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::uint64_t number(const usb::Cdb& cdb, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8U | cdb.bytes[at + i];
  return value;
}

void waitFor(Milliseconds most) { static_cast<void>(hal::waitReadable(-1, base::Deadline::in(most), {})); }

bool ofStatus(Trouble trouble) { return trouble >= Trouble::WrongTag && trouble <= Trouble::FullResidue; }

}  // namespace

void ScriptedStick::plan(Trouble trouble, unsigned at, bool always, usb::scsi::Sense sense) {
  const std::lock_guard lock(mutex_);
  planned_ = trouble;
  plannedAt_ = transfers_ + at;
  plannedAlways_ = always;
  nextSense_ = sense;
  plannedSense_.reset();
  statusTrouble_ = Trouble::None;
}

void ScriptedStick::yank() {
  const std::lock_guard lock(mutex_);
  here_ = false;
}

unsigned ScriptedStick::transfers() const {
  const std::lock_guard lock(mutex_);
  return transfers_;
}
unsigned ScriptedStick::resets() const {
  const std::lock_guard lock(mutex_);
  return resets_;
}
unsigned ScriptedStick::flushes() const {
  const std::lock_guard lock(mutex_);
  return flushes_;
}
std::string ScriptedStick::disk(unsigned unit) const {
  const std::lock_guard lock(mutex_);
  return units.at(unit).disk;
}

bool ScriptedStick::asFound() const {
  const std::lock_guard lock(mutex_);
  return links_ == 0 && !claimed_ && (!here_ || bound_ == kernelDriver);
}

Trouble ScriptedStick::due() {
  ++transfers_;
  if (planned_ == Trouble::None || transfers_ < plannedAt_) return Trouble::None;
  const Trouble now = planned_;
  if (!plannedAlways_) planned_ = Trouble::None;
  if (ofStatus(now)) {
    statusTrouble_ = now;
    return Trouble::None;
  }
  if (now == Trouble::Check) {
    plannedSense_ = nextSense_;
    return Trouble::None;
  }
  if (now == Trouble::Yank) here_ = false;
  return now;
}

Transfer ScriptedStick::bulk(std::uint8_t endpoint, std::span<std::byte> in, base::BytesView out,
                             Milliseconds most) {
  {
    const std::lock_guard lock(mutex_);
    const Trouble trouble = due();
    const bool isIn = (endpoint & usb::Endpoint::kIn) != 0;
    if (!here_) return {Fault::Gone, 0};
    if (!claimed_) return {Fault::Failed, 0};
    bool& halt = isIn ? haltIn_ : haltOut_;
    if (trouble == Trouble::Stall) {
      halt = true;
      if (stage_ == Stage::DataIn || stage_ == Stage::DataOut) stage_ = Stage::Status;
    }
    if (halt) return {Fault::Stall, 0};
    if (trouble == Trouble::Overflow) return {Fault::Overflow, 0};
    if (trouble == Trouble::Busy) return {Fault::Failed, 0};
    if (trouble == Trouble::Hang) stage_ = Stage::Dead;
    const bool wants = isIn ? stage_ == Stage::DataIn || stage_ == Stage::Status
                            : stage_ == Stage::Command || stage_ == Stage::DataOut;
    if (wants) return isIn ? give(in, trouble) : take(out, trouble);
  }
  waitFor(most);  // it does not answer what it does not expect
  return {Fault::Timeout, 0};
}

Transfer ScriptedStick::take(base::BytesView out, Trouble trouble) {
  if (trouble == Trouble::Short) return {Fault::None, out.size() / 2};
  if (stage_ == Stage::Command) {
    const auto cbw = usb::parseCbw(out);
    if (cbw) {
      command(*cbw);
    } else {
      haltIn_ = haltOut_ = true;
      stage_ = Stage::Dead;  // until a reset (6.6.1)
    }
    return {Fault::None, out.size()};
  }
  data_.append(base::asText(out));
  moved_ += out.size();
  if (moved_ >= cbw_.length) store();
  return {Fault::None, out.size()};
}

Transfer ScriptedStick::give(std::span<std::byte> in, Trouble trouble) {
  if (stage_ == Stage::Status) return giveStatus(in, trouble);
  std::size_t most = std::min({in.size(), data_.size() - moved_, std::size_t{cbw_.length} - moved_});
  if (trouble == Trouble::Short) most /= 2;
  if (trouble == Trouble::Empty) most = 0;
  std::memcpy(in.data(), data_.data() + moved_, most);
  if (trouble == Trouble::Rubbish)
    std::fill(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(most), std::byte{0xFF});
  moved_ += most;
  stage_ = Stage::Status;
  return {Fault::None, most};
}

Transfer ScriptedStick::giveStatus(std::span<std::byte> in, Trouble trouble) {
  if (trouble == Trouble::Empty) return {Fault::None, 0};
  usb::Csw csw{cbw_.tag, cbw_.length - static_cast<std::uint32_t>(std::min<std::size_t>(moved_, cbw_.length)),
               status_};
  const Trouble how = std::exchange(statusTrouble_, Trouble::None);
  if (how == Trouble::WrongTag) csw.tag += 7;
  if (how == Trouble::PhaseError) csw.status = usb::CswStatus::PhaseError;
  if (how == Trouble::HugeResidue) csw.residue = 0xFFFFFFFF;
  if (how == Trouble::FullResidue) csw.residue = cbw_.length;
  auto frame = usb::encodeCsw(csw);
  if (how == Trouble::Signature || trouble == Trouble::Rubbish) frame[0] = std::byte{'X'};
  if (how == Trouble::BadStatus) frame[12] = std::byte{9};
  stage_ = Stage::Command;
  std::size_t size = std::min(frame.size(), in.size());
  std::memcpy(in.data(), frame.data(), size);
  if (trouble == Trouble::Short) size /= 2;
  if (how == Trouble::LongStatus) size = std::min(size + 9, in.size());
  return {Fault::None, size};
}

Transfer ScriptedStick::control(const usb::Setup& setup, std::span<std::byte> data, Milliseconds most) {
  {
    const std::lock_guard lock(mutex_);
    const Trouble trouble = due();
    if (!here_) return {Fault::Gone, 0};
    if (trouble == Trouble::Stall) return {Fault::Stall, 0};
    if (trouble == Trouble::Busy || trouble == Trouble::Overflow) return {Fault::Failed, 0};
    if (trouble != Trouble::Hang) {
      if (setup.request == usb::kBotReset) {
        ++resets_;
        stage_ = Stage::Command;
        statusTrouble_ = Trouble::None;
        return {Fault::None, 0};
      }
      if (setup.request != usb::kGetMaxLun || stallsMaxLun) return {Fault::Stall, 0};
      if (trouble == Trouble::Empty || trouble == Trouble::Short) return {Fault::None, 0};
      data[0] = trouble == Trouble::Rubbish ? std::byte{0xFF} : static_cast<std::byte>(units.size() - 1);
      return {Fault::None, 1};
    }
  }
  waitFor(most);
  return {Fault::Timeout, 0};
}

Fault ScriptedStick::clearHalt(std::uint8_t endpoint) {
  const std::lock_guard lock(mutex_);
  if (!here_) return Fault::Gone;
  ((endpoint & usb::Endpoint::kIn) != 0 ? haltIn_ : haltOut_) = false;
  return Fault::None;
}

Fault ScriptedStick::reset() {
  const std::lock_guard lock(mutex_);
  if (!here_) return Fault::Gone;
  ++resets_;
  stage_ = Stage::Command;
  haltIn_ = haltOut_ = false;
  return Fault::None;
}

void ScriptedStick::fail(StickUnit& unit, Key key, std::uint8_t asc, std::uint8_t ascq) {
  unit.sense = usb::scsi::Sense{key, asc, ascq};
  status_ = usb::CswStatus::Failed;
  data_.clear();
}

void ScriptedStick::command(const usb::Cbw& cbw) {
  cbw_ = cbw;
  data_.clear();
  moved_ = 0;
  status_ = usb::CswStatus::Passed;
  stage_ = cbw.length == 0 ? Stage::Status : cbw.in ? Stage::DataIn : Stage::DataOut;
  if (cbw.lun >= units.size()) {
    status_ = usb::CswStatus::Failed;
  } else {
    execute(units[cbw.lun], cbw.cdb);
  }
  // Nothing to give: the standard's device stalls and tells it in the status (6.7.2).
  if (stage_ == Stage::DataIn && data_.empty()) {
    haltIn_ = true;
    stage_ = Stage::Status;
  } else if (stage_ == Stage::DataOut && status_ != usb::CswStatus::Passed) {
    haltOut_ = true;
    stage_ = Stage::Status;
  }
}

void ScriptedStick::capacity(const StickUnit& unit, bool large) {
  usb::scsi::Capacity told{unit.disk.size() / unit.blockSize - 1, unit.blockSize};
  if (unit.claims) told = *unit.claims;
  if (large) {
    data_ = big(told.last, 8) + big(told.blockSize, 4) + std::string(20, '\0');
  } else {
    data_ = big(std::min(told.last, usb::scsi::kTooMany10), 4) + big(told.blockSize, 4);
  }
}

void ScriptedStick::execute(StickUnit& unit, const usb::Cdb& cdb) {
  const unsigned operation = cdb.bytes[0];
  if (operation == 0x12) {
    data_ = std::string{static_cast<char>(unit.type), '\x80', 4, 2, 31} + std::string(31, ' ');
    return;
  }
  if (operation == 0x03) {
    const auto sense = unit.sense.value_or(usb::scsi::Sense{});
    unit.sense.reset();
    const std::string key(1, static_cast<char>(sense.key)),
        code{static_cast<char>(sense.asc), static_cast<char>(sense.ascq)};
    data_ = unit.descriptorSense ? "\x72" + key + code + std::string(4, '\0')
                                 : std::string{'\x70', 0} + key + std::string{0, 0, 0, 0, 10} +
                                       std::string(4, '\0') + code + std::string(4, '\0');
    return;
  }
  if (plannedSense_) {
    const auto sense = *std::exchange(plannedSense_, std::nullopt);
    return fail(unit, sense.key, sense.asc, sense.ascq);
  }
  if (unit.attentions > 0) return --unit.attentions, fail(unit, Key::UnitAttention, 0x28);
  if (unit.becomingReady > 0) return --unit.becomingReady, fail(unit, Key::NotReady, 0x04, 0x01);
  if (unit.disk.empty()) return fail(unit, Key::NotReady, 0x3A);
  const char protect = unit.writeProtected ? '\x80' : '\0';
  const auto at = static_cast<std::size_t>(number(cdb, 2, 4)) * unit.blockSize;
  const auto length = static_cast<std::size_t>(number(cdb, 7, 2)) * unit.blockSize;
  const bool within = at <= unit.disk.size() && length <= unit.disk.size() - at;
  if (operation == 0x00) return;
  if (operation == 0x1A && unit.knowsModeSense6) {
    data_ = std::string{3, 0, protect, 0};
  } else if (operation == 0x5A && unit.knowsModeSense10) {
    data_ = std::string{0, 6, 0, protect, 0, 0, 0, 0};
  } else if (operation == 0x25) {
    capacity(unit, false);
  } else if (operation == 0x9E) {
    capacity(unit, true);
  } else if (operation == 0x28 && within) {
    data_ = unit.disk.substr(at, length);
  } else if (operation == 0x2A && unit.writeProtected) {
    fail(unit, Key::DataProtect, 0x27);
  } else if (operation == 0x2A && within && length == cbw_.length) {
    writeAt_ = at;
  } else if (operation == 0x35 && unit.knowsFlush) {
    ++flushes_;
  } else if ((operation == 0x28 || operation == 0x2A) && !within) {
    fail(unit, Key::IllegalRequest, 0x21);
  } else {
    fail(unit, Key::IllegalRequest, 0x20);
  }
}

void ScriptedStick::store() {
  std::string& disk = units[cbw_.lun].disk;
  std::memcpy(disk.data() + writeAt_, data_.data(), data_.size());
  stage_ = Stage::Status;
}

}  // namespace tests
