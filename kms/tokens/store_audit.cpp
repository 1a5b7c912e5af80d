#include "kms/tokens/store_audit.h"

#include <algorithm>
#include <limits>

#include "hal/base/rfc3339.h"
#include "kms/audit/audit.h"

namespace kms {
namespace {

using base::Result;

constexpr std::uint8_t kIssued = 1;
constexpr std::uint8_t kEnded = 2;
constexpr std::uint8_t kSeen = 4;
constexpr std::size_t kPlacesMost = std::size_t{1} << 32U;  // nine bytes of memory each
constexpr std::size_t kBatch = 512;                         // rows under one hold of the keys
constexpr std::size_t kDoubtsMost = 65'536;

std::uint32_t seconds(base::Time time) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, kMost));
}

base::Time timeOf(std::uint32_t seconds) { return base::Time(std::chrono::seconds(seconds)); }

bool isOfToken(Event event) {
  return event == Event::TokenIssued || event == Event::TokenRenewed || event == Event::TokenRevoked ||
         event == Event::TokenUsed || event == Event::TokenVoided;
}

}  // namespace

void StoreAudit::problem(std::string object, std::string what) {
  ++report_.problemCount;
  if (report_.problems.size() < StoreReport::kProblemsMost)
    report_.problems.push_back({std::move(object), std::move(what)});
}

std::uint32_t StoreAudit::userOf(const std::string& name) {
  const auto [at, fresh] = byName_.emplace(name, static_cast<std::uint32_t>(users_.size()));
  if (fresh) users_.push_back({name});
  return at->second;
}

Result<void> StoreAudit::entry(const AuditFacts& facts) {
  latest_ = std::max(latest_, facts.at);
  const auto event = static_cast<Event>(facts.event);
  if (event == Event::UserAdded) users_[userOf(auditUnescape(facts.object))].added = true;
  // All numbers that were given so far are lower than the next one.
  if (event == Event::UserTokensRevoked)
    users_[userOf(auditUnescape(facts.object))].revokedBefore = highest_ + 1;
  if (isOfToken(event)) return tokenEntry(facts);
  return {};
}

Result<void> StoreAudit::tokenEntry(const AuditFacts& facts) {
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  const auto sequence = (*keys)->sequenceOf(facts.object);
  if (!sequence || *sequence < 0 || places_.size() >= kPlacesMost) {
    problem(auditUnescape(facts.object), "the log tells of a token that this server did not make");
    return {};
  }
  const std::size_t at = places_.make(*sequence);
  if (places_.size() > state_.size()) {
    const std::size_t size = std::max(places_.size(), state_.size() + state_.size() / 4);
    state_.resize(size);
    user_.resize(size);
    until_.resize(size);
  }
  const auto event = static_cast<Event>(facts.event);
  if (event == Event::TokenIssued) {
    if ((state_[at] & kIssued) != 0)
      problem(std::string(facts.object), "the log tells twice that it was issued");
    state_[at] |= kIssued;
    highest_ = std::max(highest_, *sequence);
    if (user_[at] == 0 && !facts.user.empty()) user_[at] = userOf(auditUnescape(facts.user));
  } else if (event != Event::TokenRenewed) {
    state_[at] |= kEnded;
  }
  // A token's time is only ever prolonged: an earlier end would let it pass for dropped.
  if (facts.until) until_[at] = std::max(until_[at], seconds(*facts.until));
  return {};
}

Result<void> StoreAudit::compare(const std::function<Result<void>()>& catchUp) {
  const std::int64_t highest = highest_;
  const std::size_t users = users_.size();
  if (auto done = compareUsers(); !done) return done;
  if (auto done = compareTokens(catchUp); !done) return done;
  return findMissing(highest, users);
}

Result<void> StoreAudit::compareUsers() {
  for (std::int64_t after = 0;;) {
    std::vector<SealedRow> rows;
    auto read = store_.read([&](StoreReader& reader) -> Result<void> {
      auto found = reader.list(Table::Users, after, kBatch);
      if (!found) return std::move(found).error();
      rows = *std::move(found);
      return {};
    });
    if (!read) return read;
    if (rows.empty()) return {};
    after = rows.back().key;
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    for (const SealedRow& sealed : rows) {
      ++report_.users;
      auto row = openUser(**keys, sealed);
      if (!row && row.error().reason != base::Reason::DatabaseCorrupt) return std::move(row).error();
      if (row) {
        compareUser(*row);
      } else {
        problem("user row " + std::to_string(sealed.key), row.error().what);
      }
    }
  }
}

void StoreAudit::compareUser(const UserRow& row) {
  const std::uint32_t index = userOf(row.user.name);
  byId_[row.user.id] = index;
  users_[index].inStore = true;
  if (row.revokedBefore < users_[index].revokedBefore)
    problem(row.user.name, "the log tells that all tokens of this user were revoked, and the row does not");
}

