#include "kms/pki/certificate_service.h"

#include "kms/pki/certificate_core.h"

namespace kms::pki {

CertificateService::CertificateService(Vault& vault, Store& store, Authority& authority, TokenService& tokens,
                                       const base::Clock& clock, base::Rng& rng, const Policy&,
                                       const PkiPolicy& pki, Addresses addresses, std::string organisation)
    : core_(std::make_unique<CertificateCore>(vault, store, authority, tokens.core(), clock, rng, pki,
                                              std::move(addresses), std::move(organisation))) {}

CertificateService::~CertificateService() = default;

void CertificateService::listen(std::weak_ptr<RevocationListener> listener) {
  core_->listeners.push_back(std::move(listener));
}

void CertificateService::refuse(const std::string& user, std::function<void(std::chrono::seconds)> then) {
  core_->counts.refused.fetch_add(1, std::memory_order_relaxed);
  countWrong(core_->tokens, "user " + user, user, std::move(then));
}

const CertificateCounts& CertificateService::counts() const noexcept { return core_->counts; }

std::chrono::seconds CertificateService::holdBack(const std::string& user) const {
  return core_->tokens.throttle.delay(user);
}

}  // namespace kms::pki
