// The keeper notes on the medium what state the server has seen (kmsd run --medium-epoch), and asks it
// before.
#include <algorithm>

#include "daemon/keeper_impl.h"
#include "hal/base/rfc3339.h"
#include "hal/epoch_file.h"

namespace kmsd {

using base::Code;
using base::Error;
using base::Result;

namespace {

constexpr const char* kWorth =
    " Only with the medium written last is an older copy of the data refused, and whoever can write to the "
    "medium can wind that back.";

}  // namespace

void Keeper::Impl::askMedium(const SlotRecord& record) {
  said_.reset();
  if (!options_.reader.mediumEpoch || !vault_->mediumWrites) return;
  // To open a card may cost a PIN.
  said_ = record.slot.id.driver == "card"
              ? Result<base::Bytes>(Error{Code::Unsupported, "cards are not written"})
              : reader_->readEpoch(record.slot.id);
}

void Keeper::Impl::tellMedium() {
  if (!vault_->mediumSays) return;
  vault_->mediumSays(said_ && *said_ ? **said_ : base::Bytes());
}

Result<void> Keeper::Impl::writeMedium(SlotRecord& record, const base::Uuid& medium) {
  if (!*said_) return said_->error();
  auto writes = vault_->mediumWrites(**said_, medium);
  if (!writes) return std::move(writes).error();
  for (const auto& write : *writes)
    if (auto done = reader_->writeEpoch(record.slot.id, write.which, write.sector); !done) return done;
  if (!writes->empty()) followStamp(record, writes->back().which, writes->back().sector);
  return {};
}

// What was written to an image is another file to its driver. It is the same medium where it has the new
// record after it had its new stamp.
void Keeper::Impl::followStamp(SlotRecord& record, unsigned which, base::BytesView sector) {
  auto slots = reader_->scan();
  if (!slots) return;
  const auto now = std::ranges::find(*slots, record.slot.id, &hal::Slot::id);
  if (now == slots->end() || !now->present || now->error || now->stamp == record.stamp) return;
  const auto back = reader_->readEpoch(record.slot.id);
  if (!back || back->size() != hal::kEpochFileSize) return;
  if (!std::ranges::equal(base::BytesView(*back).subspan(which * hal::kEpochSector, hal::kEpochSector),
                          sector))
    return;
  const std::string before = std::exchange(record.stamp, now->stamp);
  record.slot.stamp = now->stamp;
  const std::lock_guard lock(mutex_);
  if (!inbox_.slots) return;
  for (hal::Slot& slot : *inbox_.slots)
    if (slot.id == record.slot.id && slot.stamp == before) slot.stamp = now->stamp;
}

void Keeper::Impl::noteOnMedium(SlotRecord& record, const base::Uuid& medium) {
  if (!said_) return;
  const std::string uri = record.slot.id.uri();
  auto written = writeMedium(record, medium);
  said_.reset();
  if (written) {
    const std::string label = record.identity ? record.identity->label : std::string();
    noted_ = "medium " + medium.text() + (label.empty() ? "" : " (" + label + ")") + " in " + uri + ", " +
             base::formatTime(clock_.now());
    epochNote_ = "Written last: " + noted_ + "." + kWorth;
    return;
  }
  epochNote_ = "Not noted on the medium in " + uri + ": " + written.error().what + ". " +
               (noted_.empty() ? "No medium was written since the server started."
                               : "Written last: " + noted_ + "." + kWorth);
  note(epochNote_);
}

// What opened was typed, or in shares.
void Keeper::Impl::noteNowhere() {
  if (!options_.reader.mediumEpoch) return;
  epochNote_ = std::string("Not noted at this unsealing, as no medium opened the server alone. ") +
               (noted_.empty() ? "No medium was written since the server started."
                               : "Written last: " + noted_ + "." + kWorth);
}

}  // namespace kmsd
