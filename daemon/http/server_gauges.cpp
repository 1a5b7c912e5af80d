#include "daemon/http/server_gauges.h"

#include "daemon/http/tls.h"

namespace kmsd::http {

void addServerGauges(Metrics& metrics, const Server& server, const HandshakeLog& handshakes) {
  metrics.addGauge("kms_connections", "Open connections, without those to --metrics-http.", "transport",
                   [&server] {
                     const auto count = [&server](Transport transport) {
                       return static_cast<double>(server.connections(transport));
                     };
                     return Metrics::Samples{{"unix", count(Transport::Unix)},
                                             {"https", count(Transport::Https)},
                                             {"http", count(Transport::Http)}};
                   });
  metrics.addCounter("kms_tls_handshakes_failed_total", "TLS handshakes that failed, by their cause.",
                     "reason", [&handshakes] { return handshakes.samples(); });
  metrics.addGauge("kms_tls_client_crl_expiry_timestamp_seconds",
                   "When the first CRL of --tls-client-ca runs out, since 1970; none where none does.", "",
                   [&server] {
                     Metrics::Samples out;
                     const auto context = server.tls();
                     const auto until = context ? context->crls().until() : std::nullopt;
                     if (until) out.emplace_back("", static_cast<double>(until->time_since_epoch().count()));
                     return out;
                   });
}

}  // namespace kmsd::http
