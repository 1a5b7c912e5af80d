#include "kms/tokens/approval_service.h"

#include <array>

#include "kms/audit/audit.h"
#include "kms/tokens/approval_jobs.h"
#include "kms/tokens/paging.h"
#include "kms/tokens/submit.h"

namespace kms {
namespace {

using base::Code;
using base::Result;

base::Error noSuchRequest() {
  return {Code::NotFound, "there is no request for approval with this name, or it has expired"};
}

base::Error closed(const char* how) {
  return {Code::Denied, std::string("this request ") + how + ", so nothing was done",
          base::Reason::ApprovalClosed};
}

Result<ApprovalRow> requireRow(StoreReader& reader, OpenKeys& keys, const std::string& id) {
  const auto key = parseApprovalId(id);
  if (!key) return noSuchRequest();
  auto row = readApproval(reader, keys, *key);
  if (!row) return std::move(row).error();
  if (!*row) return noSuchRequest();
  return **std::move(row);
}

Result<ApprovalRow> requireOpen(StoreReader& reader, OpenKeys& keys, const std::string& id, base::Time now) {
  auto row = requireRow(reader, keys, id);
  if (!row) return row;
  if (row->state == ApprovalRow::State::Used) return closed("was used");
  if (row->state == ApprovalRow::State::Cancelled) return closed("was cancelled");
  if (now >= row->expires) return closed("has expired");
  return row;
}

// What a job records of a request that it has changed, and gives.
Result<ApprovalView> written(TokenCore& core, Txn& txn, OpenKeys& keys, ApprovalRow& row, Event event,
                             const Actor& by, base::Time now) {
  if (auto done = writeApproval(txn, keys, row); !done) return std::move(done).error();
  auto view = viewOf(core, txn, keys, row, now);
  if (!view) return view;
  auto recorded =
      record(txn, now, {event, by.name, view->id, std::string(approvalKindName(view->kind)), view->user});
  if (!recorded) return std::move(recorded).error();
  return view;
}

Result<ApprovalView> approveNow(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                const std::string& id) {
  auto now = core.clock.advanceToGrant(txn);
  if (!now) return std::move(now).error();
  auto who = administratorOf(txn, keys, by);
  if (!who) return std::move(who).error();
  auto row = requireOpen(txn, keys, id, *now);
  if (!row) return std::move(row).error();
  for (const ApprovalRow::Vote& vote : row->votes) {
    auto voter = voterOf(txn, keys, vote);
    if (!voter) return std::move(voter).error();
    if (vote.who == *who || *voter == *who)
      return base::Error{
          Code::Conflict,
          "you have agreed to this request before, or asked for it; it takes another administrator"};
  }
  if (row->votes.size() == ApprovalRow::kVotesMost) return forbidden("this request has approvals enough");
  row->votes.push_back({*who, *now});
  return written(core, txn, keys, *row, Event::ApprovalGiven, by, *now);
}

Result<ApprovalView> cancelNow(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                               const std::string& id) {
  auto now = core.clock.advance(txn);
  if (!now) return std::move(now).error();
  auto row = requireOpen(txn, keys, id, *now);
  if (!row) return std::move(row).error();
  row->state = ApprovalRow::State::Cancelled;
  return written(core, txn, keys, *row, Event::ApprovalCancelled, by, *now);
}

using Change = Result<ApprovalView> (*)(TokenCore&, Txn&, OpenKeys&, const Actor&, const std::string&);

void change(TokenCore& core, const Actor& by, const std::string& id, Change how, Reply<ApprovalView> reply) {
  if (by.role < Role::Admin) return reply(forbidden("approvals need the role admin"));
  submit<ApprovalView>(
      core.store,
      [&core, by, id, how](Txn& txn) {
        return withKeys(core, [&](OpenKeys& keys) { return how(core, txn, keys, by, id); });
      },
      std::move(reply));
}

// Runs `look(reader, keys, now)` in one view.
template <class T, class Look>
Result<T> lookAt(TokenCore& core, const Actor& by, Look look) {
  if (by.role < Role::Admin) return forbidden("approvals need the role admin");
  return guarded([&] {
    return withKeys(core, [&](OpenKeys& keys) -> Result<T> {
      T seen;
      auto done = core.store.read([&](StoreReader& reader) -> Result<void> {
        auto now = core.clock.now(reader);
        if (!now) return std::move(now).error();
        auto value = look(reader, keys, *now);
        if (!value) return std::move(value).error();
        seen = *std::move(value);
        return {};
      });
      if (!done) return std::move(done).error();
      return seen;
    });
  });
}

}  // namespace

std::string_view approvalKindName(ApprovalKind kind) noexcept {
  switch (kind) {
    case ApprovalKind::RecoverToken:
      return "recover_token";
    case ApprovalKind::AuthorityRollover:
      return "ca_rollover";
    case ApprovalKind::UserExport:
      break;
  }
  return "user_export";
}

std::string_view approvalStateName(ApprovalState state) noexcept {
  static constexpr std::array<std::string_view, 5> kNames{"open", "approved", "used", "cancelled", "expired"};
  return kNames[static_cast<std::size_t>(state)];
}

void ApprovalService::approve(const Actor& by, const std::string& id, Reply<ApprovalView> reply) {
  change(core_, by, id, approveNow, std::move(reply));
}

void ApprovalService::cancel(const Actor& by, const std::string& id, Reply<ApprovalView> reply) {
  change(core_, by, id, cancelNow, std::move(reply));
}

Result<ApprovalView> ApprovalService::show(const Actor& by, const std::string& id) {
  return lookAt<ApprovalView>(
      core_, by, [&](StoreReader& reader, OpenKeys& keys, base::Time now) -> Result<ApprovalView> {
        auto row = requireRow(reader, keys, id);
        if (!row) return std::move(row).error();
        return viewOf(core_, reader, keys, *row, now);
      });
}

Result<Page<ApprovalView>> ApprovalService::list(const Actor& by, const std::string& after,
                                                 std::size_t limit) {
  auto most = pageLimit(limit, core_.policy);
  if (!most) return std::move(most).error();
  const auto from = after.empty() ? std::optional<std::int64_t>(0) : parseApprovalId(after);
  if (!from) return badAfter();
  using Views = Page<ApprovalView>;
  return lookAt<Views>(core_, by, [&](StoreReader& reader, OpenKeys& keys, base::Time now) -> Result<Views> {
    auto rows = reader.list(Table::Approvals, *from, *most + 1);
    if (!rows) return std::move(rows).error();
    Views page;
    for (const SealedRow& sealed : *rows) {
      if (page.items.size() == *most) {
        page.next = page.items.back().id;
        break;
      }
      auto row = openApproval(keys, sealed);
      if (!row) return std::move(row).error();
      auto view = viewOf(core_, reader, keys, *row, now);
      if (!view) return std::move(view).error();
      page.items.push_back(*std::move(view));
    }
    return page;
  });
}

Result<void> ApprovalService::ask(const Actor& by, const ApprovalSubject& subject) {
  if (core_.policy.recoveryApprovals < 2) return {};
  std::optional<base::Error> missing;
  auto done = core_.store.writeAndWait([&](Txn& txn) -> Result<void> {
    missing.reset();
    return guarded([&] {
      return withKeys(core_, [&](OpenKeys& keys) -> Result<void> {
        auto now = core_.clock.advanceToGrant(txn);
        if (!now) return std::move(now).error();
        auto asked = askApproval(core_, txn, keys, by, subject, *now);
        if (!asked) return std::move(asked).error();
        missing = *std::move(asked);
        return {};
      });
    });
  });
  if (done && missing) return *std::move(missing);
  return done;
}

Result<void> ApprovalService::spend(Txn& txn, OpenKeys& keys, const Actor& by, const ApprovalSubject& subject,
                                    base::Time now) {
  return spendApproval(core_, txn, keys, by, subject, now);
}

}  // namespace kms
