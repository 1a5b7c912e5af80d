// What the metrics show of the keeper and the audit log.
#pragma once

#include "daemon/keeper.h"
#include "daemon/metrics.h"

namespace kmsd {

// `keeper` outlives every Metrics::text().
void addKeeperGauges(Metrics& metrics, const Keeper& keeper);
// `audit` likewise.
void addAuditGauges(Metrics& metrics, const kms::AuditLog& audit);

}  // namespace kmsd
