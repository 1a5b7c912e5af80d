#include "kms/pki/ocsp_stock.h"

#include <algorithm>

#include "hal/base/file.h"

namespace kms::pki {
namespace {

using std::chrono::milliseconds;

constexpr int kShare = 50;  // writing files takes at most this part of the time
constexpr int kRest = 4;    // after a batch, so many times as long as it took
constexpr milliseconds kRestMost{1'000};
constexpr milliseconds kRetry{2'000};  // after a failure
constexpr milliseconds kOpening{20};   // until the vault, which is about to open, has opened
constexpr std::size_t kPendingMost = 65'536;
constexpr mode_t kMode = 0644;

std::int64_t millisecondsOf(base::Time time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

OcspStock::OcspStock(Vault& vault, Store& store, Authority& authority, const base::Clock& clock,
                     std::filesystem::path file, std::chrono::seconds life,
                     std::function<std::uint64_t()> issued, StockPolicy policy)
    : vault_(vault),
      store_(store),
      authority_(authority),
      clock_(clock),
      file_(std::move(file)),
      life_(life),
      issued_(std::move(issued)),
      policy_(policy) {
  takeUp();
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

OcspStock::~OcspStock() = default;

void OcspStock::takeUp() {
  const auto text = base::readSmallFile(file_, kMostKeptFile);
  if (!text && text.error().code == base::Code::NotFound) return;
  auto ready = [&]() -> base::Result<std::shared_ptr<const ReadyAnswers>> {
    if (!text) return text.error();
    auto kept = parseKept(base::asBytes(*text));
    if (!kept) return std::move(kept).error();
    return ReadyAnswers::make(*std::move(kept));
  }();
  if (ready) {
    ready_ = *std::move(ready);
  } else {
    drop(nullptr, ready.error());
  }
}

void OcspStock::drop(const std::shared_ptr<const ReadyAnswers>& bad, const base::Error& why) {
  const std::lock_guard lock(mutex_);
  if (ready_ != bad) return;  // there are others by now
  ready_ = nullptr;
  fault_ = base::Error{why.code, file_.string() + ": " + why.what +
                                     "; no OCSP answer is given while the server is sealed, and the file is "
                                     "made anew when it is unsealed"};
}

void OcspStock::opened() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  woken_ = true;
  wake_.notify_all();
}

void OcspStock::closed() noexcept {
  Lock lock(mutex_);
  open_ = false;
  woken_ = true;
  wake_.notify_all();
  wake_.wait(lock, [this] { return !busy_; });
}

void OcspStock::changed(const RevocationChange& change) noexcept try {
  const std::lock_guard lock(mutex_);
  if (pending_.size() >= kPendingMost) pending_.clear(), lost_ = true;
  pending_.push_back({change.row.revocation.key, change.row.certificate});
  woken_ = true;
  wake_.notify_all();
} catch (const std::bad_alloc&) {
  const std::lock_guard lock(mutex_);
  pending_.clear();
  lost_ = true;
}

bool OcspStock::counts(const ReadyAnswers& ready) {
  bool same = false;
  const auto read = store_.read([&](StoreReader& reader) -> base::Result<void> {
    const auto last = lastRevocationNumber(reader);
    if (!last) return last.error();
    const auto mark = reader.number(kMark);
    if (!mark) return mark.error();
    same = *last == ready.kept().revocation && *mark == ready.kept().mark;
    return {};
  });
  return read && same;
}

std::optional<ReadyAnswers::Given> OcspStock::answer(const OcspQuery& query) {
  if (query.questions.size() != 1) return std::nullopt;
  const auto ready = [this] {
    const std::lock_guard lock(mutex_);
    return ready_;
  }();
  if (!ready || !counts(*ready)) return std::nullopt;
  auto given = ready->answer(query.questions.front(), clock_.now());
  if (given) return *std::move(given);
  drop(ready, given.error());
  return std::nullopt;
}

std::optional<base::Time> OcspStock::until() {
  const auto ready = [this] {
    const std::lock_guard lock(mutex_);
    return ready_;
  }();
  return ready && counts(*ready) ? ready->until() : std::nullopt;
}

std::optional<base::Error> OcspStock::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

void OcspStock::run(const std::stop_token& stop) {
  Lock lock(mutex_);
  while (!stop.stop_requested()) {
    milliseconds wait = policy_.look;
    Step step = Step::Idle;
    woken_ = false;
    if (open_) {
      busy_ = true;
      applyChanges();
      lock.unlock();
      const auto began = Steady::now();
      step = fill();
      if (step == Step::More)
        wait = std::min(std::chrono::ceil<milliseconds>(Steady::now() - began) * kRest, kRestMost);
      if (step == Step::Failed) wait = loaded_ ? kRetry : kOpening;
      lock.lock();
      if (step != Step::Failed && open_) writeWhereDue(lock, step == Step::More);
      busy_ = false;
      wake_.notify_all();
      if (dirty_ && step == Step::Idle) wait = std::min(wait, std::max(policy_.spacing, milliseconds(10)));
    } else {
      loaded_ = false;
      pending_.clear();
      lost_ = false;
      const auto gone = std::exchange(entries_, {});
    }
    // A rest is a rest, whatever comes; else what comes is taken up at once.
    wake_.wait_for(lock, stop, wait, [this, step, was = open_.load()] {
      return open_ != was || (woken_ && step == Step::Idle);
    });
  }
}

// What is told stands in the store already, so whatever is read from now on has it.
void OcspStock::applyChanges() {
  if (std::exchange(lost_, false)) loaded_ = false;
  for (const Change& change : std::exchange(pending_, {})) {
    applied_ = std::max(applied_, change.key);
    dirty_ = urgent_ = true;
    const auto found = entries_.find(change.certificate);
    if (found == entries_.end()) continue;
    found->second.signer = nullptr;
    due_.push_back(change.certificate);
  }
}

void OcspStock::writeWhereDue(Lock& lock, bool more) {
  if (!dirty_ || !loaded_ || !pending_.empty() || lost_) return;
  // What the file before has is better than the first few of all, unless it does not count any more.
  if (!whole_ && more && !urgent_) return;
  const bool first = !more && !whole_;
  if (!more) whole_ = true;
  if (entries_.empty() && !ready_ && !fault_) {  // there is no authority yet
    dirty_ = urgent_ = false;
    return;
  }
  const auto spacing = urgent_ ? policy_.spacing : policy_.gather;
  const auto next = written_ + std::max(Steady::duration(spacing), took_ * kShare);
  if (first || Steady::now() >= next) write(lock);
}

KeptAnswers OcspStock::collect() const {
  KeptAnswers kept;
  kept.revocation = applied_;
  std::map<const KeptSigner*, std::uint16_t> places;
  for (const auto& [sequence, entry] : entries_) {
    if (!entry.signer) continue;
    const auto [place, added] =
        places.emplace(entry.signer.get(), static_cast<std::uint16_t>(kept.signers.size()));
    if (added && kept.signers.size() == kMostKeptSigners) {
      places.erase(place);
      continue;
    }
    if (added) kept.signers.push_back(*entry.signer);
    for (const KeptHash hash : {KeptHash::Sha1, KeptHash::Sha256})
      kept.answers.push_back({entry.serial, hash, place->second, entry.answer, entry.made, life_,
                              entry.signatures[hash == KeptHash::Sha1 ? 0 : 1]});
  }
  std::ranges::sort(kept.answers, {}, [](const KeptAnswer& one) { return std::pair(one.serial, one.hash); });
  return kept;
}

// Fails where there were revocations that the answers do not tell of.
base::Result<std::int64_t> OcspStock::takeMark(std::int64_t applied) {
  std::int64_t mark = 0;
  auto done = store_.writeAndWait([&](Txn& txn) -> base::Result<void> {
    auto last = lastRevocationNumber(txn);
    if (!last) return std::move(last).error();
    if (*last != applied)
      return base::Error{base::Code::Conflict, "a certificate was revoked at this moment"};
    auto before = txn.number(kMark);
    if (!before) return std::move(before).error();
    mark = nextCrlNumber(before->value_or(0), millisecondsOf(clock_.now()));
    return txn.setNumber(kMark, mark);
  });
  if (!done) return std::move(done).error();
  return mark;
}

void OcspStock::write(Lock& lock) {
  lock.unlock();
  const auto began = Steady::now();
  const auto mark = takeMark(applied_);
  written_ = Steady::now();
  if (!mark) {
    lock.lock();
    // It was told since then, or else it never will be.
    const bool conflict = mark.error().code == base::Code::Conflict;
    if (conflict && std::exchange(refused_, applied_) == applied_) loaded_ = false;
    urgent_ = true;
    if (!conflict) fault_ = mark.error();
    return;
  }
  refused_.reset();
  KeptAnswers kept = collect();
  kept.mark = *mark;
  lock.lock();
  busy_ = false;  // what follows needs no key
  wake_.notify_all();
  lock.unlock();
  const auto stored = base::writeFileDurably(file_, encodeKept(kept), kMode);
  auto ready = ReadyAnswers::make(std::move(kept));
  written_ = Steady::now();
  took_ = written_ - began;
  lock.lock();
  dirty_ = urgent_ = false;
  fault_.reset();
  if (ready) ready_ = *std::move(ready);
  if (!ready) fault_ = ready.error();
  if (!stored) fault_ = stored.error();
}

}  // namespace kms::pki
