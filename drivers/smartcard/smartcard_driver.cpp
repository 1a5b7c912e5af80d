#include "drivers/smartcard/smartcard_driver.h"

#include <algorithm>

#include "drivers/smartcard/card_medium.h"
#include "drivers/smartcard/driver.h"
#include "hal/stop_wait.h"

namespace drivers::smartcard {
namespace {

using base::Code;
using base::Deadline;
using base::Error;
using base::Result;
using std::chrono::milliseconds;

constexpr milliseconds kLongestWait{1000};  // a cancel that comes before the wait is lost
constexpr milliseconds kAbsent{250};        // between two tries to reach pcscd
constexpr milliseconds kBreath{50};         // some changes are none of ours: do not spin on them

}  // namespace

SmartcardDriver::SmartcardDriver(CardTarget target, MakePcscPort make)
    : target_(std::move(target)), make_(std::move(make)), workers_(std::make_shared<Workers>(make_, book_)) {}

SmartcardDriver::~SmartcardDriver() = default;

const hal::DriverInfo& SmartcardDriver::info() const noexcept { return kInfo; }

// With the options, so that it is a URI that means the same place on the card.
hal::MediumId SmartcardDriver::idOf(const std::string& reader) const {
  return {std::string(kInfo.scheme), reader + target_.options};
}

std::vector<hal::Slot> SmartcardDriver::slotsOf(const Readers& readers) {
  std::vector<hal::Slot> slots;
  if (!readers) {
    std::vector<std::string> names = known_;
    if (names.empty()) names.push_back(target_.reader);
    for (const std::string& name : names) {
      slots.emplace_back().id = idOf(name);
      slots.back().error = readers.error();
    }
    return slots;
  }
  known_.clear();
  for (const Reader& reader : *readers) {
    if (!named(reader)) continue;
    known_.push_back(reader.shown);
    hal::Slot& slot = slots.emplace_back();
    slot.id = idOf(reader.shown);
    slot.present = reader.present;
    slot.stamp = reader.stamp;
  }
  if (slots.empty()) {
    slots.emplace_back().id = idOf(target_.reader);
    slots.back().error =
        Error{Code::NotFound,
              target_.reader.empty() ? "no card reader is connected; connect one"
                                     : "the card reader " + target_.reader + " is not connected; connect it",
              base::Reason::AwaitingMedium};
  }
  return slots;
}

std::string SmartcardDriver::digest(const Readers& readers) const {
  if (!readers) return "!" + readers.error().what;
  std::string all;
  for (const Reader& reader : *readers) {
    if (named(reader))
      all += reader.name + (reader.present ? "+" : "-") + reader.card + (reader.mute ? "m\n" : "\n");
  }
  return all;
}

Result<std::vector<hal::Slot>> SmartcardDriver::scan(Deadline by) {
  const Readers readers =
      workers_->run<std::vector<Reader>>([](PcscSession& session) { return session.readers(); }, by);
  const std::lock_guard lock(mutex_);
  told_ = digest(readers);
  return slotsOf(readers);
}

Result<std::unique_ptr<hal::Medium>> SmartcardDriver::open(const hal::MediumId& id, hal::Access access,
                                                           hal::Ask& ask, Deadline by) {
  const bool ours =
      id.driver == kInfo.scheme && id.slot.ends_with(target_.options) && id.slot.starts_with(target_.reader);
  if (!ours)
    return Error{Code::NotFound, id.uri() + " is no slot of card:" + target_.reader + target_.options};
  std::string reader = id.slot.substr(0, id.slot.size() - target_.options.size());
  return CardMedium::open(workers_, target_, std::move(reader), id, access, ask, by);
}

Pcsc SmartcardDriver::waitOnce(const std::vector<Reader>& readers, Deadline by, const std::stop_token& stop) {
  std::vector<ReaderState> states;
  for (const Reader& reader : readers) states.push_back({reader.name, reader.event, 0, {}});
  states.push_back({kPnpReader, 0, 0, {}});
  const std::stop_callback wake(stop, [this] { waiting_->raw().cancel(); });
  if (stop.stop_requested()) return Pcsc::Cancelled;
  const auto span = std::min(by.remaining() + milliseconds(1), kLongestWait);
  return waiting_->raw().statusChange(span, states);
}

Result<bool> SmartcardDriver::waitForChange(Deadline by, std::stop_token stop) {
  if (!waiting_) waiting_ = std::make_unique<PcscSession>(make_(), book_);
  while (!stop.stop_requested()) {
    const Readers readers = waiting_->readers();
    {
      const std::lock_guard lock(mutex_);
      const std::string now = digest(readers);
      if (!told_) told_ = now;
      if (*told_ != now) return true;
    }
    if (by.expired()) return false;
    auto pause = kBreath;
    if (readers) {
      const Pcsc heard = waitOnce(*readers, by, stop);
      if (waiting_->dropIfLost(heard)) return true;
      if (heard == Pcsc::Timeout || heard == Pcsc::Cancelled) continue;
      if (heard != Pcsc::Ok && heard != Pcsc::UnknownReader) pause = kLongestWait;
    } else {
      pause = kAbsent;
    }
    auto paused = hal::waitReadable(-1, Deadline::in(pause).sooner(by), stop);
    if (!paused) return std::move(paused).error();
  }
  return false;
}

}  // namespace drivers::smartcard