Result<void> StoreAudit::compareTokens(const std::function<Result<void>()>& catchUp) {
  for (std::int64_t after = 0;;) {
    auto last = compareBatch(after);
    if (!last) return std::move(last).error();
    const bool end = *last == after;
    after = *last;
    if (!end && doubts_.size() < kDoubtsMost) continue;
    if (auto caught = catchUp(); !caught) return caught;
    if (auto settled = settle(); !settled) return settled;
    if (end) return {};
  }
}

// Gives the key of the last row; `after` where there is none.
Result<std::int64_t> StoreAudit::compareBatch(std::int64_t after) {
  std::vector<SealedRow> rows;
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto found = reader.list(Table::Tokens, after, kBatch);
    if (!found) return std::move(found).error();
    rows = *std::move(found);
    return {};
  });
  if (!read) return std::move(read).error();
  if (rows.empty()) return after;
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  for (const SealedRow& sealed : rows) {
    if (auto done = compareToken(**keys, sealed); !done) return std::move(done).error();
  }
  return rows.back().key;
}

Result<void> StoreAudit::compareToken(OpenKeys& keys, const SealedRow& sealed) {
  ++report_.tokens;
  const auto at = places_.find(sealed.key);
  if (at) state_[*at] |= kSeen;
  auto row = openToken(keys, sealed);
  if (!row && row.error().reason != base::Reason::DatabaseCorrupt) return std::move(row).error();
  if (!row) {
    problem(keys.accessor(sealed.key), row.error().what);
    return {};
  }
  if (at && (state_[*at] & kEnded) != 0 && row->state == TokenState::Active)
    problem(keys.accessor(row->sequence), "the log tells that it ended, and the row is active");
  auto holder = holderOf(keys, row->user);
  if (!holder) return std::move(holder).error();
  const Doubt doubt{row->sequence, *holder, seconds(row->expires)};
  if (!fits(doubt)) doubts_.push_back(doubt);
  return {};
}

// The index of the user; 0 where the store has none such. One that was added a moment ago is read now.
Result<std::uint32_t> StoreAudit::holderOf(OpenKeys& keys, std::int64_t id) {
  if (const auto known = byId_.find(id); known != byId_.end()) return known->second;
  std::optional<SealedRow> found;
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto row = reader.get(Table::Users, id);
    if (!row) return std::move(row).error();
    found = *std::move(row);
    return {};
  });
  if (!read) return std::move(read).error();
  std::uint32_t index = 0;
  if (found) {
    auto row = openUser(keys, *found);
    if (row) index = userOf(row->user.name);
  }
  return byId_[id] = index;
}

bool StoreAudit::fits(const Doubt& doubt) const {
  const auto at = places_.find(doubt.sequence);
  if (!at || (state_[*at] & kIssued) == 0) return false;
  if (doubt.user == 0 || (user_[*at] != 0 && user_[*at] != doubt.user)) return false;
  return until_[*at] == 0 || doubt.until <= until_[*at];
}

// By now the log is as new as the rows that were doubted, or newer.
Result<void> StoreAudit::settle() {
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  for (const Doubt& doubt : std::exchange(doubts_, {})) {
    if (fits(doubt)) continue;
    const auto at = places_.find(doubt.sequence);
    std::string what =
        "the row ends at " + base::formatTime(timeOf(doubt.until)) + ", later than the log tells";
    if (!at || (state_[*at] & kIssued) == 0) {
      what = "no entry of the log tells that it was issued";
    } else if (doubt.user == 0) {
      what = "its user is not in the store";
    } else if (user_[*at] != 0 && user_[*at] != doubt.user) {
      what = "the log tells of another user";
    }
    problem((*keys)->accessor(doubt.sequence), std::move(what));
  }
  return {};
}

// Of what the log told before the first row was read.
Result<void> StoreAudit::findMissing(std::int64_t highest, std::size_t users) {
  for (std::size_t i = 1; i < users_.size(); ++i) {
    const ToldUser& user = users_[i];
    if (user.inStore && !user.added) problem(user.name, "no entry of the log tells that this user was added");
    if (i < users && user.added && !user.inStore)
      problem(user.name, "the log tells that this user was added, and the store has none such");
  }
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  const base::Time now = std::max(clock_.now(), latest_);
  for (std::size_t at = 0; at < places_.size(); ++at) {
    if (places_.sequenceAt(at) > highest || (state_[at] & (kIssued | kSeen)) != kIssued || until_[at] == 0)
      continue;
    if (now >= timeOf(until_[at]) + policy_.expiredKept) continue;  // dropped when its time had passed
    problem((*keys)->accessor(places_.sequenceAt(at)),
            "the log tells that it was issued, and its row is gone");
  }
  return {};
}

}  // namespace kms
