// What write jobs do about users. All run inside a job, with open keys.
#pragma once

#include "kms/tokens/user_row.h"

namespace kms {

// The rules of fields.h for what a user is described by. Errors: Invalid.
base::Result<void> checkUser(const std::string& name, const UserChange& fields, const Policy& policy);
// Adds a user, with an audit entry. REQUIRES: checked fields that `by` may set. Errors: Conflict (name or uid
// taken).
base::Result<UserRow> insertUser(Txn& txn, OpenKeys& keys, const Actor& by, const std::string& name,
                                 const UserChange& fields, base::Time now);

}  // namespace kms
