// What write jobs do about approvals. All run inside a job, with open keys.
#pragma once

#include "kms/tokens/approval_row.h"
#include "kms/tokens/token_core.h"

namespace kms {

// Nothing where `by` may go on now: the policy asks for nobody else, or enough have agreed to just this
// request of this administrator. Otherwise why not, Denied / ApprovalNeeded: the job must end well all the
// same, so that the request is kept, and tell that instead of a success. Errors: Denied / Forbidden (not the
// role admin, counts as nobody, too many requests wait).
base::Result<std::optional<base::Error>> askApproval(TokenCore& core, Txn& txn, OpenKeys& keys,
                                                     const Actor& by, const ApprovalSubject& subject,
                                                     base::Time now);
// Uses up what they have agreed to; in the job that does what was asked for, so that both are written or
// neither. Errors: Denied / ApprovalNeeded (nothing is agreed to any more), Forbidden.
base::Result<void> spendApproval(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                 const ApprovalSubject& subject, base::Time now);
// The one, and where nothing is missing the other.
base::Result<std::optional<base::Error>> useApproval(TokenCore& core, Txn& txn, OpenKeys& keys,
                                                     const Actor& by, const ApprovalSubject& subject,
                                                     base::Time now);

// Whom this administrator counts as: a user, or 0 for root. Errors: Denied / Forbidden.
base::Result<std::int64_t> administratorOf(StoreReader& reader, OpenKeys& keys, const Actor& by);
// Whom a vote counts for now; root's for the user that uid 0 is mapped to. Nothing where it does not count.
base::Result<std::optional<std::int64_t>> voterOf(StoreReader& reader, OpenKeys& keys,
                                                  const ApprovalRow::Vote& vote);
// How many people have agreed who count now.
base::Result<unsigned> votesFor(StoreReader& reader, OpenKeys& keys, const ApprovalRow& row);

base::Result<ApprovalView> viewOf(TokenCore& core, StoreReader& reader, OpenKeys& keys,
                                  const ApprovalRow& row, base::Time now);
// Drops the requests that have expired. They are few: Policy::approvalsMost.
base::Result<void> dropApprovals(Txn& txn, OpenKeys& keys, base::Time now);

}  // namespace kms
