#include "daemon/keeper_book.h"

#include <algorithm>

namespace kmsd {
namespace {

using Moves = std::vector<MediaBook::Move>;

void emptied(SlotRecord& record) {
  record.identity.reset();
  record.refusal.reset();
  record.retry = record.doubtful = record.examined = false;
}

hal::Slot as(hal::Slot slot, bool present) {
  slot.present = present;
  return slot;
}

void seen(SlotRecord& record, const hal::Slot& slot, bool afterRestart, Moves& moves) {
  const bool unsure = afterRestart || record.outOfSight;
  record.outOfSight = false;
  const bool was = std::exchange(record.present, slot.present);
  const bool same = record.stamp == slot.stamp;
  record.stamp = slot.stamp;
  if (was && slot.present && same) return;
  if (was && slot.present && unsure) {
    emptied(record);
    record.doubtful = true;  // `held` stays: nobody saw an insertion
    return;
  }
  emptied(record);
  record.held = false;
  if (was) moves.push_back({as(slot, false), false});
  if (slot.present) moves.push_back({slot, true});
}

}  // namespace

Moves MediaBook::update(const std::vector<hal::Slot>& slots, bool afterRestart) {
  Moves moves;
  std::vector<SlotRecord> next;
  bool partial = false;
  for (const hal::Slot& slot : slots) {
    partial = partial || slot.error.has_value();
    SlotRecord record;
    if (SlotRecord* known = find(slot.id)) record = std::exchange(*known, SlotRecord{});
    record.slot = slot;
    if (slot.error) {
      record.outOfSight = true;
    } else {
      seen(record, slot, afterRestart, moves);
    }
    next.push_back(std::move(record));
  }
  // What the list no longer speaks of is gone, unless a driver has yet to answer after a restart.
  for (SlotRecord& left : records_) {
    if (left.slot.id.driver.empty() || !left.present) continue;
    if (partial && (afterRestart || left.outOfSight)) {
      left.outOfSight = true;
      next.push_back(std::move(left));
    } else {
      moves.push_back({as(left.slot, false), false});
    }
  }
  records_ = std::move(next);
  return moves;
}

void MediaBook::holdAll(const hal::MediumId* except) {
  for (SlotRecord& record : records_)
    if (record.present && (except == nullptr || record.slot.id != *except)) record.held = true;
}

SlotRecord* MediaBook::find(const hal::MediumId& id) {
  const auto at =
      std::find_if(records_.begin(), records_.end(), [&](const SlotRecord& r) { return r.slot.id == id; });
  return at == records_.end() ? nullptr : &*at;
}

std::vector<SlotRecord*> MediaBook::records() {
  std::vector<SlotRecord*> all;
  for (SlotRecord& record : records_) all.push_back(&record);
  return all;
}

}  // namespace kmsd
