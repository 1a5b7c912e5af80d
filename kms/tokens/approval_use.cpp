// Who counts as an administrator, and the use of what enough of them have agreed to.
#include <algorithm>
#include <array>
#include <set>

#include "kms/audit/audit.h"
#include "kms/tokens/approval_jobs.h"

namespace kms {
namespace {

using base::Result;

constexpr std::int64_t kRoot = 0;
constexpr unsigned kRandomBits = 20;  // of a request's key, under the seconds of its time

bool isRoot(const UserRow& user) { return user.user.uid == std::uint32_t{0}; }

Result<std::string> nameOf(StoreReader& reader, OpenKeys& keys, std::int64_t user) {
  if (user == 0) return std::string();
  auto row = readUser(reader, keys, user);
  if (!row) return std::move(row).error();
  return std::move(row->user.name);
}

Result<void> recordOf(Txn& txn, OpenKeys& keys, const ApprovalRow& row, Event event, const std::string& actor,
                      const std::string& detail, base::Time now) {
  auto user = nameOf(txn, keys, row.subject.user);
  if (!user) return std::move(user).error();
  const std::string what(approvalKindName(row.subject.kind));
  return record(
      txn, now,
      {event, actor, approvalId(row.key), detail.empty() ? what : what + ", " + detail, *user, row.expires});
}

Result<ApprovalRow> ask(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by, std::int64_t asker,
                        const ApprovalSubject& subject, base::Time now) {
  std::array<std::byte, 4> random{};
  core.rng.fill(random);
  ApprovalRow row;
  row.key = (now.time_since_epoch().count() << kRandomBits) |
            (base::loadLe32(random) & ((std::uint32_t{1} << kRandomBits) - 1));
  row.subject = subject;
  row.asked = now;
  row.expires = now + core.policy.approvalLife;
  row.votes.push_back({asker, now});
  auto there = txn.get(Table::Approvals, row.key);
  if (!there) return std::move(there).error();
  if (*there) return base::Error{base::Code::Unavailable, "try again in a second"};
  if (auto written = writeApproval(txn, keys, row); !written) return std::move(written).error();
  auto recorded = recordOf(txn, keys, row, Event::ApprovalAsked, by.name, subject.detail, now);
  if (!recorded) return std::move(recorded).error();
  return row;
}

// The open request of this administrator for just this.
Result<std::optional<ApprovalRow>> findAsked(StoreReader& reader, OpenKeys& keys,
                                             std::vector<ApprovalRow> rows, std::int64_t asker,
                                             const ApprovalSubject& subject, base::Time now) {
  for (ApprovalRow& row : rows) {
    const bool same = row.subject.kind == subject.kind && row.subject.user == subject.user &&
                      row.subject.detail == subject.detail;
    if (!same || row.state != ApprovalRow::State::Open || now >= row.expires) continue;
    auto who = voterOf(reader, keys, row.votes.front());
    if (!who) return std::move(who).error();
    if (*who == asker) return std::optional<ApprovalRow>(std::move(row));
  }
  return std::optional<ApprovalRow>();
}

// What there is of a request now.
struct Found {
  std::int64_t asker = 0;
  std::size_t kept = 0;  // requests of anybody
  std::optional<ApprovalRow> row;
  unsigned given = 0;
};

Result<Found> find(StoreReader& reader, OpenKeys& keys, const Actor& by, const ApprovalSubject& subject,
                   base::Time now) {
  auto asker = administratorOf(reader, keys, by);
  if (!asker) return std::move(asker).error();
  auto rows = readApprovals(reader, keys);
  if (!rows) return std::move(rows).error();
  Found out;
  out.asker = *asker;
  out.kept = rows->size();
  auto row = findAsked(reader, keys, *std::move(rows), *asker, subject, now);
  if (!row) return std::move(row).error();
  out.row = *std::move(row);
  if (!out.row) return out;
  auto given = votesFor(reader, keys, *out.row);
  if (!given) return std::move(given).error();
  out.given = *given;
  return out;
}

base::Error needed(unsigned wanted, unsigned given, const ApprovalRow& row) {
  const std::string id = approvalId(row.key);
  return {base::Code::Denied,
          "this needs " + std::to_string(wanted) + " administrators to agree, and has " +
              std::to_string(given) + ": request " + id + "; let others say kmsctl approval approve " + id +
              ", then ask for the same again",
          base::Reason::ApprovalNeeded};
}

}  // namespace

Result<std::int64_t> administratorOf(StoreReader& reader, OpenKeys& keys, const Actor& by) {
  if (by.role < Role::Admin) return forbidden("approvals need the role admin");
  if (by.user) {
    auto user = readUser(reader, keys, *by.user);
    if (!user) return std::move(user).error();
    if (user->user.role < Role::Admin && !isRoot(*user)) return forbidden("approvals need the role admin");
    return *by.user;
  }
  if (by.uid) {
    auto user = findUser(reader, keys, *by.uid);
    if (!user) return std::move(user).error();
    if (*user && ((*user)->user.role >= Role::Admin || isRoot(**user))) return (*user)->user.id;
    if (*by.uid == 0) return kRoot;
  }
  return forbidden(
      "approvals count people, and this uid is nobody's: map it to a user with the role admin, by kmsctl "
      "user "
      "set NAME --uid UID");
}

Result<std::optional<std::int64_t>> voterOf(StoreReader& reader, OpenKeys& keys,
                                            const ApprovalRow::Vote& vote) {
  if (vote.who == kRoot) {
    auto user = findUser(reader, keys, std::uint32_t{0});
    if (!user) return std::move(user).error();
    return std::optional<std::int64_t>(*user ? (*user)->user.id : kRoot);
  }
  auto user = readUser(reader, keys, vote.who);
  if (!user) return std::move(user).error();
  if (user->user.role < Role::Admin && !isRoot(*user)) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(vote.who);
}

Result<unsigned> votesFor(StoreReader& reader, OpenKeys& keys, const ApprovalRow& row) {
  std::set<std::int64_t> people;
  for (const ApprovalRow::Vote& vote : row.votes) {
    auto who = voterOf(reader, keys, vote);
    if (!who) return std::move(who).error();
    if (*who) people.insert(**who);
  }
  return static_cast<unsigned>(people.size());
}

Result<std::optional<base::Error>> askApproval(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                               const ApprovalSubject& subject, base::Time now) {
  const unsigned wanted = core.policy.recoveryApprovals;
  if (wanted < 2) return std::optional<base::Error>();
  if (auto admin = administratorOf(txn, keys, by); !admin) return std::move(admin).error();
  if (auto dropped = dropApprovals(txn, keys, now); !dropped) return std::move(dropped).error();
  auto found = find(txn, keys, by, subject, now);
  if (!found) return std::move(found).error();
  if (!found->row) {
    if (found->kept >= core.policy.approvalsMost)
      return forbidden("too many requests wait for approvals; wait until some have expired");
    auto asked = ask(core, txn, keys, by, found->asker, subject, now);
    if (!asked) return std::move(asked).error();
    return std::optional(needed(wanted, 1, *asked));
  }
  if (found->given < wanted) return std::optional(needed(wanted, found->given, *found->row));
  return std::optional<base::Error>();
}

Result<void> spendApproval(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                           const ApprovalSubject& subject, base::Time now) {
  const unsigned wanted = core.policy.recoveryApprovals;
  if (wanted < 2) return {};
  auto found = find(txn, keys, by, subject, now);
  if (!found) return std::move(found).error();
  if (!found->row || found->given < wanted)
    return base::Error{base::Code::Denied,
                       "what the others had agreed to was used, cancelled or has expired at this moment, so "
                       "nothing was done; ask for the same again",
                       base::Reason::ApprovalNeeded};
  found->row->state = ApprovalRow::State::Used;
  if (auto written = writeApproval(txn, keys, *found->row); !written) return written;
  return recordOf(txn, keys, *found->row, Event::ApprovalUsed, by.name,
                  std::to_string(found->given) + " agreed", now);
}

Result<std::optional<base::Error>> useApproval(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                               const ApprovalSubject& subject, base::Time now) {
  auto missing = askApproval(core, txn, keys, by, subject, now);
  if (!missing || *missing) return missing;
  if (auto spent = spendApproval(core, txn, keys, by, subject, now); !spent) return std::move(spent).error();
  return std::optional<base::Error>();
}

Result<ApprovalView> viewOf(TokenCore& core, StoreReader& reader, OpenKeys& keys, const ApprovalRow& row,
                            base::Time now) {
  ApprovalView view;
  view.id = approvalId(row.key);
  view.kind = row.subject.kind;
  auto user = nameOf(reader, keys, row.subject.user);
  if (!user) return std::move(user).error();
  view.user = *std::move(user);
  view.detail = row.subject.detail;
  view.askedAt = row.asked;
  view.expiresAt = row.expires;
  view.needed = std::max(core.policy.recoveryApprovals, 1U);
  for (const ApprovalRow::Vote& vote : row.votes) {
    auto who = voterOf(reader, keys, vote);
    if (!who) return std::move(who).error();
    auto name = nameOf(reader, keys, vote.who);
    if (!name) return std::move(name).error();
    view.votes.push_back({vote.who == kRoot ? "root" : *std::move(name), vote.at, who->has_value()});
  }
  view.askedBy = view.votes.front().by;
  auto given = votesFor(reader, keys, row);
  if (!given) return std::move(given).error();
  view.given = *given;
  if (row.state == ApprovalRow::State::Used) {
    view.state = ApprovalState::Used;
  } else if (row.state == ApprovalRow::State::Cancelled) {
    view.state = ApprovalState::Cancelled;
  } else if (now >= row.expires) {
    view.state = ApprovalState::Expired;
  } else {
    view.state = view.given >= view.needed ? ApprovalState::Approved : ApprovalState::Open;
  }
  return view;
}

Result<void> dropApprovals(Txn& txn, OpenKeys& keys, base::Time now) {
  auto rows = readApprovals(txn, keys);
  if (!rows) return std::move(rows).error();
  for (const ApprovalRow& row : *rows) {
    if (now < row.expires) continue;
    if (row.state == ApprovalRow::State::Open)
      if (auto recorded = recordOf(txn, keys, row, Event::ApprovalExpired, "kmsd", row.subject.detail, now);
          !recorded)
        return recorded;
    if (auto gone = txn.erase(Table::Approvals, row.key); !gone) return gone;
  }
  return {};
}

}  // namespace kms
