#include "daemon/run_gauges.h"

#include <algorithm>

#include "daemon/reasons.h"

namespace kmsd {

void addKeeperGauges(Metrics& metrics, const Keeper& keeper) {
  metrics.addGauge("kms_sealed", "1 while the server is sealed.", "", [&keeper] {
    return Metrics::Samples{{"", keeper.sealed() ? 1 : 0}};
  });
  metrics.addGauge("kms_state_reason", "Why it is sealed: 1 for the reason that counts now.", "reason",
                   [&keeper] {
                     return Metrics::Samples{{std::string(rowOf(keeper.status().reason).name), 1}};
                   });
  metrics.addGauge("kms_media_present", "Media that are inserted, whatever is on them.", "", [&keeper] {
    const auto media = keeper.media();
    const auto present = std::ranges::count_if(media, &MediumReport::present);
    return Metrics::Samples{{"", static_cast<double>(present)}};
  });
}

}  // namespace kmsd
