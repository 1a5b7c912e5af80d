#include "daemon/run_events.h"

#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/reasons.h"

namespace kmsd {

std::string statusLine(const ServerStatus& status) {
  if (!status.sealed)
    return "unsealed" + (status.medium ? " by medium " + status.medium->text() : std::string());
  return "sealed: " + (status.detail.empty() ? std::string(rowOf(status.reason).name) : status.detail);
}

Keeper::Events RunEvents::events() {
  Keeper::Events events;
  events.stateChanged = [this](const ServerStatus& status) { stateChanged(status); };
  events.mediumMoved = [this](const hal::Slot& slot, bool inserted) { mediumMoved(slot, inserted); };
  events.mediumRefused = [this](const std::string& uri, const base::Error& why) { mediumRefused(uri, why); };
  events.note = [](std::string what) { log::warning(what); };
  return events;
}

void RunEvents::stateChanged(const ServerStatus& status) {
  tellUntold();
  bool turned = false;
  {
    const std::lock_guard lock(mutex_);
    turned = sealed_ != status.sealed;
    sealed_ = status.sealed;
  }
  const std::string line = statusLine(status);
  notifyStatus(line);
  if (!turned && !status.sealed) return;  // only its words changed; notes tell of grace and its end
  if (!turned) {
    log::write(status.event == 0 ? log::Level::Info : log::Level::Warning, status.event, line);
    return;
  }
  const kms::Event event = status.sealed ? kms::Event::Sealed : kms::Event::Unsealed;
  log::info(line, static_cast<int>(event));
  if (status.sealed && status.event == static_cast<int>(kms::Event::DatabaseUnusable))
    audit(kms::Event::DatabaseUnusable, "", status.detail);
  audit(event, status.medium ? status.medium->text() : "", status.detail,
        status.by.empty() ? "kmsd" : status.by);
  if (status.sealed) return;
  const std::lock_guard lock(openedMutex_);
  if (opened_) opened_();
}

void RunEvents::mediumMoved(const hal::Slot& slot, bool inserted) {
  tellUntold();
  {
    const std::lock_guard lock(mutex_);
    if (!moves_.tells(std::chrono::steady_clock::now())) return;
  }
  const kms::Event event = inserted ? kms::Event::MediumInserted : kms::Event::MediumRemoved;
  const std::string uri = slot.id.uri();
  log::info("medium " + std::string(inserted ? "inserted: " : "removed: ") + uri, static_cast<int>(event));
  audit(event, uri, "");
}

void RunEvents::tellUntold() {
  unsigned long count = 0;
  {
    const std::lock_guard lock(mutex_);
    count = moves_.takeUntold(std::chrono::steady_clock::now());
  }
  if (count == 0) return;
  const std::string what = std::to_string(count) + " more changes of media were not listed";
  log::warning(what, static_cast<int>(kms::Event::MediumRemoved));
  audit(kms::Event::MediumRemoved, "", what);
}

void RunEvents::mediumRefused(const std::string& uri, const base::Error& why) {
  log::warning("medium refused: " + uri + ": " + why.what, static_cast<int>(kms::Event::MediumRefused));
  audit(kms::Event::MediumRefused, uri, why.what);
}

void RunEvents::databaseDamaged(const std::string& what) {
  {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (damageTold_ && now < *damageTold_ + std::chrono::minutes(1)) return;
    damageTold_ = now;
  }
  log::error(what, static_cast<int>(kms::Event::DatabaseUnusable));
  audit(kms::Event::DatabaseUnusable, "", what);
}

kms::AuditEvents RunEvents::auditEvents() {
  kms::AuditEvents events;
  events.closed = [this](const base::Error& why) {
    const bool broken = why.reason == base::Reason::AuditBroken;
    const kms::Event event = broken ? kms::Event::DataDirectoryDamaged : kms::Event::AuditUnwritable;
    log::error(why.what, static_cast<int>(event));
    audit(event, "audit log", why.what);
    const std::lock_guard lock(lookMutex_);
    if (broken && look_) look_();
  };
  events.opened = [this] {
    log::info("the audit log is written again; changes are taken",
              static_cast<int>(kms::Event::AuditWritable));
    audit(kms::Event::AuditWritable, "audit log", "");
  };
  return events;
}

void RunEvents::onBrokenAudit(std::function<void()> look) {
  const std::lock_guard lock(lookMutex_);
  look_ = std::move(look);
}

void RunEvents::onOpened(std::function<void()> look) {
  const std::lock_guard lock(openedMutex_);
  opened_ = std::move(look);
}

void RunEvents::audit(kms::Event event, std::string object, std::string detail, std::string actor) {
  if (store_ == nullptr) return;
  const base::Time at = clock_.now();
  kms::AuditEntry entry{event, std::move(actor), std::move(object), std::move(detail)};
  store_->write([at, entry = std::move(entry)](kms::Txn& txn) { return kms::record(txn, at, entry); },
                [](base::Result<void> done) {
                  if (!done) log::error("the audit log could not be written: " + done.error().what);
                });
}

}  // namespace kmsd
