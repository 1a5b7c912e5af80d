// What the metrics show of the server's connections.
#pragma once

#include "daemon/handshake_log.h"
#include "daemon/http/server.h"

namespace kmsd::http {

// Both outlive every Metrics::text().
void addServerGauges(Metrics& metrics, const Server& server, const HandshakeLog& handshakes);

}  // namespace kmsd::http
