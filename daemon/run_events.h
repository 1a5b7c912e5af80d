// RunEvents: what the keeper does goes on record: in the log, in the audit log and to systemd.
#pragma once

#include <mutex>
#include <string>

#include "daemon/keeper.h"
#include "daemon/move_meter.h"
#include "kms/audit/audit.h"
#include "kms/audit/audit_log.h"

namespace kmsd {

class RunEvents {
 public:
  // `store`: null where there is no database to keep the audit log's outbox in; then it is only logged.
  RunEvents(kms::Store* store, const base::Clock& clock) : store_(store), clock_(clock) {}

  // They point to this object, which outlives the keeper.
  Keeper::Events events();
  // A row that does not open, met at any time: event 5085, once a minute at most. Any thread.
  void databaseDamaged(const std::string& what);
  // The audit log cannot be written or is broken, and is written again. They point to this object, which
  // outlives the log.
  kms::AuditEvents auditEvents();
  // Called from then on when the log was found broken; empty: nobody is. Returns when nobody is being called.
  void onBrokenAudit(std::function<void()> look);
  // Called from then on when the server was unsealed. As above.
  void onOpened(std::function<void()> look);

 private:
  void stateChanged(const ServerStatus& status);
  // At most MoveMeter::kMost a second; what was left out is told as one, with the next event of the keeper's.
  void mediumMoved(const hal::Slot& slot, bool inserted);
  void tellUntold();
  void mediumRefused(const std::string& uri, const base::Error& why);
  void audit(kms::Event event, std::string object, std::string detail, std::string actor = "kmsd");

  kms::Store* store_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::mutex lookMutex_;
  std::function<void()> look_;
  std::mutex openedMutex_;
  std::function<void()> opened_;
  bool sealed_ = true;
  MoveMeter moves_;
  std::optional<std::chrono::steady_clock::time_point> damageTold_;
};

// Has the keeper look at the audit log when that was found broken, for as long as this lives.
class AuditWatch {
 public:
  // Both outlive it.
  AuditWatch(RunEvents& events, Keeper& keeper) : events_(events) {
    events_.onBrokenAudit([&keeper] { keeper.lookAtAudit(); });
  }
  ~AuditWatch() { events_.onBrokenAudit({}); }
  AuditWatch(const AuditWatch&) = delete;
  AuditWatch& operator=(const AuditWatch&) = delete;

 private:
  RunEvents& events_;
};

// "unsealed" or "sealed: why".
std::string statusLine(const ServerStatus& status);

}  // namespace kmsd
