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
  desk_.clear();
  collected_.reset();
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

void Keeper::Impl::closeForGood(base::Error why) {
  if (!vault_ || lost_) return;
  close(Reason::AwaitingMedium, nullptr);
  fault_ = std::move(why);
  lost_ = true;
}

void Keeper::Impl::followPolicy() {
  if (!watch_) return;
  if (watch_->sealAt) return removed(Place(watch_->places.front()));
  for (Place& place : watch_->places)
    if (gone(place)) return removed(Place(place));
}

bool Keeper::Impl::gone(Place& place) {
  SlotRecord* record = book_.find(place.id);
  const bool restarting = [this] {
    const std::lock_guard lock(mutex_);
    return restartPending_;
  }();
  if (restarting || (record != nullptr && record->outOfSight)) {
    if (!place.lostSince) place.lostSince = Steady::now();
    return Steady::now() >= *place.lostSince + options_.outOfSight;
  }
  place.lostSince.reset();
  if (record == nullptr || !record->there()) return true;
  if (record->stamp == place.stamp) return false;
  // After a restart the stamps may be others while the medium is the same: it is read.
  if (!record->doubtful || !isTheOpener(*record)) return true;
  place.stamp = record->stamp;
  record->doubtful = false;
  return false;
}

void Keeper::Impl::removed(const Place& place) {
  const SlotRecord* record = book_.find(place.id);
  if (options_.onRemoval == OnRemoval::Seal) {
    // Another medium in the very slot was inserted after the removal, so it may open; and so may what comes
    // back with a drive that was unplugged.
    const bool swapped = record != nullptr && record->there() && record->stamp != place.stamp;
    const bool unplugged = record != nullptr && record->absent;
    return close(Reason::MediumRemoved, swapped || unplugged ? &place.id : nullptr);
  }
  const auto now = Steady::now();
  if (!watch_->sealAt) {
    for (Place& watched : watch_->places) watched.lostSince.reset();
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
      watch_ = Watch{{{other->slot.id, other->stamp, std::nullopt}}, std::nullopt, std::move(watch_->mark)};
      note("The key medium is back; the server stays open.");
    }
    return;
  }
}

bool Keeper::Impl::isTheOpener(SlotRecord& record) {
  auto file = readKey(record, nullptr);
  if (!file) {
    refused(record, file.error());
    record.examined = !record.retry;
    return false;
  }
  record.examined = true;
  const auto& id = record.identity;
  if (id && (id->server != options_.server || id->medium != *opener_)) return false;
  const std::uint8_t number = file->share ? file->share->number : std::uint8_t{0};
  if (const auto& mark = watch_->mark)
    return mark->share == number && base::equalConstantTime(mark->value.bytes(), file->key.bytes());
  if (number != 0) return false;  // a share alone proves nothing
  kms::KeyOffer offer{std::move(file->key), std::nullopt, std::nullopt, record.slot.id.uri()};
  if (id) offer.id = kms::MediumRef{id->server, id->medium};
  const auto medium = vault_->check(offer);
  if (!medium) refused(record, medium.error());
  return medium && *medium == *opener_;
}

}  // namespace kmsd
