#include "kms/tokens/approval_audit.h"

#include "kms/audit/audit.h"
#include "kms/tokens/user_row.h"

namespace kms {
namespace {

using base::Result;

constexpr std::size_t kBatch = 256;  // rows under one hold of the keys
constexpr int kRounds = 64;          // of rows that change while they are looked at

// Whether this is what the log tells of such a subject; it may have cut a long one.
bool isOf(std::string_view told, const ApprovalSubject& subject) {
  std::string whole(approvalKindName(subject.kind));
  if (!subject.detail.empty()) whole += ", " + subject.detail;
  if (told == whole) return true;
  return told.ends_with(kAuditCut) && whole.starts_with(told.substr(0, told.size() - kAuditCut.size()));
}

bool isOfApproval(Event event) { return event >= Event::ApprovalAsked && event <= Event::ApprovalExpired; }

}  // namespace

void ApprovalAudit::problem(std::string object, std::string what) {
  ++report_.problemCount;
  if (report_.problems.size() < StoreReport::kProblemsMost)
    report_.problems.push_back({std::move(object), std::move(what)});
}

Result<void> ApprovalAudit::entry(const AuditFacts& facts) {
  const auto event = static_cast<Event>(facts.event);
  if (!isOfApproval(event)) return {};
  const std::string id = auditUnescape(facts.object);
  const auto key = parseApprovalId(id);
  if (!key) {
    problem(id, "the log tells of a request for approval that this server did not make");
    return {};
  }
  Told& told = told_[*key];
  if (event == Event::ApprovalAsked) {
    ask(told, facts, id);
  } else if (event == Event::ApprovalGiven) {
    ++told.votes;
  } else if (event == Event::ApprovalUsed) {
    if (told.used) problem(id, "the log tells twice that this request was used");
    told.used = true;
  } else if (event == Event::ApprovalCancelled) {
    told.cancelled = true;
  } else {
    told.expired = true;
  }
  return {};
}

void ApprovalAudit::ask(Told& told, const AuditFacts& facts, const std::string& id) {
  if (told.asked) problem(id, "the log tells twice that this was asked for");
  told.asked = true;
  ++told.votes;
  told.at = facts.at;
  told.until = facts.until.value_or(base::Time{});
  told.user = auditUnescape(facts.user);
  told.what = auditUnescape(facts.detail);
}

Result<void> ApprovalAudit::compare(const std::function<Result<void>()>& catchUp) {
  // Of what the log told before the first row was read.
  for (const auto& [key, told] : told_) doubts_.try_emplace(key);
  if (auto read = readRows(); !read) return read;
  return settle(catchUp);
}

Result<void> ApprovalAudit::readRows() {
  for (std::int64_t after = 0;;) {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    std::vector<SealedRow> rows;
    auto read = store_.read([&](StoreReader& reader) -> Result<void> {
      auto found = reader.list(Table::Approvals, after, kBatch);
      if (!found) return std::move(found).error();
      rows = *std::move(found);
      return {};
    });
    if (!read) return read;
    for (const SealedRow& sealed : rows) {
      ++report_.approvals;
      doubts_.try_emplace(sealed.key);
    }
    if (rows.empty()) return {};
    after = rows.back().key;
  }
}

Result<void> ApprovalAudit::settle(const std::function<Result<void>()>& catchUp) {
  for (int round = 1; round <= kRounds && !doubts_.empty(); ++round) {
    if (auto caught = catchUp(); !caught) return caught;
    if (auto looked = lookAgain(round == kRounds); !looked) return looked;
  }
  return {};
}

// A row may be newer than what was read of the log: what is wrong is told where the row is still as it was
// before the log was read, and the last time.
Result<void> ApprovalAudit::lookAgain(bool last) {
  std::map<std::int64_t, std::optional<std::uint32_t>> left;
  for (const auto& doubt : doubts_) {
    const auto key = doubt.first;
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    std::string wrong;
    std::uint32_t revision = 0;
    auto read = store_.read([&](StoreReader& reader) -> Result<void> {
      auto sealed = reader.get(Table::Approvals, key);
      if (!sealed) return std::move(sealed).error();
      if (*sealed) revision = (*sealed)->revision;
      auto found = wrongNow(reader, **keys, key);
      if (!found) return std::move(found).error();
      wrong = *std::move(found);
      return {};
    });
    if (!read) return read;
    if (wrong.empty()) continue;
    if (last || doubt.second == revision)
      problem(approvalId(key), std::move(wrong));
    else
      left.emplace(key, revision);
  }
  doubts_ = std::move(left);
  return {};
}

Result<std::string> ApprovalAudit::wrongNow(StoreReader& reader, OpenKeys& keys, std::int64_t key) {
  auto row = readApproval(reader, keys, key);
  if (!row && row.error().reason == base::Reason::DatabaseCorrupt) return std::move(row).error().what;
  if (!row) return std::move(row).error();
  const auto at = told_.find(key);
  const bool asked = at != told_.end() && at->second.asked;
  if (*row && !asked) return std::string("no entry of the log tells that this was asked for");
  if (*row) return wrongWith(reader, keys, **row, at->second);
  if (!asked || at->second.expired) return std::string();
  auto now = clock_.now(reader);
  if (!now) return std::move(now).error();
  if (*now >= at->second.until) return std::string();  // dropped when its time had passed
  return std::string("the log tells that this was asked for, and its row is gone");
}

Result<std::string> ApprovalAudit::wrongWith(StoreReader& reader, OpenKeys& keys, const ApprovalRow& row,
                                             const Told& told) {
  std::string user;
  if (row.subject.user != 0) {
    auto found = readUser(reader, keys, row.subject.user);
    if (!found && found.error().reason == base::Reason::DatabaseCorrupt)
      return std::string("its user is not in the store");
    if (!found) return std::move(found).error();
    user = std::move(found->user.name);
  }
  if (user != told.user) return std::string("the log tells of another user");
  if (row.asked != told.at || row.expires != told.until) return std::string("the log tells of another time");
  if (!isOf(told.what, row.subject)) return std::string("the log tells that something else was asked for");
  using State = ApprovalRow::State;
  if (told.expired) return std::string("the log tells that this request was dropped, and its row is there");
  if (told.used && row.state != State::Used)
    return std::string("the log tells that this request was used, and the row does not");
  if (told.cancelled && row.state != State::Cancelled)
    return std::string("the log tells that this request was cancelled, and the row does not");
  if (row.state == State::Used && !told.used)
    return std::string("the row is used, and no entry of the log tells so");
  if (row.state == State::Cancelled && !told.cancelled)
    return std::string("the row is cancelled, and no entry of the log tells so");
  if (row.votes.size() == told.votes) return std::string();
  return "the log tells of " + std::to_string(told.votes) + " who agreed, and the row of " +
         std::to_string(row.votes.size());
}

}  // namespace kms
