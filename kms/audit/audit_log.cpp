#include "kms/audit/audit_log.h"

#include "kms/keys/open_keys.h"

namespace kms {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

constexpr std::chrono::milliseconds kSealingMost{1'000};
constexpr std::chrono::hours kReadingMost{1};  // of the whole log
constexpr std::chrono::milliseconds kTurn{100};
// Named marks of the store: the log must be read whole; anything that is committed.
constexpr std::string_view kSuspect = "audit_suspect";
constexpr std::string_view kProbe = "audit_probe";

Error noAnswer() { return {Code::Timeout, "the disk of the audit log does not answer"}; }
Error ended() { return {Code::Unavailable, "the server is stopping"}; }

// What `future` gives by then, even where the log ends meanwhile.
template <class T>
Result<T> outcome(std::future<Result<T>>& future, base::Deadline by) {
  if (future.wait_until(by.at()) != std::future_status::ready) return noAnswer();
  try {
    return future.get();
  } catch (const std::future_error&) {
    return ended();
  } catch (const std::exception&) {
    return Error{Code::Unavailable, "there is no memory for the audit log now"};
  }
}

}  // namespace

AuditMac auditMacOf(const Vault& vault) {
  return [&vault](base::BytesView message) -> std::optional<Mac> {
    auto keys = vault.hold();
    if (!keys) return std::nullopt;
    return (*keys)->auditMac(message);
  };
}

FormerAuditMacs formerMacsOf(const Vault& vault) {
  return [&vault](base::BytesView message) {
    auto keys = vault.hold();
    return keys ? (*keys)->formerAuditMacs(message) : std::vector<Mac>();
  };
}

AuditLog::AuditLog(Store& store, AuditMac mac, AuditOptions options, const base::Clock& clock,
                   AuditEvents events)
    : store_(store),
      mac_(std::move(mac)),
      options_(std::move(options)),
      events_(std::move(events)),
      writer_(store_, mac_, options_, clock),
      why_(auditUnwritable("it was not yet looked at")),
      watcher_([this] { watch(); }),
      thread_([this] { run(); }) {}

void AuditLog::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (watcher_.joinable()) watcher_.join();
}

template <class T>
std::future<T> AuditLog::ask(std::function<T()> what) {
  auto task = std::make_shared<std::packaged_task<T()>>(std::move(what));
  auto future = task->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return future;  // and the promise breaks
    tasks_.emplace_back([task] { (*task)(); });
  }
  wake_.notify_all();
  return future;
}

void AuditLog::run() {
  std::unique_lock lock(mutex_);
  auto next = Steady::now();
  for (;;) {
    wake_.wait_until(lock, next, [this] { return stopping_ || !tasks_.empty(); });
    auto tasks = std::exchange(tasks_, {});
    const bool last = stopping_;
    lock.unlock();
    for (Task& task : tasks) task();
    tasks.clear();
    if (last || Steady::now() >= next) {
      const bool good = bool(write(false));
      next = Steady::now() + (good ? options_.flushEvery : options_.retryAfter);
    }
    lock.lock();
    if (last) return;
  }
}

Result<void> AuditLog::write(bool checkpoint) {
  const auto begun = Steady::now();
  auto done = [&]() -> Result<void> {
    try {
      return writer_.flush(checkpoint);
    } catch (const std::exception&) {
      return auditUnwritable("no memory");
    }
  }();
  {
    const std::lock_guard lock(mutex_);
    health_.waiting = writer_.depth();
    health_.segment = writer_.head().segment;
    health_.lines = writer_.head().number;
    file_ = writer_.file().string();
    if (done) written_ = begun;
  }
  if (done) {
    reopen();
  } else {
    close(done.error());
  }
  return done;
}

// A hung disk holds up the other thread, so this one looks at the clock.
void AuditLog::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_.wait_for(lock, std::max(options_.lagMost / 8, std::chrono::milliseconds(1)),
                   [this] { return stopping_; });
    if (stopping_ || Steady::now() - written_ <= options_.lagMost) continue;
    const std::string what =
        file_ + " lags behind for more than " +
        std::to_string(std::chrono::ceil<std::chrono::seconds>(options_.lagMost).count()) + " s";
    lock.unlock();
    close(auditUnwritable(what));
    lock.lock();
  }
}

