#include "daemon/keeper.h"

#include <algorithm>

#include "daemon/keeper_impl.h"

namespace kmsd {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

Keeper::Keeper(KeeperOptions options, std::optional<VaultPort> vault, StartReader startReader,
               std::optional<Error> fault, const base::Clock& clock, Events events)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(vault), std::move(startReader),
                                   std::move(fault), clock, std::move(events))) {}
Keeper::~Keeper() = default;
Result<void> Keeper::start() { return impl_->start(); }
void Keeper::stop() { impl_->stop(); }
ServerStatus Keeper::status() const { return impl_->status(); }
bool Keeper::sealed() const noexcept { return impl_->sealed(); }
std::vector<MediumReport> Keeper::media() const { return impl_->media(); }
void Keeper::seal(const std::string& by) { impl_->seal(by); }
void Keeper::lookAtAudit() { impl_->lookAtAudit(); }
void Keeper::loseDatabase(Error why) { impl_->loseDatabase(std::move(why)); }
std::optional<Error> Keeper::lostDatabase() const { return impl_->lostDatabase(); }
void Keeper::ask(std::function<void()> answer) { impl_->ask(std::move(answer)); }
Result<void> Keeper::unseal(UnsealRequest request) { return impl_->unseal(std::move(request)); }

Keeper::Impl::Impl(KeeperOptions options, std::optional<VaultPort> vault, StartReader startReader,
                   std::optional<Error> fault, const base::Clock& clock, Events events)
    : options_(std::move(options)),
      vault_(std::move(vault)),
      startReader_(std::move(startReader)),
      clock_(clock),
      events_(std::move(events)),
      fault_(std::move(fault)),
      delays_(options_.refusalDelayFirst, options_.refusalDelayMost),
      pins_(options_.server, options_.pinFile, PinLedger(options_.cardsFile)) {
  if (!vault_ && !fault_) fault_ = Error{Code::NotFound, "There is no database.", Reason::DatabaseMissing};
  open_ = vault_ && !vault_->sealed();
  shown_ = describe();
  shownSealed_ = shown_.sealed;
}

Result<void> Keeper::Impl::start() {
  ReaderClient::Events events;
  events.slotsChanged = [this](std::vector<hal::Slot> slots) {
    const std::lock_guard lock(mutex_);
    inbox_.slots = std::move(slots);
    inbox_.afterRestart = inbox_.afterRestart || std::exchange(restartPending_, false);
    wake_.notify_all();
  };
  events.restarted = [this](std::string why) {
    const std::lock_guard lock(mutex_);
    inbox_.restarted = std::move(why);
    restartPending_ = true;
    wake_.notify_all();
  };
  events.ask = &pins_;
  auto reader = startReader_(options_.reader, std::move(events));
  if (!reader) return std::move(reader).error();
  reader_ = *std::move(reader);
  const std::lock_guard lock(mutex_);
  running_ = true;
  thread_ = std::jthread([this] { run(); });
  return {};
}

void Keeper::Impl::stop() {
  {
    const std::lock_guard lock(mutex_);
    inbox_.stop = true;
    wake_.notify_all();
  }
  if (reader_) reader_->stop();  // also ends a read that the thread waits for
  if (thread_.joinable()) thread_.join();
}

ServerStatus Keeper::Impl::status() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

std::vector<MediumReport> Keeper::Impl::media() const {
  const std::lock_guard lock(mutex_);
  return reports_;
}

void Keeper::Impl::seal(const std::string& by) {
  // At once, even while the thread waits for a slow drive; then in its turn, for the state and for what an
  // unsealing under way may still open.
  if (vault_) vault_->seal();
  SealCommand command{by, {}};
  auto done = command.done.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (!running_) return;
    inbox_.commands.emplace_back(std::move(command));
    wake_.notify_all();
  }
  done.wait();
}

Result<void> Keeper::Impl::unseal(UnsealRequest request) {
  UnsealCommand command{std::move(request), {}};
  auto done = command.done.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (!running_) return Error{Code::Unavailable, "The server is stopping."};
    inbox_.commands.emplace_back(std::move(command));
    wake_.notify_all();
  }
  return done.get();
}

void Keeper::Impl::lookAtAudit() {
  const std::lock_guard lock(mutex_);
  inbox_.audit = true;
  wake_.notify_all();
}

void Keeper::Impl::loseDatabase(Error why) {
  const std::lock_guard lock(mutex_);
  inbox_.lost = std::move(why);
  wake_.notify_all();
}

// Found by SQLite at any time, or by an opening whose key was right.
std::optional<Error> Keeper::Impl::lostDatabase() const {
  const std::lock_guard lock(mutex_);
  if (!vault_ || !shown_.sealed || shown_.reason != Reason::DatabaseCorrupt) return std::nullopt;
  return Error{Code::Corrupt, shown_.detail, Reason::DatabaseCorrupt};
}

