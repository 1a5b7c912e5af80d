#include "hal/reader_station.h"

#include <algorithm>

#include "hal/reader_protocol.h"

namespace hal {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

namespace {

// A slot that the protocol cannot carry is shown with an error under a name that it can.
Slot presentable(Slot slot) {
  constexpr std::size_t kRoom = reader::kMaxUri - 64;  // the scheme and its colon fit beside it
  const std::string shown = reader::cleanText(slot.id.slot, kRoom);
  if (shown != slot.id.slot) {
    slot.id.slot = shown;
    slot.present = false;
    slot.error =
        Error{Code::Invalid, "its name is too long or has characters that cannot be shown; rename it"};
  }
  if (slot.stamp.size() > reader::kMaxStamp) slot.stamp.resize(reader::kMaxStamp);
  return slot;
}

MediumId idOf(const std::string& uri) {
  const std::size_t colon = uri.find(':');
  return {uri.substr(0, colon), colon == std::string::npos ? std::string() : uri.substr(colon + 1)};
}

}  // namespace

ReaderStation::ReaderStation(std::string uri, std::unique_ptr<Driver> driver)
    : uri_(std::move(uri)), driver_(std::move(driver)) {}

ReaderStation::Turn::~Turn() {
  if (station_ == nullptr) return;
  const std::lock_guard lock(station_->mutex_);
  station_->busyUntil_.reset();
  station_->free_.notify_one();
}

Result<ReaderStation::Turn> ReaderStation::take(base::Deadline by) {
  std::unique_lock lock(mutex_);
  if (!free_.wait_until(lock, by.at(), [this] { return !busyUntil_; }))
    return Error{Code::Timeout, uri_ + " is still at work on something else; try again", Reason::MediumBusy};
  busyUntil_ = by;
  return Turn(*this);
}

void ReaderStation::look(base::Deadline by) {
  const auto failed = [this](const Error& error) {
    // Slots seen before stay listed, so that what comes back is not taken for newly inserted.
    std::vector<Slot> all = slots().value_or(std::vector<Slot>());
    if (all.empty()) all.emplace_back().id = idOf(uri_);
    for (Slot& slot : all) {
      slot.present = false;
      slot.error = error;
    }
    keep(std::move(all));
  };
  auto turn = take(by);
  if (!turn && slots()) return;  // in use, so it was seen; a person may be typing a PIN
  if (!turn) return failed(turn.error());
  auto slots = turn->driver().scan(by);
  if (!slots) return failed(slots.error());
  keep(*std::move(slots));
}

void ReaderStation::keep(std::vector<Slot> slots) {
  for (Slot& slot : slots) slot = presentable(std::move(slot));
  const std::lock_guard lock(mutex_);
  slots_ = std::move(slots);
}

std::optional<std::vector<Slot>> ReaderStation::slots() const {
  const std::lock_guard lock(mutex_);
  return slots_;
}

bool ReaderStation::has(const MediumId& id) const {
  const std::lock_guard lock(mutex_);
  return slots_ && std::any_of(slots_->begin(), slots_->end(), [&](const Slot& s) { return s.id == id; });
}

bool ReaderStation::overdue(base::Deadline::Steady::time_point when) const {
  const std::lock_guard lock(mutex_);
  return busyUntil_ && busyUntil_->at() < when;
}

}  // namespace hal
