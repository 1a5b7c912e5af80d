// The keeper closes: a seal by command, and the removal policy.
#include "daemon/keeper_impl.h"

namespace kmsd {

using base::Reason;
using Steady = std::chrono::steady_clock;

void Keeper::Impl::close(Reason why, const hal::MediumId* except) {
  vault_->seal();
  open_ = false;
  opener_.reset();
  by_.clear();
  unwritable_.reset();
  watch_.reset();
  base_ = why;
  book_.holdAll(except, blind());
  for (SlotRecord* record : book_.records()) {
    record->examined = false;
    record->refusal.reset();  // what was wrong with a medium before is not why the server is sealed now
  }
}

void Keeper::Impl::closeIfAuditBroken() {
  // While sealed nothing changes: the next opening verifies the log, and finds it mended or broken.
  if (!open_ || !vault_->brokenAudit) return;
  auto why = vault_->brokenAudit();
  if (!why) return;  // mended or accepted meanwhile
  close(Reason::AwaitingMedium, nullptr);
  fault_ = std::move(why);
}

void Keeper::Impl::followPolicy() {
  if (!watch_) return;
  SlotRecord* record = book_.find(watch_->id);
  if (watch_->sealAt) return removed(record);
  const bool restarting = [this] {
    const std::lock_guard lock(mutex_);
    return restartPending_;
  }();
  if (restarting || (record != nullptr && record->outOfSight)) {
    if (!watch_->lostSince) watch_->lostSince = Steady::now();
    if (Steady::now() < *watch_->lostSince + options_.outOfSight) return;
    return removed(record);
  }
  watch_->lostSince.reset();
  if (record == nullptr || !record->there()) return removed(record);
  if (record->stamp == watch_->stamp) return;
  // After a restart the stamps may be others while the medium is the same: it is read.
  if (record->doubtful && isTheOpener(*record)) {
    watch_->stamp = record->stamp;
    record->doubtful = false;
    return;
  }
  removed(record);
}

void Keeper::Impl::removed(SlotRecord* record) {
  if (options_.onRemoval == OnRemoval::Seal) {
    // Another medium in the very slot was inserted after the removal, so it may open; and so may what comes
    // back with a drive that was unplugged.
    const bool swapped = record != nullptr && record->there() && record->stamp != watch_->stamp;
    const bool unplugged = record != nullptr && record->absent;
    const hal::MediumId id = watch_->id;
    return close(Reason::MediumRemoved, swapped || unplugged ? &id : nullptr);
  }
  const auto now = Steady::now();
  if (!watch_->sealAt) {
    watch_->lostSince.reset();
    watch_->sealAt = now + options_.grace;
    note("The key medium was removed; the server seals in " +
         std::to_string(std::chrono::ceil<std::chrono::seconds>(options_.grace).count()) +
         " s unless it returns.");
  }
  if (now >= *watch_->sealAt) return close(Reason::MediumRemoved, nullptr);
  for (SlotRecord* other : book_.records()) {
    if (!other->there() || other->examined || notBefore(*other) > now) continue;
    // One a turn, as a stick may be slow: the end of the grace, a seal and news of the slots come between.
    if (isTheOpener(*other)) {
      watch_ = Watch{other->slot.id, other->stamp, std::nullopt, std::nullopt};
      note("The key medium is back; the server stays open.");
    }
    return;
  }
}

bool Keeper::Impl::isTheOpener(SlotRecord& record) {
  const auto offer = readOffer(record, std::nullopt, nullptr);
  if (!offer) {
    refused(record, offer.error());
    record.examined = !record.retry;
    return false;
  }
  record.examined = true;
  if (offer->id && (offer->id->server != options_.server || offer->id->medium != *opener_)) return false;
  const auto medium = vault_->check(*offer);
  if (!medium) refused(record, medium.error());
  return medium && *medium == *opener_;
}

}  // namespace kmsd
