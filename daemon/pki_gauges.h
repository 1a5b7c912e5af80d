// What the metrics show of certificates: no name of a user, no serial number.
#pragma once

#include "daemon/metrics.h"
#include "daemon/pki_services.h"
#include "daemon/pki_watch.h"
#include "daemon/publication.h"

namespace kmsd {

// All outlive every Metrics::text(). `shown`: when the certificate that https shows ends.
void addPkiGauges(Metrics& metrics, PkiServices& pki, PkiWatch::End shown);
void addPublicationGauge(Metrics& metrics, const Publication& publication);

}  // namespace kmsd
