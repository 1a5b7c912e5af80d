#include "kms/pki/crl_publisher.h"

#include <algorithm>

#include "hal/base/file.h"
#include "kms/pki/der.h"

namespace kms::pki {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kShare = 50;                // making lists takes at most this part of the time
constexpr milliseconds kLongest{60'000};  // between two looks whether a list is due
constexpr milliseconds kRetry{5'000};     // after a failure
constexpr milliseconds kOpening{20};      // until the vault, which is about to open, has opened
constexpr std::size_t kListMost = std::size_t{1} << 30U;  // bytes of a file that is taken up
constexpr mode_t kMode = 0644;

std::int64_t millisecondsOf(base::Time time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

CrlPublisher::CrlPublisher(Vault& vault, Store& store, Authority& authority, const base::Clock& clock,
                           std::filesystem::path directory, CrlPolicy policy)
    : vault_(vault),
      store_(store),
      authority_(authority),
      clock_(clock),
      directory_(std::move(directory)),
      policy_(policy) {
  takeUp();
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

CrlPublisher::~CrlPublisher() = default;

std::filesystem::path CrlPublisher::fileOf(std::int64_t number, const char* kind) const {
  return directory_ / (std::to_string(number) + kind);
}

// The lists of the last time, by rising numbers of authorities without a gap.
void CrlPublisher::takeUp() {
  std::error_code failed;
  std::filesystem::create_directories(directory_, failed);
  for (std::int64_t number = 1;; ++number) {
    auto text = base::readSmallFile(fileOf(number, ".crl"), kListMost);
    if (!text) return;
    const auto der = base::asBytes(*text);
    const auto times = readCrlTimes(der);
    if (!times) return;
    lists_[number].full =
        std::make_shared<const PublishedList>(PublishedList{{der.begin(), der.end()}, *times});
  }
}

void CrlPublisher::opened() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  loaded_ = false;
  ++openings_;
  wake_.notify_all();
}

void CrlPublisher::closed() noexcept {
  Lock lock(mutex_);
  open_ = false;
  loaded_ = false;
  early_.clear();
  wake_.wait(lock, [this] { return !signing_; });
}

void CrlPublisher::changed(const RevocationChange& change) noexcept try {
  const std::lock_guard lock(mutex_);
  if (loaded_) {
    apply(change);
  } else {
    early_.push_back(change);
  }
  wake_.notify_all();
} catch (const std::bad_alloc&) {
  const std::lock_guard lock(mutex_);
  loaded_ = false;  // all of it is read anew
  early_.clear();
}

void CrlPublisher::apply(const RevocationChange& change) {
  const Revocation& revocation = change.row.revocation;
  if (revocation.key <= lastKey_) return;  // it was read already
  lastKey_ = revocation.key;
  const std::int64_t issuer = issuerOf(change.row.authority);
  CrlEntries& entries = entries_[issuer];
  if (change.replaced != 0) entries.remove(change.replaced);
  if (!change.released) entries.add(revocation);
  for (auto& [number, lists] : lists_) {
    if (lists.issuer != issuer || hasEnded(lists)) continue;
    lists.changes.add(revocation);
    lists.changed = true;
  }
}

std::int64_t CrlPublisher::issuerOf(std::int64_t authority) {
  Lists& lists = lists_[authority];
  if (lists.issuer == 0) lists.issuer = authority;
  return lists.issuer;
}

bool CrlPublisher::hasEnded(const Lists& lists) const { return clock_.now() >= lists.end; }

// An entry stands in at least one list of each key that was made after the certificate had ended.
void CrlPublisher::dropExpired(std::int64_t issuer) {
  std::optional<base::Time> before;
  for (const auto& [number, lists] : lists_) {
    if (lists.issuer != issuer || hasEnded(lists)) continue;
    if (!lists.full) return;
    before = std::min(before.value_or(lists.full->times.thisUpdate), lists.full->times.thisUpdate);
  }
  if (before) entries_[issuer].dropExpired(*before);
}

void CrlPublisher::takeAuthorities() {
  std::map<base::Bytes, std::int64_t> names;
  for (const std::int64_t number : authority_.numbers()) {
    const auto signers = authority_.number(number);
    if (!signers) continue;  // sealed meanwhile
    const Certificate& own = (*signers)->authority.certificate;
    lists_[number].issuer = names.try_emplace(own.subject, number).first->second;
    lists_[number].end = own.notAfter;
  }
}

void CrlPublisher::run(const std::stop_token& stop) {
  Lock lock(mutex_);
  while (!stop.stop_requested()) {
    milliseconds wait = kLongest;
    if (open_ && !loaded_) {
      load(lock);
      if (!loaded_) wait = fault_ ? kRetry : kOpening;
    }
    if (loaded_)
      if (const auto number = due(wait)) {
        make(lock, *number);
        lock.unlock();
        {
          const std::lock_guard telling(madeMutex_);
          if (made_) made_();
        }
        lock.lock();
        continue;
      }
    wake_.wait_for(lock, stop, wait, [this, seen = lastKey_, was = open_, had = loaded_] {
      return lastKey_ != seen || open_ != was || loaded_ != had;
    });
  }
}

std::map<std::int64_t, std::int64_t> CrlPublisher::issuers() const {
  std::map<std::int64_t, std::int64_t> all;
  for (const auto& [number, lists] : lists_) all[number] = lists.issuer != 0 ? lists.issuer : number;
  return all;
}

void CrlPublisher::load(Lock& lock) {
  takeAuthorities();
  const auto issuers = this->issuers();
  const std::size_t opening = openings_;
  signing_ = true;
  lock.unlock();
  std::map<std::int64_t, CrlEntries> read;
  std::int64_t last = 0;
  const auto done = [&]() -> base::Result<void> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    return store_.read([&](StoreReader& reader) {
      read.clear();
      return loadRevocations(reader, **keys, [&](const RevocationRow& row) {
        const auto known = issuers.find(row.authority);
        read[known == issuers.end() ? row.authority : known->second].add(row.revocation);
        last = row.revocation.key;
      });
    });
  }();
  lock.lock();
  signing_ = false;
  wake_.notify_all();
  if (!open_ || opening != openings_) return;  // there may be other authorities by now
  fault_.reset();
  if (!done) {
    if (done.error().reason != base::Reason::Sealed) fault_ = done.error();
    return;
  }
  lastKey_ = last;
  entries_ = std::move(read);
  for (auto& [number, lists] : lists_) {
    lists.changes = CrlEntries();
    lists.changed = true;  // the list of the last time may lack what was revoked just before its end
  }
  loaded_ = true;
  for (const RevocationChange& change : std::exchange(early_, {})) apply(change);
}

std::optional<std::int64_t> CrlPublisher::due(milliseconds& wait) {
  const auto now = Steady::now();
  for (const auto& [number, lists] : lists_) {
    const bool old =
        lists.full == nullptr || clock_.now() >= lists.full->times.nextUpdate - policy_.renewBefore;
    if ((!old && !lists.changed) || hasEnded(lists)) continue;
    if (now >= lists.next) return number;
    wait = std::min(wait, std::chrono::ceil<milliseconds>(lists.next - now));
  }
  return std::nullopt;
}

base::Result<std::int64_t> CrlPublisher::takeNumber() {
  std::int64_t number = 0;
  auto done = store_.writeAndWait([&](Txn& txn) -> base::Result<void> {
    auto last = txn.number(kNumber);
    if (!last) return std::move(last).error();
    number = nextCrlNumber(last->value_or(0), millisecondsOf(clock_.now()));
    return txn.setNumber(kNumber, number);
  });
  if (!done) return std::move(done).error();
  return number;
}

base::Result<base::Bytes> CrlPublisher::sign(std::int64_t number, const CrlEntries& entries, CrlTimes times,
                                             std::int64_t listNumber, std::optional<std::int64_t> full) {
  auto signers = authority_.number(number);
  if (!signers) return std::move(signers).error();
  const Issuer& issuer = (*signers)->authority;
  return full ? signDeltaCrl(issuer, entries, times, listNumber, *full)
              : signCrl(issuer, entries, times, listNumber);
}

// A full list, and with it a delta to the one before it for those who have that.
void CrlPublisher::make(Lock& lock, std::int64_t number) {
  Lists& lists = lists_[number];
  const std::int64_t issuer = issuerOf(number);
  dropExpired(issuer);
  const CrlEntries entries = entries_[issuer];
  const CrlEntries changes = lists.changes.size() <= policy_.deltaMost ? lists.changes : CrlEntries();
  const std::int64_t before = changes.empty() ? 0 : lists.fullNumber;
  const std::int64_t listed = lastKey_;
  lists.changed = false;
  signing_ = true;
  lock.unlock();
  const auto began = Steady::now();
  const CrlTimes times{clock_.now(), clock_.now() + policy_.life};
  const CrlTimes deltaTimes{times.thisUpdate, times.thisUpdate + policy_.deltaLife};
  base::Bytes delta;
  const auto listNumber = takeNumber();
  auto full = listNumber ? sign(number, entries, times, *listNumber, std::nullopt)
                         : base::Result<base::Bytes>(listNumber.error());
  if (full && before != 0)
    if (auto signedDelta = sign(number, changes, deltaTimes, *listNumber, before))
      delta = *std::move(signedDelta);
  lock.lock();
  if (!full) {
    signing_ = false;
    wake_.notify_all();
    fault_ = full.error();
    lists.changed = true;
    lists.next = Steady::now() + kRetry;
    return;
  }
  lists.full = std::make_shared<const PublishedList>(
      PublishedList{*std::move(full), times, *listNumber, entries.size()});
  lists.fullNumber = *listNumber;
  const bool withDelta = !delta.empty();
  if (withDelta)
    lists.delta = std::make_shared<const PublishedList>(
        PublishedList{std::move(delta), deltaTimes, *listNumber, changes.size()});
  CrlEntries later;
  for (const Revocation& one : lists.changes.since(listed)) later.add(one);
  lists.changes = std::move(later);
  // They are given already: who asks need not wait for the disk, and after a start new ones are made.
  const auto newest = lists.full;
  const auto difference = withDelta ? lists.delta : nullptr;
  lock.unlock();
  auto kept = base::writeFileDurably(fileOf(number, ".crl"), newest->der, kMode);
  if (kept && difference) kept = base::writeFileDurably(fileOf(number, ".delta.crl"), difference->der, kMode);
  lock.lock();
  signing_ = false;
  wake_.notify_all();
  fault_.reset();
  if (!kept) fault_ = kept.error();
  const auto took = std::chrono::ceil<milliseconds>(Steady::now() - began);
  lists.next = Steady::now() + std::max(policy_.spacing, took * kShare);
}

void CrlPublisher::onMade(std::function<void()> made) {
  const std::lock_guard lock(madeMutex_);
  made_ = std::move(made);
}

std::shared_ptr<const PublishedList> CrlPublisher::full(std::int64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto at = lists_.find(number);
  return at == lists_.end() ? nullptr : at->second.full;
}

std::shared_ptr<const PublishedList> CrlPublisher::delta(std::int64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto at = lists_.find(number);
  return at == lists_.end() ? nullptr : at->second.delta;
}

std::optional<base::Error> CrlPublisher::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

base::Result<CrlTimes> readCrlTimes(base::BytesView der) {
  const base::Error wrong{base::Code::Invalid, "this is no certificate revocation list"};
  // Past the headers of CertificateList and TBSCertList, whose lengths may be those of large lists.
  for (int i = 0; i < 2; ++i) {
    if (der.size() < 6 || der.front() != std::byte{kSequence}) return wrong;
    const auto length = std::to_integer<std::size_t>(der[1]);
    der = der.subspan(length < 0x80 ? 2 : std::min(der.size(), 2 + (length & 0x7FU)));
  }
  constexpr std::size_t kFront = 8 * 1024;
  DerReader fields(der.subspan(0, std::min(der.size(), kFront)));
  fields.small();
  fields.value(kSequence);
  fields.value(kSequence);
  CrlTimes times;
  times.thisUpdate = fields.time();
  times.nextUpdate = fields.time();
  if (!fields.ok()) return wrong;
  return times;
}

}  // namespace kms::pki
