// The keeper shows: the server's state and its reason, and what is in the slots.
#include <algorithm>
#include <filesystem>

#include "daemon/keeper_impl.h"
#include "daemon/reasons.h"

namespace kmsd {

using base::Reason;

namespace {

// Why the server is sealed, where a medium was refused; None where that is no reason of a state.
Reason stateReason(Reason reason) {
  switch (reason) {
    case Reason::Foreign:
    case Reason::Damaged:
    case Reason::Blank:
    case Reason::Unformatted:
    case Reason::NotFat:
    case Reason::KeyMismatch:
    case Reason::PinNeeded:
      return reason;
    case Reason::PinWrong:
    case Reason::PinBlocked:
    case Reason::PinWithheld:
      return Reason::PinNeeded;
    case Reason::PassphraseNeeded:
    case Reason::SharesNeeded:
      return reason;
    default:
      return Reason::None;
  }
}

std::string sentence(Reason reason, const std::string& awaited) {
  switch (reason) {
    case Reason::SealedByCommand:
      return "The server was sealed by command; insert the key medium anew or unseal it by command.";
    case Reason::MediumRemoved:
      return "The key medium was removed; insert it again" + awaited + ".";
    default:
      return "The server waits for its key medium; insert it" + awaited + ".";
  }
}

// Why a place cannot be looked at; null where all can. One that is forbidden first: what is only not
// connected may be meant so.
const base::Error* unseen(const std::vector<SlotRecord*>& records) {
  const base::Error* found = nullptr;
  for (const SlotRecord* record : records) {
    if (!record->slot.error) continue;
    if (record->slot.error->reason == Reason::MediumNotPermitted) return &*record->slot.error;
    if (found == nullptr) found = &*record->slot.error;
  }
  return found;
}

// Where the slots of a URI are, as the start of their own URIs: full paths, and without options.
std::string placeOf(const std::string& uri) {
  constexpr std::string_view kImage = "image:";
  if (!uri.starts_with(kImage)) return uri.substr(0, uri.find('?'));
  std::error_code failed;
  const auto full = std::filesystem::absolute(uri.substr(kImage.size()), failed);
  return failed ? uri : std::string(kImage) + full.lexically_normal().string();
}

}  // namespace

void Keeper::Impl::note(std::string what) {
  if (events_.note) events_.note(std::move(what));
}

// " (floppy:A:, image:/srv/keys)"; nothing where the drivers' usual places are looked at.
std::string Keeper::Impl::awaited() const {
  std::string list;
  for (const std::string& uri : options_.reader.uris) list += (list.empty() ? "" : ", ") + uri;
  if (list.empty())
    for (const MediumReport& report : reports_) list += (list.empty() ? "" : ", ") + report.uri;
  return list.empty() ? "" : " (" + hal::reader::cleanText(list, 400) + ")";
}

ServerStatus Keeper::Impl::describe() {
  ServerStatus status;
  status.server = options_.server;
  status.sealed = !open_;
  status.medium = opener_;
  if (open_) {
    status.reason = Reason::None;
    status.detail = "The server is open with the key from " + openedFrom_ + ".";
    if (watch_ && watch_->sealAt)
      status.detail = "The key medium was removed; the server seals soon unless it returns.";
  } else if (fault_) {
    status.reason = fault_->reason == Reason::None ? Reason::DatabaseCorrupt : fault_->reason;
    status.detail = fault_->what;
  } else if (unwritable_) {
    status.reason = Reason::AuditUnwritable;
    status.detail = unwritable_->what;
  } else {
    status.reason = base_;
    status.detail = sentence(base_, awaited());
    const SlotRecord* latest = nullptr;
    for (const SlotRecord* record : book_.records())
      if (record->there() && record->refusal && (latest == nullptr || record->refusedAs > latest->refusedAs))
        latest = record;
    if (const base::Error* why = unseen(book_.records()); why != nullptr && base_ == Reason::AwaitingMedium)
      status.detail += " A place for it cannot be looked at: " + why->what + ".";
    const std::string shares = progress();
    const bool waits = latest == nullptr || latest->refusal->reason == Reason::SharesNeeded;
    if (waits && !shares.empty()) {
      const bool enough = desk_.count(collected_->set) >= collected_->set.threshold;
      status.reason = enough ? collected_->end : Reason::SharesNeeded;
      status.detail = shares + awaited() + ".";
    } else if (latest != nullptr) {
      const Reason reason = stateReason(latest->refusal->reason);
      if (reason != Reason::None) status.reason = reason;
      status.detail = latest->slot.id.uri() + ": " + latest->refusal->what;
      if (!shares.empty() && latest->refusal->what != shares) status.detail += ". Meanwhile: " + shares + ".";
    }
  }
  status.event = rowOf(status.reason).event;
  status.by = by_;
  status.mediumEpoch = epochNote_;
  return status;
}

MediumReport Keeper::Impl::report(const SlotRecord& record) const {
  MediumReport report;
  report.uri = record.slot.id.uri();
  report.driver = record.slot.id.driver;
  report.slot = record.slot.id.slot;
  report.present = record.there();
  report.writeProtected = record.slot.writeProtected;
  if (record.identity) {
    report.server = record.identity->server;
    report.medium = record.identity->medium;
    report.label = record.identity->label;
  }
  if (record.slot.error) {
    report.error = record.slot.error->what;
  } else if (record.refusal) {
    report.error = record.refusal->what;
  }
  return report;
}

void Keeper::Impl::refresh() {
  std::vector<MediumReport> reports;
  for (const SlotRecord* record : book_.records()) reports.push_back(report(*record));
  // A place that has no slots, such as usb: without a stick, is shown empty.
  for (const std::string& uri : options_.reader.uris) {
    const std::string place = placeOf(uri);
    if (std::ranges::any_of(reports, [&](const auto& known) { return known.uri.starts_with(place); }))
      continue;
    MediumReport& none = reports.emplace_back();
    none.uri = uri;
    none.driver = uri.substr(0, uri.find(':'));
    none.slot = uri.substr(std::min(uri.size(), none.driver.size() + 1));
  }
  {
    const std::lock_guard lock(mutex_);
    reports_ = std::move(reports);
  }
  ServerStatus status = describe();
  {
    const std::lock_guard lock(mutex_);
    const bool same = status.sealed == shown_.sealed && status.reason == shown_.reason &&
                      status.detail == shown_.detail && status.medium == shown_.medium &&
                      status.mediumEpoch == shown_.mediumEpoch;
    if (told_ && same) return;
    const bool moved = !told_ || status.sealed != shown_.sealed || status.reason != shown_.reason;
    status.since = moved ? clock_.now() : shown_.since;
    shown_ = status;
    shownSealed_.store(status.sealed, std::memory_order_release);
  }
  told_ = true;
  if (events_.stateChanged) events_.stateChanged(status);
}

}  // namespace kmsd
