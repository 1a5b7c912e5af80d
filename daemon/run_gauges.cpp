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

void addAuditGauges(Metrics& metrics, const kms::AuditLog& audit) {
  metrics.addGauge("kms_audit_refusing",
                   "1 while changes are refused, because the audit log cannot be written.", "", [&audit] {
                     return Metrics::Samples{{"", audit.refuses() ? 1 : 0}};
                   });
  metrics.addGauge("kms_audit_lag_seconds", "Since the files of the audit log held every committed entry.",
                   "", [&audit] {
                     return Metrics::Samples{{"", std::chrono::duration<double>(audit.health().lag).count()}};
                   });
  metrics.addGauge("kms_audit_lines", "Number of the last line of the audit log.", "", [&audit] {
    return Metrics::Samples{{"", static_cast<double>(audit.health().lines)}};
  });
}

}  // namespace kmsd
