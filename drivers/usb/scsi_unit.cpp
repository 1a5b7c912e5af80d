#include "drivers/usb/scsi_unit.h"

#include <array>

#include "hal/disk_medium.h"
#include "hal/stop_wait.h"

namespace drivers::usb {
namespace {

using base::Code;
using base::Error;
using base::Result;
using scsi::Key;

constexpr unsigned kAttentions = 5;    // a unit tells each event once; more than these in a row are none
constexpr unsigned kReadyPauses = 50;  // then it never becomes ready
constexpr std::uint64_t kMostBlocks = std::uint64_t{1} << 32U;

// The device did what the command asked, as far as it is able to: what is missing is no failure of the unit.
bool tolerable(const Error& error) { return error.code == Code::Unsupported || error.code == Code::Io; }

std::string hexByte(std::uint8_t value) { return base::toHex(std::array{std::byte{value}}); }

}  // namespace

Result<ScsiUnit> ScsiUnit::start(BotTransport& transport, unsigned lun, std::string name, base::Deadline by,
                                 UnitOptions options) {
  ScsiUnit unit(transport, lun, std::move(name), options);
  if (auto done = unit.identify(by); !done) return std::move(done).error();
  auto ready = unit.receive(scsi::testUnitReady(), {}, by);
  if (!ready) return std::move(ready).error();
  if (auto done = unit.measure(by); !done) return std::move(done).error();
  if (auto done = unit.askProtection(by); !done) return std::move(done).error();
  return unit;
}

Result<void> ScsiUnit::identify(base::Deadline by) {
  std::array<std::byte, scsi::kInquirySize> data{};
  const auto moved = receive(scsi::inquiry(), data, by);
  if (!moved) return moved.error();
  const auto inquiry = scsi::parseInquiry(base::BytesView(data).first(*moved));
  if (!inquiry) return Error{Code::Io, name_ + " does not tell what it is; take another stick"};
  if (inquiry->qualifier != 0) return Error{Code::NotFound, "there is no unit " + name_};
  if (inquiry->type != 0)
    return Error{Code::Unsupported, name_ + " is no disk (SCSI type " + std::to_string(inquiry->type) +
                                        "); take a stick that is one"};
  return {};
}

Result<void> ScsiUnit::measure(base::Deadline by) {
  std::array<std::byte, scsi::kCapacity16Size> data{};
  auto moved = receive(scsi::readCapacity10(), std::span(data).first(scsi::kCapacity10Size), by);
  if (!moved) return std::move(moved).error();
  auto capacity = scsi::parseCapacity10(base::BytesView(data).first(*moved));
  if (capacity && capacity->last == scsi::kTooMany10) {
    moved = receive(scsi::readCapacity16(), data, by);
    if (!moved) return std::move(moved).error();
    capacity = scsi::parseCapacity16(base::BytesView(data).first(*moved));
  }
  if (!capacity) return Error{Code::Io, name_ + " does not tell its size; take another stick"};
  if (capacity->blockSize != 512 && capacity->blockSize != 4096)
    return Error{Code::Unsupported, name_ + " has sectors of " + std::to_string(capacity->blockSize) +
                                        " bytes; only 512 and 4096 are supported, take another stick"};
  if (capacity->last >= kMostBlocks)
    return Error{Code::Unsupported,
                 name_ + " says that it is larger than 2^32 sectors; take a smaller stick"};
  facts_.blockSize = capacity->blockSize;
  facts_.blocks = capacity->last + 1;
  return {};
}

// A unit that does not tell is taken to be writable: a write that it refuses is told then.
Result<void> ScsiUnit::askProtection(base::Deadline by) {
  std::array<std::byte, scsi::kModeSize> data{};
  auto moved = receive(scsi::modeSense6(), data, by);
  if (!moved && !tolerable(moved.error())) return std::move(moved).error();
  std::optional<bool> told;
  if (moved) told = scsi::parseModeProtect6(base::BytesView(data).first(*moved));
  if (!told) {
    moved = receive(scsi::modeSense10(), data, by);
    if (!moved && !tolerable(moved.error())) return std::move(moved).error();
    if (moved) told = scsi::parseModeProtect10(base::BytesView(data).first(*moved));
  }
  facts_.writeProtected = told.value_or(false);
  return {};
}

// Runs the command until it passes, its sense data say that this is of no use, or all tries are used up.
template <class Run>
Result<std::size_t> ScsiUnit::repeated(Run run, base::Deadline by) {
  unsigned pauses = 0;
  for (unsigned attentions = 0; attentions < kAttentions;) {
    auto outcome = run();
    if (!outcome) return std::move(outcome).error();
    if (outcome->passed) return outcome->moved;
    auto told = sense(by);
    if (!told) return std::move(told).error();
    if (told->key == Key::Recovered) return outcome->moved;
    if (told->becomingReady() && ++pauses < kReadyPauses) {
      const auto pause = base::Deadline::in(options_.readyPause).sooner(by);
      if (auto waited = hal::waitReadable(-1, pause, {}); !waited) return std::move(waited).error();
      if (by.expired()) return Error{Code::Timeout, name_ + " did not become ready in time; try again"};
    } else if (told->key == Key::UnitAttention || told->key == Key::AbortedCommand ||
               told->key == Key::None) {
      ++attentions;
    } else {
      return refusal(*told);
    }
  }
  return Error{Code::Io, name_ + " interrupts each command; pull it and insert it again, or take another"};
}

Result<std::size_t> ScsiUnit::receive(const Cdb& cdb, std::span<std::byte> data, base::Deadline by) {
  return repeated([&] { return transport_->receive(lun_, cdb, data, by); }, by);
}

Result<std::size_t> ScsiUnit::send(const Cdb& cdb, base::BytesView data, base::Deadline by) {
  return repeated([&] { return transport_->send(lun_, cdb, data, by); }, by);
}

Result<scsi::Sense> ScsiUnit::sense(base::Deadline by) {
  std::array<std::byte, scsi::kSenseSize> data{};
  auto outcome = transport_->receive(lun_, scsi::requestSense(), data, by);
  if (!outcome) return std::move(outcome).error();
  const auto sense = scsi::parseSense(base::BytesView(data).first(outcome->passed ? outcome->moved : 0));
  if (!sense) return Error{Code::Io, name_ + " fails and does not tell why; take another stick"};
  return *sense;
}

Error ScsiUnit::refusal(const scsi::Sense& sense) const {
  if (sense.noMedium()) return {Code::NotFound, "nothing is inserted in " + name_};
  const std::string code = " (sense " + hexByte(std::uint8_t(sense.key)) + "/" + hexByte(sense.asc) + "/" +
                           hexByte(sense.ascq) + ")";
  switch (sense.key) {
    case Key::NotReady:
      return {Code::Unavailable, name_ + " is not ready" + code + "; pull it and insert it again"};
    case Key::MediumError:
    case Key::HardwareError:
      return {Code::Io, name_ + " is worn out or damaged" + code + "; use a copy of it"};
    case Key::IllegalRequest:
      return {Code::Unsupported, name_ + " does not know a command" + code + "; take another stick"};
    case Key::DataProtect:
      return hal::readOnlyError(name_);
    default:
      return {Code::Io, name_ + " failed" + code + "; pull it and insert it again"};
  }
}

Result<void> ScsiUnit::read(std::uint64_t block, std::span<std::byte> out, base::Deadline by) {
  const auto count = static_cast<std::uint16_t>(out.size() / facts_.blockSize);
  auto moved = receive(scsi::read10(static_cast<std::uint32_t>(block), count), out, by);
  if (!moved) return std::move(moved).error();
  if (*moved != out.size())
    return Error{Code::Io, name_ + " gave less than was asked for at sector " + std::to_string(block) +
                               "; use a copy of it"};
  return {};
}

Result<void> ScsiUnit::write(std::uint64_t block, base::BytesView in, base::Deadline by) {
  const auto count = static_cast<std::uint16_t>(in.size() / facts_.blockSize);
  auto moved = send(scsi::write10(static_cast<std::uint32_t>(block), count), in, by);
  if (!moved) return std::move(moved).error();
  if (*moved != in.size())
    return Error{Code::Io, name_ + " took less than was written at sector " + std::to_string(block) +
                               "; take another stick"};
  return {};
}

Result<void> ScsiUnit::synchronize(base::Deadline by) {
  auto done = receive(scsi::synchronizeCache10(), {}, by);
  if (!done && done.error().code != Code::Unsupported) return std::move(done).error();
  return {};
}

}  // namespace drivers::usb
