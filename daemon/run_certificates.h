// RunCertificates: what `kmsd run` keeps, publishes and shows of certificates beside the services.
#pragma once

#include <optional>

#include "daemon/pki_watch.h"
#include "daemon/publication.h"
#include "daemon/run_options.h"

namespace kmsd {

class Metrics;

class RunCertificates {
 public:
  // `pki` outlives it, and it every Metrics::text(). `shown`: when what https shows ends.
  RunCertificates(const RunOptions& options, PkiServices& pki, Metrics& metrics, const PkiWatch::End& shown);

  // As PkiWatch::look, and what is new is published.
  void look();

 private:
  PkiWatch watch_;
  std::optional<Publication> publication_;
};

}  // namespace kmsd
