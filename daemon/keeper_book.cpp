#include "daemon/keeper_book.h"

#include <algorithm>

namespace kmsd {
namespace {

using Moves = std::vector<MediaBook::Move>;

void emptied(SlotRecord& record) {
  record.identity.reset();
  record.refusal.reset();
  record.missed.reset();
  record.retry = record.doubtful = record.examined = false;
}

bool noDrive(const hal::Slot& slot) {
  return slot.error && slot.error->code == base::Code::NotFound &&
         slot.error->reason == base::Reason::AwaitingMedium;
}

hal::Slot as(hal::Slot slot, bool present) {
  slot.present = present;
  return slot;
}

void seen(SlotRecord& record, const hal::Slot& slot, bool afterRestart, Moves& moves) {
  const bool unsure = afterRestart || record.outOfSight;
  record.outOfSight = record.absent = false;
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
  // What was out of sight at the seal, and was not seen empty since, was not seen to be inserted either.
  if (was || !slot.present) record.held = false;
  if (was) moves.push_back({as(slot, false), false});
  if (slot.present) moves.push_back({slot, true});
}

}  // namespace

Moves MediaBook::update(const std::vector<hal::Slot>& slots, bool afterRestart) {
  Moves moves;
  std::vector<SlotRecord> next;
  std::vector<bool> unseen;
  std::vector<bool> fresh;
  for (const hal::Slot& slot : slots) {
    fresh.push_back(find(slot.id) == nullptr);
    unseen.push_back(fresh.back() && mayHaveBeenThere(slot, slots));
  }
  holdNew_ = false;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const hal::Slot& slot = slots[i];
    SlotRecord record;
    record.held = unseen[i];
    if (SlotRecord* known = find(slot.id)) record = std::exchange(*known, SlotRecord{});
    record.slot = slot;
    if (slot.error) {
      record.outOfSight = true;
      record.absent = noDrive(slot);
    } else {
      seen(record, slot, afterRestart, moves);
    }
    next.push_back(std::move(record));
  }
  // What the list no longer speaks of is gone, unless its driver cannot show it: it has yet to answer after a
  // restart, or fails since this list, then told of under its URI's name.
  const auto hiding = [&](const SlotRecord& left) -> const hal::Slot* {
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (slots[i].error && slots[i].id.driver == left.slot.id.driver &&
          (afterRestart || left.outOfSight || fresh[i]))
        return &slots[i];
    return nullptr;
  };
  for (SlotRecord& left : records_) {
    if (left.slot.id.driver.empty() || !left.present) continue;
    if (const hal::Slot* why = hiding(left)) {
      left.outOfSight = true;
      left.absent = noDrive(*why);
      next.push_back(std::move(left));
    } else {
      moves.push_back({as(left.slot, false), false});
    }
  }
  records_ = std::move(next);
  return moves;
}

void MediaBook::holdAll(const hal::MediumId* except, bool blind) {
  holdNew_ = blind;
  for (SlotRecord& record : records_) {
    const bool maybe = record.present || (record.outOfSight && !record.absent) || blind;
    if (maybe && (except == nullptr || record.slot.id != *except)) record.held = true;
  }
}

// A new slot was there unseen at the seal where nothing was seen then, or where a drive that was out of sight
// (under its URI's name) shows its slots only now.
bool MediaBook::mayHaveBeenThere(const hal::Slot& fresh, const std::vector<hal::Slot>& slots) const {
  const auto shown = [&](const SlotRecord& record) {
    return std::none_of(slots.begin(), slots.end(),
                        [&](const hal::Slot& s) { return s.id == record.slot.id && s.error; });
  };
  return holdNew_ || std::any_of(records_.begin(), records_.end(), [&](const SlotRecord& record) {
           return record.held && record.outOfSight && record.slot.id.driver == fresh.id.driver &&
                  shown(record);
         });
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