void AuditLog::close(const Error& why) {
  {
    const std::lock_guard lock(mutex_);
    refuses_ = true;
    if (broken_) return;  // whatever else fails now
    why_ = why;
    broken_ = why.reason == Reason::AuditBroken;
    if (std::exchange(told_, why.reason) == why.reason) return;
  }
  if (events_.closed) events_.closed(why);
}

// That the files can be written says nothing of a log that is known to be broken.
void AuditLog::reopen() {
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return;
    refuses_ = false;
    if (std::exchange(told_, Reason::None) == Reason::None) return;
  }
  if (events_.opened) events_.opened();
}

Result<AuditHead> AuditLog::flush(base::Deadline by) {
  auto future = ask<Result<AuditHead>>([this]() -> Result<AuditHead> {
    if (auto done = write(false); !done) return std::move(done).error();
    return writer_.head();
  });
  return outcome(future, by);
}

Result<void> AuditLog::unsealed(const std::string& acceptedBy, const std::function<void()>& meanwhile) {
  const bool whole = !acceptedBy.empty() || suspect();
  auto future = ask<Result<void>>([this, acceptedBy] { return open(acceptedBy); });
  const auto by = whole ? base::Deadline::in(kReadingMost) : base::Deadline::in(kOpeningMost);
  while (whole && meanwhile && !by.expired() && future.wait_for(kTurn) != std::future_status::ready)
    meanwhile();
  auto done = outcome(future, by);
  if (!done && done.error().code == Code::Timeout) return auditUnwritable(done.error().what);
  return done;
}

Result<void> AuditLog::open(const std::string& acceptedBy) {
  auto sound = verify(acceptedBy);
  {
    const std::lock_guard lock(mutex_);
    broken_ = false;  // as it was known before
  }
  if (!sound) {
    close(sound.error());
    return sound;
  }
  open_ = true;
  static_cast<void>(bool(write(true)));  // where it fails, the gate is shut and says why
  return {};
}

void AuditLog::sealing() noexcept {
  if (!open_.exchange(false)) return;
  try {
    auto future = ask<Result<void>>([this]() -> Result<void> {
      auto done = write(true);
      writer_.distrust();
      return done;
    });
    static_cast<void>(bool(outcome(future, base::Deadline::in(kSealingMost))));
  } catch (const std::exception&) {  // no memory: sealed all the same, without a checkpoint
  }
}

Result<void> AuditLog::verify(const std::string& acceptedBy) {
  const bool whole = suspect();
  auto sound = writer_.verifyTail();
  if (sound && whole) sound = writer_.verifyWhole(hurries_);
  if (!sound && sound.error().reason == Reason::AuditBroken && !acceptedBy.empty())
    sound = writer_.accept(acceptedBy, sound.error().what, hurries_);
  if (sound && whole) {
    const auto cleared =
        store_.writeAndWait([](Txn& txn) -> Result<void> { return txn.setNumber(kSuspect, 0); });
    suspect_ = !cleared;
  }
  return sound;
}

bool AuditLog::suspect() const {
  std::optional<std::int64_t> mark;
  const auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto found = reader.number(kSuspect);
    if (!found) return std::move(found).error();
    mark = *found;
    return {};
  });
  return suspect_ || !read || mark.value_or(0) != 0;
}

Error AuditLog::foundBroken(const AuditReport& report) {
  const Error why = auditBroken(report.firstWords());
  suspect_ = true;
  close(why);
  // Where it cannot be written, this process knows it all the same.
  static_cast<void>(
      bool(store_.writeAndWait([](Txn& txn) -> Result<void> { return txn.setNumber(kSuspect, 1); })));
  return why;
}

std::optional<Error> AuditLog::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_ ? std::optional(why_) : std::nullopt;
}

Result<void> AuditLog::probe() {
  auto done = store_.writeAndWait([](Txn& txn) -> Result<void> { return txn.setNumber(kProbe, 1); });
  if (!done) return auditUnwritable(done.error().what);
  return {};
}

Error AuditLog::refusal() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

AuditHealth AuditLog::health() const {
  const std::lock_guard lock(mutex_);
  AuditHealth out = health_;
  out.refuses = refuses_;
  if (out.refuses) out.why = why_.what;
  const auto lag = Steady::now() - written_;
  // Between two rounds nothing lags.
  if (lag > 2 * options_.flushEvery) out.lag = std::chrono::duration_cast<std::chrono::milliseconds>(lag);
  return out;
}

}  // namespace kms
