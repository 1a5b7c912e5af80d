#include "daemon/pki_services.h"

#include "kms/pki/digest.h"

namespace kmsd {

PkiServices::PkiServices(kms::Vault& vault, kms::Store& store, kms::ApprovalService& approvals,
                         const base::Clock& clock, base::Rng& rng, const kms::Policy& policy,
                         PkiOptions options)
    : vault_(vault),
      store_(store),
      approvals_(approvals),
      clock_(clock),
      rng_(rng),
      policy_(policy),
      options_(std::move(options)) {}

base::Result<std::unique_ptr<PkiServices>> PkiServices::create(
    kms::Vault& vault, kms::Store& store, kms::UserService& users, kms::TokenService& tokens,
    const base::Clock& clock, base::Rng& rng, const kms::Policy& policy, PkiOptions options) {
  std::unique_ptr<PkiServices> out(
      new PkiServices(vault, store, tokens.approvals(), clock, rng, policy, std::move(options)));
  const PkiOptions& with = out->options_;
  out->shown_ = std::make_shared<kms::pki::ServerCertificate>(vault, store, *out->authority_, clock, rng,
                                                              policy, with.addresses, with.organisation);
  out->certificates_ =
      std::make_unique<kms::pki::CertificateService>(vault, store, *out->authority_, tokens, clock, rng,
                                                     policy, with.policy, with.addresses, with.organisation);
  out->move_ = std::make_unique<kms::pki::UserMove>(vault, store, *out->authority_, *out->certificates_,
                                                    tokens, clock, rng, policy, with.organisation);
  out->status_ = std::make_shared<kms::pki::StatusService>(vault, store, *out->authority_,
                                                           *out->certificates_, clock, with.directory);
  out->certificates_->listen(out->status_);
  out->desk_ =
      kms::pki::makeCmpBackend(*out->certificates_, *out->authority_, users, [status = out->status_.get()] {
        const auto list = status->full();
        return list && list->der.size() <= kms::pki::kMostCrlByCmp ? list->der : base::Bytes{};
      });
  auto cmp = kms::pki::CmpServer::create(*out->desk_, clock, rng);
  if (!cmp) return std::move(cmp).error();
  out->cmp_ = *std::move(cmp);
  vault.attach(out->authority_);
  vault.attach(out->shown_);
  vault.attach(out->status_);
  return out;
}

std::optional<base::Bytes> PkiServices::fingerprint() const {
  const auto hold = authority_->current();
  if (!hold) return std::nullopt;
  const auto hash = kms::pki::sha256((*hold)->authority.certificate.der);
  return base::Bytes(hash.begin(), hash.end());
}

std::optional<base::Time> PkiServices::authorityEnd() const {
  const auto all = status_->authorities();
  const auto current = all.empty() ? base::Result<kms::pki::Certificate>(kms::pki::noAuthority())
                                   : kms::pki::parseCertificate(all.front());
  return current ? std::optional(current->notAfter) : std::nullopt;
}

base::Result<void> PkiServices::init(kms::pki::KeyKind key, const std::string& name, const kms::Actor& by) {
  kms::pki::AuthorityPlan first = plan(name);
  first.key = key;
  auto made = kms::pki::createAuthority(vault_, store_, *authority_, clock_, policy_, rng_, first, by);
  if (!made) return std::move(made).error();
  status_->refresh();
  return {};
}

kms::pki::AuthorityTools PkiServices::tools() noexcept {
  return {vault_, store_, *authority_, clock_, policy_, rng_, approvals_};
}

kms::pki::AuthorityPlan PkiServices::plan(const std::string& name) const {
  kms::pki::AuthorityPlan out;
  out.organisation = options_.organisation;
  if (!name.empty()) out.commonName = name;
  out.addresses = options_.addresses;
  return out;
}

base::Result<base::Bytes> PkiServices::request(kms::pki::KeyKind key, const std::string& name, bool replace,
                                               const kms::Actor& by) {
  kms::pki::AuthorityPlan asked = plan(name);
  asked.key = key;
  return kms::pki::requestSubordinate(tools(), asked, replace, by);
}

base::Result<base::Bytes> PkiServices::requested(const kms::Actor& by) {
  return kms::pki::pendingRequest(tools(), by);
}

base::Result<void> PkiServices::install(const std::vector<kms::pki::Certificate>& chain,
                                        const kms::Actor& by) {
  auto made = kms::pki::installSubordinate(tools(), chain, plan({}), by);
  if (!made) return std::move(made).error();
  status_->refresh();
  return {};
}

base::Result<void> PkiServices::rollover(std::optional<kms::pki::KeyKind> key, const kms::Actor& by) {
  auto made = kms::pki::rolloverAuthority(tools(), key, plan({}), by);
  if (!made) return std::move(made).error();
  status_->refresh();
  return {};
}

}  // namespace kmsd
