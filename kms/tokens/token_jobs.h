// What a write job does for one token, for jobs that hold several: see token_issue and token_change for the
// services. All run inside a job, with open keys.
//
// A job may be run again from its start (Store::write): these leave nothing behind but what is in the
// transaction, gaps in the sequence numbers and the clock's mark aside.
#pragma once

#include "kms/tokens/token_core.h"

namespace kms {

// What can be said without the database. Fills in the ttl. Errors: as TokenService::issue.
base::Result<void> checkIssue(const Actor& by, IssueRequest& request, const Policy& policy);
// REQUIRES: a request that checkIssue has passed for the same actor. A job that gets Denied / ApprovalNeeded
// must end well all the same: the request for approvals is in its transaction.
base::Result<IssuedToken> issueToken(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                     const IssueRequest& request);

// REQUIRES: what present() gave. Whoever lets callers below Issuer name a one-time token by its text must
// refuse those of other users before (TokenService::revoke).
base::Result<TokenView> revokeToken(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                    const Presented& presented);

// Every token that this user has now. Errors: as TokenService::revokeUser.
base::Result<void> revokeAllOf(TokenCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                               const std::string& name);

}  // namespace kms