void Keeper::Impl::answerAsked() {
  std::vector<std::function<void()>> asked;
  {
    const std::lock_guard lock(mutex_);
    asked.swap(inbox_.asked);
  }
  for (const auto& answer : asked) answer();
}

void Keeper::Impl::ask(std::function<void()> answer) {
  const std::lock_guard lock(mutex_);
  inbox_.asked.push_back(std::move(answer));
  wake_.notify_all();
}

void Keeper::Impl::run() {
  refresh();
  for (;;) {
    Inbox work = nextWork();
    const bool stopping = work.stop;
    handle(std::move(work));
    if (stopping) return;
    if (!desk_.empty() && std::chrono::steady_clock::now() >= sharesUntil_)
      forgetShares(
          "The shares of a key that were read are forgotten, because no other one came; insert them again.");
    // One medium a turn: a seal command or a pulled disk is seen between two tries.
    if (open_) {
      followPolicy();
    } else {
      tryNext();
    }
    refresh();
  }
}

Keeper::Impl::Inbox Keeper::Impl::nextWork() {
  const auto due = wakeAt();
  std::unique_lock lock(mutex_);
  const auto arrived = [this] {
    return inbox_.stop || inbox_.restarted || inbox_.slots || !inbox_.commands.empty() ||
           !inbox_.asked.empty() || inbox_.audit || inbox_.lost;
  };
  if (due) {
    wake_.wait_until(lock, *due, arrived);
  } else {
    wake_.wait(lock, arrived);
  }
  Inbox work = std::exchange(inbox_, Inbox{});
  if (work.stop) running_ = false;  // nobody leaves a command behind the last look
  return work;
}

void Keeper::Impl::handle(Inbox work) {
  for (const auto& answer : work.asked) answer();
  if (work.audit) closeIfAuditBroken();
  if (work.lost) closeForGood(*std::move(work.lost));
  if (work.restarted) {
    const bool matters = !open_ || options_.onRemoval != OnRemoval::Keep;
    if (matters && !std::exchange(restartNoted_, true)) note(*std::move(work.restarted));
  }
  if (work.slots) take(*std::move(work.slots), work.afterRestart);
  for (Command& command : work.commands) {
    if (work.stop && std::holds_alternative<UnsealCommand>(command)) {
      std::get<UnsealCommand>(command).done.set_value(Error{Code::Unavailable, "The server is stopping."});
    } else {
      obey(std::move(command));
    }
  }
}

void Keeper::Impl::take(std::vector<hal::Slot> slots, bool afterRestart) {
  restartNoted_ = false;
  listed_ = true;
  const auto moves = book_.update(slots, afterRestart);
  // With the medium gone, that is what the server waits for.
  if (std::any_of(moves.begin(), moves.end(), [](const auto& move) { return !move.inserted; }))
    unwritable_.reset();
  if (options_.onRemoval == OnRemoval::Seal)  // then all shares must be there at once
    for (const MediaBook::Move& move : moves)
      if (!move.inserted) desk_.forget(move.slot.id.uri());
  if (!events_.mediumMoved) return;
  for (const MediaBook::Move& move : moves) events_.mediumMoved(move.slot, move.inserted);
}

bool Keeper::Impl::blind() const {
  const std::lock_guard lock(mutex_);
  return !listed_ || restartPending_ || inbox_.afterRestart;
}

void Keeper::Impl::obey(Command command) {
  if (auto* seal = std::get_if<SealCommand>(&command)) {
    if (vault_) close(Reason::SealedByCommand, nullptr);
    by_ = seal->by;
    refresh();  // before the answer, so that who asked sees it
    seal->done.set_value();
    return;
  }
  auto& unseal = std::get<UnsealCommand>(command);
  std::string by = unseal.request.by;
  olderBy_ = unseal.request.acceptOlder ? by : std::string();
  auto result = obeyUnseal(std::move(unseal.request));
  olderBy_.clear();
  if (result) by_ = std::move(by);
  refresh();
  unseal.done.set_value(std::move(result));
}

std::optional<Keeper::Impl::Moment> Keeper::Impl::wakeAt() {
  std::optional<Moment> due;
  const auto sooner = [&due](Moment at) { due = due ? std::min(*due, at) : at; };
  if (open_) {
    if (!watch_) return due;
    if (watch_->sealAt) sooner(*watch_->sealAt);
    for (const Place& place : watch_->places)
      if (place.lostSince) sooner(*place.lostSince + options_.outOfSight);
    for (const SlotRecord* record : book_.records())
      if (watch_->sealAt && record->there() && !record->examined) sooner(notBefore(*record));
    return due;
  }
  if (!desk_.empty()) sooner(sharesUntil_);
  for (const SlotRecord* record : book_.records())
    if (wanted(*record)) sooner(std::max(notBefore(*record), delays_.notBefore(kAuditDisk)));
  return due;
}

}  // namespace kmsd
