// What the metrics show of the keeper.
#pragma once

#include "daemon/keeper.h"
#include "daemon/metrics.h"

namespace kmsd {

// `keeper` outlives every Metrics::text().
void addKeeperGauges(Metrics& metrics, const Keeper& keeper);

}  // namespace kmsd
