// AuditLog: one thread writes what is committed into the files of the audit log (kms/FORMATS.md, sections 9
// and 11), a few times a second. While the files lag or fail, changes are refused (see GatedStore); sealing,
// verifying and reading never are. Safe to use from several threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "kms/audit/audit_verify.h"
#include "kms/audit/audit_writer.h"
#include "kms/keys/vault.h"

namespace kms {

// Called on threads of the log, and on that of a caller; they may write to the store.
struct AuditEvents {
  std::function<void(const base::Error& why)> closed;  // changes are refused from now on
  std::function<void()> opened;                        // and are taken again
};

struct AuditHealth {
  bool refuses = true;               // changes
  std::string why;                   // while it refuses
  std::chrono::milliseconds lag{0};  // since every committed entry was in the files
  std::size_t waiting = 0;           // rows of the outbox when it was last looked at, one batch at most
  std::int64_t segment = 0;          // number of the newest file
  std::int64_t lines = 0;            // number of the last line
};

class AuditLog {
 public:
  // An unsealing waits this long for the disk. The keeper stands still meanwhile, so this, with the time that
  // a medium is given, stays below half of systemd's WatchdogSec: after that the server counts as dead.
  static constexpr std::chrono::seconds kOpeningMost{15};

  // The store outlives it. Begins to write at once, also while the server is sealed.
  AuditLog(Store& store, AuditMac mac, AuditOptions options, const base::Clock& clock, AuditEvents events);
  ~AuditLog() { stop(); }
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Writes what is committed, and ends. Nothing is called after it.
  void stop();

  // Returns when all that was committed before is in the files. Errors: Corrupt / AuditBroken; Unavailable /
  // AuditUnwritable; Timeout.
  base::Result<AuditHead> flush(base::Deadline by);

  // To be called when the vault was opened, before anybody may use it: verifies from the last checkpoint on.
  // Where the log is broken and `acceptedBy` says who goes on all the same, reads all of it and begins a new
  // file that names what is wrong; nothing is put away. Errors: Corrupt / AuditBroken, with file and line;
  // Unavailable / AuditUnwritable where the files cannot be read. That they cannot be written is no error
  // here; then changes are refused. Reading the whole log may take minutes: then `meanwhile` is called again
  // and again.
  base::Result<void> unsealed(const std::string& acceptedBy, const std::function<void()>& meanwhile = {});
  // To be called when a reading of the whole log found what nobody accepted: changes are refused from now on,
  // and the next unsealings, also after a restart, read the whole log. REQUIRES: report.broken().
  base::Error foundBroken(const AuditReport& report);
  // Why the log is known to be broken; then changes are refused until an unsealing finds it sound or accepts.
  std::optional<base::Error> broken() const;
  // Errors where the store cannot commit: Unavailable / AuditUnwritable.
  base::Result<void> probe();
  // The server is stopping: whoever reads the whole log ends at once.
  void hurry() noexcept { hurries_ = true; }
  // To be called before the vault is sealed: ends the lines so far with a checkpoint. Waits for a second at
  // most: no disk holds up a seal.
  void sealing() noexcept;

  bool refuses() const noexcept { return refuses_.load(std::memory_order_relaxed); }
  // Why it refuses. REQUIRES: refuses() was true a moment ago.
  base::Error refusal() const;
  AuditHealth health() const;

  const AuditOptions& options() const noexcept { return options_; }
  const AuditMac& mac() const noexcept { return mac_; }

 private:
  using Steady = std::chrono::steady_clock;
  using Task = std::function<void()>;

  void run();
  void watch();
  bool rest(std::chrono::milliseconds span);
  void work();  // one round
  base::Result<void> write(bool checkpoint);
  base::Result<void> open(const std::string& acceptedBy);
  base::Result<void> verify(const std::string& acceptedBy);
  bool suspect() const;
  void close(const base::Error& why);
  void reopen();
  // Runs on the log's thread; broken_promise where it has ended.
  template <class T>
  std::future<T> ask(std::function<T()> what);
  std::string writing() const;

  Store& store_;
  const AuditMac mac_;
  const AuditOptions options_;
  const AuditEvents events_;
  AuditWriter writer_;  // the thread's

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  base::Reason told_ = base::Reason::None;  // why it is closed, as the events were told
  bool broken_ = false;                     // as long as it is known to be; `why_` says how
  base::Error why_;                         // while refuses_
  AuditHealth health_;
  Steady::time_point written_ = Steady::now();  // all that was committed before was in the files
  std::string file_;
  std::atomic<bool> refuses_{true};   // until the first round went well
  std::atomic<bool> open_{false};     // verified since the server was opened
  std::atomic<bool> suspect_{false};  // as the store's mark, which may not have been written
  std::atomic<bool> hurries_{false};

  std::thread watcher_;
  std::thread thread_;  // last: they use all of the above
};

// The audit key of this vault, and those of its former root keys.
AuditMac auditMacOf(const Vault& vault);
FormerAuditMacs formerMacsOf(const Vault& vault);

}  // namespace kms
