// /metrics where it is served in clear: on an address of its own, to anybody who reaches it.
#pragma once

#include "daemon/http/message.h"

namespace kmsd {
class Metrics;
}

namespace kmsd::http {

Response metricsResponse(const Metrics& metrics);
// Serves GET /metrics and nothing else. `metrics` outlives it.
Handler makeMetricsHandler(const Metrics& metrics);

}  // namespace kmsd::http
