#include "daemon/run_certificates.h"

#include "daemon/log.h"
#include "daemon/pki_gauges.h"
#include "daemon/server_names.h"

namespace kmsd {

RunCertificates::RunCertificates(const RunOptions& options, PkiServices& pki, Metrics& metrics,
                                 const PkiWatch::End& shown)
    : watch_(pki, base::systemClock(),
             options.ownTls() ? serverNames(options, hostName()) : std::vector<std::string>(), shown) {
  addPkiGauges(metrics, pki, shown);
  if (options.ownTls())
    log::info(
        "https shows a certificate of this server's own authority: while the server is sealed, or has no "
        "authority yet, it is refused");
  if (options.publishDir.empty()) return;
  publication_.emplace(pki.status(), options.publishDir);
  addPublicationGauge(metrics, *publication_);
}

void RunCertificates::look() {
  watch_.look();
  if (publication_) publication_->look();
}

}  // namespace kmsd
