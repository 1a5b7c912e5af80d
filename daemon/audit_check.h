// The whole audit log checked for an administrator: `kmsctl audit verify`.
#pragma once

#include <atomic>

#include "hal/base/secret_pool.h"
#include "kms/audit/audit_log.h"
#include "kms/tokens/policy.h"

namespace kmsd {

// Reads the log from its first line, and with `rows` compares it with every row of the store; gives the JSON
// of the answer, in which problems stand. A log with a problem that nobody accepted is broken from then on
// (see kms::AuditLog::foundBroken). Takes as long as reading all of that does. While sealed the chain alone
// is checked. Errors: Unavailable / Sealed (with `rows`); Unavailable / AuditUnwritable (with `rows`, where
// the log does not hold all that was done); Unavailable once `stop` is true; those of files and store that
// cannot be read.
base::Result<base::SecretText> checkAudit(kms::AuditLog& log, const kms::Vault& vault, kms::Store& store,
                                          const base::Clock& clock, const kms::Policy& policy, bool rows,
                                          const std::atomic<bool>& stop);

}  // namespace kmsd
