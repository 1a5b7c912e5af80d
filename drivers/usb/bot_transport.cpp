#include "drivers/usb/bot_transport.h"

#include <algorithm>
#include <utility>

namespace drivers::usb {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr unsigned kTries = 3;              // of one command
constexpr unsigned kMostRecoveries = 8;     // of one session; a device that needs more is broken
constexpr std::size_t kStatusRoom = 1024;   // bytes: the largest packet of a bulk endpoint
constexpr Milliseconds kControlMost{2000};  // a request that is answered at all is answered at once

Milliseconds left(base::Deadline by) { return std::max(by.remaining(), Milliseconds(1)); }

bool storage(const Interface& interface) {
  constexpr std::uint8_t kMassStorage = 8, kScsi = 6, kMmc = 2, kSff8070 = 5, kBulkOnly = 0x50;
  const bool commands =
      interface.subclass == kScsi || interface.subclass == kMmc || interface.subclass == kSff8070;
  return interface.classCode == kMassStorage && commands && interface.protocol == kBulkOnly;
}

}  // namespace

std::vector<BulkInterface> bulkInterfaces(const Device& device) {
  std::vector<BulkInterface> found;
  for (const Interface& interface : device.interfaces) {
    if (!storage(interface)) continue;
    const bool known =
        std::any_of(found.begin(), found.end(), [&](const auto& f) { return f.number == interface.number; });
    BulkInterface bulk{interface.number, interface.alternate, 0, 0};
    for (const Endpoint& endpoint : interface.endpoints) {
      if (!endpoint.bulk) continue;
      std::uint8_t& address = (endpoint.address & Endpoint::kIn) != 0 ? bulk.in : bulk.out;
      if (address == 0) address = endpoint.address;
    }
    if (!known && bulk.in != 0 && bulk.out != 0) found.push_back(bulk);
  }
  return found;
}

struct BotTransport::Phase {
  Cbw cbw;
  std::span<std::byte> in;
  base::BytesView out;

  std::size_t size() const { return cbw.in ? in.size() : out.size(); }
};

Result<BotTransport> BotTransport::create(Link& link, const BulkInterface& interface, std::string name) {
  auto status = base::SecretBuffer::create(kStatusRoom);
  if (!status) return std::move(status).error();
  return BotTransport(link, interface, std::move(name), *std::move(status));
}

Error BotTransport::gone() const { return {Code::NotFound, name_ + " was pulled; insert it again"}; }

Error BotTransport::late() const {
  return {Code::Timeout, name_ + " did not answer in time; pull it and insert it again"};
}

Error BotTransport::broken() const {
  return {Code::Io,
          name_ + " does not keep to the rules of USB storage; pull it and insert it again, or take another"};
}

Result<BotTransport::Outcome> BotTransport::receive(unsigned lun, const Cdb& cdb, std::span<std::byte> data,
                                                    base::Deadline by) {
  Phase phase{
      {0, static_cast<std::uint32_t>(data.size()), true, static_cast<std::uint8_t>(lun), cdb}, data, {}};
  return run(phase, by);
}

Result<BotTransport::Outcome> BotTransport::send(unsigned lun, const Cdb& cdb, base::BytesView data,
                                                 base::Deadline by) {
  Phase phase{
      {0, static_cast<std::uint32_t>(data.size()), false, static_cast<std::uint8_t>(lun), cdb}, {}, data};
  return run(phase, by);
}

Result<BotTransport::Outcome> BotTransport::run(Phase phase, base::Deadline by) {
  for (unsigned tried = 0; tried < kTries; ++tried) {
    if (dirty_) {
      if (auto recovered = recover(by); !recovered) return std::move(recovered).error();
    }
    if (by.expired()) return late();
    phase.cbw.tag = ++tag_;
    Outcome outcome;
    auto step = attempt(phase, outcome, by);
    if (!step) return std::move(step).error();
    if (*step == Step::Done) return outcome;
  }
  return broken();
}

// What a transfer's failure means for the command: over, or to be tried again after a recovery.
Result<BotTransport::Step> BotTransport::failed(Fault fault) {
  if (fault == Fault::Gone) return gone();
  if (fault == Fault::Timeout) return late();
  return Step::Again;
}

