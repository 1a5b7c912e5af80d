#include "kms/store/write_session.h"

#include <algorithm>
#include <new>

namespace kms::sqlite {
namespace {

using base::BytesView;
using base::Result;

constexpr std::size_t kAuditRow = 64 * 1024;  // bytes from which a row of the outbox takes no further job

}  // namespace

void WriteSession::watch(std::weak_ptr<RowWatcher> watcher) {
  const std::lock_guard lock(mutex_);
  std::erase_if(watchers_, [](const auto& old) { return old.expired(); });
  watchers_.push_back(std::move(watcher));
}

Result<void> WriteSession::begin() noexcept try {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : watchers_)
    if (auto watcher = weak.lock()) watching_.push_back(std::move(watcher));
  return {};
} catch (const std::bad_alloc&) {
  return base::Error{base::Code::Unavailable, "out of memory to write to the database; try again"};
}

void WriteSession::settle() noexcept {
  const std::uint64_t at = changes_.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (told_)
    for (const auto& watcher : watching_) watcher->settled(at);
  told_ = false;
  watching_.clear();
  audit_.clear();
}

void WriteSession::tell(Table table, std::int64_t key) noexcept {
  changed_ = true;
  told_ = true;
  const std::uint64_t at = changes_.fetch_add(1, std::memory_order_acq_rel) + 1;
  for (const auto& watcher : watching_) watcher->changing(table, key, at);
}

Result<void> WriteSession::beginJob() {
  if (audit_.size() >= kAuditRow)
    if (auto flushed = flush(); !flushed) return flushed;
  changed_ = false;
  auditAtJob_ = audit_.size();
  return {};
}

void WriteSession::undoneJob() noexcept {
  audit_.resize(std::min(audit_.size(), auditAtJob_));
  numbers_.clear();
}

void WriteSession::undoneAll() noexcept {
  audit_.clear();
  numbers_.clear();
}

Result<void> WriteSession::flush() {
  if (audit_.empty()) return {};
  auto done = Session::appendAudit(audit_);
  if (done) audit_.clear();
  return done;
}

Result<std::optional<std::int64_t>> WriteSession::number(std::string_view name) {
  if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
  auto read = Session::number(name);
  if (read) numbers_.emplace(name, *read);
  return read;
}

Result<void> WriteSession::setNumber(std::string_view name, std::int64_t value) {
  changed_ = true;
  auto done = Session::setNumber(name, value);
  if (!done) return done;
  if (const auto known = numbers_.find(name); known != numbers_.end()) {
    known->second = value;
  } else {
    numbers_.emplace(name, value);
  }
  return done;
}

Result<void> WriteSession::appendAudit(BytesView entry) {
  changed_ = true;
  if (!audit_.empty()) audit_.push_back(std::byte{'\n'});
  audit_.insert(audit_.end(), entry.begin(), entry.end());
  return {};
}

Result<void> WriteSession::put(Table table, const SealedRow& row) {
  tell(table, row.key);
  return Session::put(table, row);
}

// A row that was not there is nobody's to forget.
Result<void> WriteSession::insert(Table table, const SealedRow& row) {
  changed_ = true;
  return Session::insert(table, row);
}

Result<void> WriteSession::erase(Table table, std::int64_t key) {
  tell(table, key);
  return Session::erase(table, key);
}

Result<void> WriteSession::bind(Index index, BytesView mac, std::int64_t key) {
  changed_ = true;
  return Session::bind(index, mac, key);
}

Result<void> WriteSession::unbind(Index index, BytesView mac) {
  changed_ = true;
  return Session::unbind(index, mac);
}

Result<void> WriteSession::fileTokens(std::vector<std::pair<std::int64_t, std::int64_t>> userAndToken) {
  changed_ = true;
  return Session::fileTokens(std::move(userAndToken));
}

Result<void> WriteSession::unfileToken(std::int64_t user, std::int64_t token) {
  changed_ = true;
  return Session::unfileToken(user, token);
}

Result<void> WriteSession::addSlot(const SlotRow& slot) {
  changed_ = true;
  slotsChanged_ = true;
  return Session::addSlot(slot);
}

Result<void> WriteSession::removeSlot(std::int64_t id) {
  changed_ = true;
  slotRemoved_ = true;
  slotsChanged_ = true;
  return Session::removeSlot(id);
}

Result<std::int64_t> WriteSession::addEpoch(BytesView salt) {
  changed_ = true;
  return Session::addEpoch(salt);
}

Result<void> WriteSession::dropAudit(std::int64_t through) {
  changed_ = true;
  return Session::dropAudit(through);
}

Result<void> WriteSession::setAuditHead(const AuditHead& head) {
  changed_ = true;
  return Session::setAuditHead(head);
}

Result<void> WriteSession::setAuditNote(const AuditNote& note) {
  changed_ = true;
  return Session::setAuditNote(note);
}

}  // namespace kms::sqlite
