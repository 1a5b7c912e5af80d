#include "daemon/pki_gauges.h"

#include "kms/pki/counts.h"

namespace kmsd {
namespace {

using Samples = Metrics::Samples;
using kms::pki::OcspRefusal;
using kms::pki::OcspState;
using kms::pki::RevocationReason;

double seconds(base::Time time) { return static_cast<double>(time.time_since_epoch().count()); }

void addCertificates(Metrics& metrics, PkiServices& pki) {
  const auto& counts = pki.certificates().counts();
  metrics.addCounter("kms_certificates_issued_total", "Certificates that were issued to users.", "profile",
                     [&counts] {
                       Samples out;
                       for (const auto& row : kms::pki::profiles())
                         if (row.forUsers)
                           out.emplace_back(row.name, static_cast<double>(counts.issued.of(row.profile)));
                       return out;
                     });
  metrics.addCounter("kms_certificates_revoked_total",
                     "Certificates that were revoked or held, by the reason; release: a hold that ended.",
                     "reason", [&counts] {
                       Samples out;
                       for (unsigned i = 0; i <= unsigned(RevocationReason::PrivilegeWithdrawn); ++i) {
                         const auto reason = static_cast<RevocationReason>(i);
                         if (const auto name = kms::pki::reasonName(reason);
                             kms::pki::parseRevocationReason(name) == reason)
                           out.emplace_back(name, static_cast<double>(counts.ended.of(reason)));
                       }
                       return out;
                     });
  metrics.addCounter(
      "kms_enrolments_refused_total",
      "Enrolments that were refused, because user or token were wrong, or it was used or ended.", "",
      [&counts] {
        return Samples{{"", static_cast<double>(counts.refused.load())}};
      });
}

// A gauge of the last full list; no sample where there is none.
void addOfList(Metrics& metrics, PkiServices& pki, std::string name, std::string help,
               double (*read)(const kms::pki::PublishedList&)) {
  metrics.addGauge(std::move(name), std::move(help), "", [&pki, read] {
    const auto list = pki.status().full();
    return list ? Samples{{"", read(*list)}} : Samples();
  });
}

void addLists(Metrics& metrics, PkiServices& pki) {
  using List = kms::pki::PublishedList;
  addOfList(metrics, pki, "kms_crl_this_update_timestamp_seconds", "When the last CRL was made, since 1970.",
            [](const List& list) { return seconds(list.times.thisUpdate); });
  addOfList(metrics, pki, "kms_crl_next_update_timestamp_seconds", "When the last CRL runs out, since 1970.",
            [](const List& list) { return seconds(list.times.nextUpdate); });
  addOfList(metrics, pki, "kms_crl_size_bytes", "Length of the last CRL.",
            [](const List& list) { return static_cast<double>(list.der.size()); });
  addOfList(metrics, pki, "kms_crl_number", "Number of the last CRL; 0: it was made before the start.",
            [](const List& list) { return static_cast<double>(list.number); });
  addOfList(metrics, pki, "kms_crl_entries", "Certificates on it; 0 also where it was made before the start.",
            [](const List& list) { return static_cast<double>(list.entries); });
  metrics.addGauge("kms_crl_fault", "1 while a CRL cannot be made or written.", "", [&pki] {
    return Samples{{"", pki.status().fault() ? 1 : 0}};
  });
}

void addOcsp(Metrics& metrics, PkiServices& pki) {
  metrics.addCounter("kms_ocsp_answers_total", "Answers to OCSP requests.", "status", [&pki] {
    const auto& counts = pki.status().ocspCounts();
    const auto refused = [&](OcspRefusal why) { return static_cast<double>(counts.refusals.of(why)); };
    const auto told = [&](OcspState state) { return static_cast<double>(counts.answers.of(state)); };
    return Samples{{"good", told(OcspState::Good)},
                   {"revoked", told(OcspState::Revoked)},
                   {"unknown", told(OcspState::Unknown)},
                   {"malformed", refused(OcspRefusal::Malformed)},
                   {"internal_error", refused(OcspRefusal::Internal)},
                   {"try_later", refused(OcspRefusal::TryLater)},
                   {"unauthorized", refused(OcspRefusal::Unauthorized)}};
  });
}

}  // namespace

void addPkiGauges(Metrics& metrics, PkiServices& pki, PkiWatch::End shown) {
  addCertificates(metrics, pki);
  addLists(metrics, pki);
  addOcsp(metrics, pki);
  metrics.addGauge("kms_certificate_expiry_timestamp_seconds",
                   "When the certificate of the authority, or the one that https shows, ends, since 1970.",
                   "certificate", [&pki, shown = std::move(shown)] {
                     Samples out;
                     if (const auto end = pki.authorityEnd()) out.emplace_back("authority", seconds(*end));
                     if (const auto end = shown ? shown() : std::nullopt)
                       out.emplace_back("https", seconds(*end));
                     return out;
                   });
}

void addPublicationGauge(Metrics& metrics, const Publication& publication) {
  metrics.addGauge("kms_publication_fault", "1 while --publish-dir cannot be written.", "", [&publication] {
    return Samples{{"", publication.fault() ? 1 : 0}};
  });
}

}  // namespace kmsd
