#include "daemon/pki_watch.h"

#include "daemon/log.h"
#include "hal/base/rfc3339.h"

namespace kmsd {
namespace {

constexpr std::chrono::seconds days(int count) { return std::chrono::hours(24 * count); }

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

PkiWatch::PkiWatch(PkiServices& pki, const base::Clock& clock, std::vector<std::string> names, End shown)
    : pki_(pki),
      clock_(clock),
      names_(std::move(names)),
      shown_(std::move(shown)),
      authorityEnd_("the certificate of the certificate authority",
                    "nothing that it signed counts after that, so replace the authority before", days(90)),
      shownEnd_("the certificate that https shows",
                names_.empty() ? "put a new one in the place of --tls-certificate and reload"
                               : "it is renewed when the server is unsealed",
                days(30)) {}

void PkiWatch::look() {
  const std::lock_guard lock(mutex_);
  if (!names_.empty()) keepShown();
  const auto fault = pki_.status().fault();
  tellFault(statusFault_, fault ? std::optional("CRLs and what is published: " + fault->what) : std::nullopt,
            "CRLs are made and published again");
  const base::Time now = clock_.now();
  if (auto line = authorityEnd_.look(pki_.authorityEnd(), now)) log::warning(*line);
  if (auto line = shownEnd_.look(shown_ ? shown_() : std::nullopt, now)) log::warning(*line);
}

void PkiWatch::keepShown() {
  const auto made = pki_.serverCertificate().keep(names_);
  if (!made && made.error().reason == base::Reason::Sealed) return;
  tellFault(shownFault_,
            made ? std::nullopt
                 : std::optional("the certificate that https shows cannot be made: " + made.error().what),
            "");
  if (!made || !*made) return;
  const auto until = pki_.serverCertificate().until();
  log::info("https shows a new certificate for " + joined(names_) +
            (until ? ", until " + base::formatTime(*until) : std::string()));
}

// Each fault once, until it is another one.
void PkiWatch::tellFault(std::string& told, const std::optional<std::string>& fault,
                         const std::string& well) {
  const std::string now = fault.value_or("");
  if (now == told) return;
  if (!now.empty()) {
    log::warning(now);
  } else if (!well.empty()) {
    log::info(well);
  }
  told = now;
}

}  // namespace kmsd