Result<BotTransport::Step> BotTransport::attempt(const Phase& phase, Outcome& outcome, base::Deadline by) {
  dirty_ = true;
  const auto wrapper = encodeCbw(phase.cbw);
  const Transfer command = link_->bulkOut(interface_.out, wrapper, left(by));
  if (command.fault != Fault::None || command.moved != wrapper.size()) return failed(command.fault);

  Transfer data;
  if (phase.size() > 0) {
    data = dataPhase(phase, by);
    // A stall only says that less came than was asked for (6.7.2); the status tells the rest.
    if (data.fault == Fault::Stall) {
      const Fault cleared = link_->clearHalt(phase.cbw.in ? interface_.in : interface_.out);
      if (cleared != Fault::None) return failed(cleared);
    } else if (data.fault != Fault::None) {
      return failed(data.fault);
    } else if (!phase.cbw.in && data.moved != phase.size()) {
      return Step::Again;
    }
  }
  // Some devices that have nothing to send leave the data phase out, and the status comes in its place.
  const bool skipped = phase.cbw.in && data.fault == Fault::None && data.moved == kCswSize &&
                       parseCsw(phase.in.first(kCswSize), phase.cbw.tag, phase.cbw.length);
  if (skipped) std::copy_n(phase.in.begin(), kCswSize, status_.bytes().begin());
  const Transfer status = skipped ? std::exchange(data, {}) : readStatus(by);
  if (status.fault != Fault::None) return failed(status.fault);
  const auto csw =
      parseCsw(base::BytesView(status_.bytes()).first(status.moved), phase.cbw.tag, phase.cbw.length);
  base::wipe(status_.bytes());
  if (!csw || csw->status == CswStatus::PhaseError) return Step::Again;
  dirty_ = false;
  outcome.passed = csw->status == CswStatus::Passed;
  outcome.moved = std::min<std::size_t>(data.moved, phase.size() - csw->residue);
  return Step::Done;
}

Transfer BotTransport::dataPhase(const Phase& phase, base::Deadline by) {
  return phase.cbw.in ? link_->bulkIn(interface_.in, phase.in, left(by))
                      : link_->bulkOut(interface_.out, phase.out, left(by));
}

// Once more after a stall (figure 2), and after an empty packet that belongs to the data before it.
Transfer BotTransport::readStatus(base::Deadline by) {
  Transfer status = link_->bulkIn(interface_.in, status_.bytes(), left(by));
  if (status.fault == Fault::Stall) {
    const Fault cleared = link_->clearHalt(interface_.in);
    if (cleared != Fault::None) return {cleared, 0};
  } else if (status.fault != Fault::None || status.moved != 0) {
    return status;
  }
  if (by.expired()) return {Fault::Timeout, 0};
  return link_->bulkIn(interface_.in, status_.bytes(), left(by));
}

// Reset recovery (5.3.4); where the device does not even take that, the port is reset.
Result<void> BotTransport::recover(base::Deadline by) {
  if (++recoveries_ > kMostRecoveries) return broken();
  if (by.expired()) return late();
  const Setup setup{kClassOut, kBotReset, 0, interface_.number};
  Fault fault = link_->control(setup, {}, std::min(left(by), kControlMost)).fault;
  if (fault == Fault::None) fault = link_->clearHalt(interface_.in);
  if (fault == Fault::None) fault = link_->clearHalt(interface_.out);
  if (fault != Fault::None && fault != Fault::Gone) {
    if (by.expired()) return late();
    fault = link_->reset();
  }
  if (fault == Fault::Gone) return gone();
  if (fault != Fault::None) return broken();
  dirty_ = false;
  return {};
}

void BotTransport::settle(base::Deadline by) {
  if (!dirty_) return;
  // Whether it worked is the kernel driver's to find out: it resets the device itself.
  [[maybe_unused]] const auto recovered = recover(by);
}

Result<unsigned> BotTransport::maxLun(base::Deadline by) {
  if (by.expired()) return late();
  std::byte answer{};
  const Setup setup{kClassIn, kGetMaxLun, 0, interface_.number};
  const Transfer asked = link_->control(setup, {&answer, 1}, std::min(left(by), kControlMost));
  if (asked.fault == Fault::Gone) return gone();
  if (asked.fault == Fault::Timeout && by.expired()) return late();
  // Devices with one unit may stall here (3.2), and some say what cannot be.
  const auto most = std::to_integer<unsigned>(answer);
  if (asked.fault != Fault::None || asked.moved != 1 || most > kMostLun) return 0U;
  return most;
}

}  // namespace drivers::usb
