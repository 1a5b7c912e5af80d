#include "kms/pki/status_service.h"

#include "hal/base/file.h"

namespace kms::pki {
namespace {

constexpr std::size_t kCertificateMost = 64 * 1024;  // bytes
constexpr mode_t kMode = 0644;

}  // namespace

StatusService::StatusService(Vault& vault, Store& store, Authority& authority,
                             CertificateService& certificates, const base::Clock& clock,
                             std::filesystem::path directory, StatusPolicy policy)
    : authority_(authority),
      directory_(std::move(directory)),
      publisher_(vault, store, authority, clock, directory_, policy.crl),
      responder_(authority, certificates, clock, policy.answerLife) {
  takeUp();
}

void StatusService::takeUp() {
  for (std::int64_t number = 1;; ++number) {
    const auto text = base::readSmallFile(directory_ / (std::to_string(number) + ".crt"), kCertificateMost);
    if (!text) return;
    const auto certificate = parseCertificate(base::asBytes(*text));
    if (!certificate) return;
    certificates_[number] = certificate->der;
  }
}

base::Result<void> StatusService::opened(StoreReader& /*reader*/, OpenKeys& /*keys*/) {
  refresh();
  return {};
}

void StatusService::refresh() {
  writeCertificates();
  publisher_.opened();
}

void StatusService::closing() noexcept { publisher_.closed(); }

void StatusService::changed(const RevocationChange& change) noexcept {
  responder_.changed(change.row.revocation.serial);
  publisher_.changed(change);
}

void StatusService::writeCertificates() {
  const std::lock_guard lock(mutex_);
  fault_.reset();
  for (const std::int64_t number : authority_.numbers()) {
    const auto signers = authority_.number(number);
    if (!signers) continue;  // sealed meanwhile
    const base::Bytes& der = (*signers)->authority.certificate.der;
    if (certificates_[number] == der) continue;
    certificates_[number] = der;
    auto kept = base::writeFileDurably(directory_ / (std::to_string(number) + ".crt"), der, kMode);
    if (!kept) fault_ = std::move(kept).error();
  }
}

std::vector<base::Bytes> StatusService::authorities() const {
  const std::lock_guard lock(mutex_);
  std::vector<base::Bytes> all;
  for (auto at = certificates_.rbegin(); at != certificates_.rend(); ++at) all.push_back(at->second);
  return all;
}

std::shared_ptr<const PublishedList> StatusService::full(std::int64_t number) const {
  if (number != 0) return publisher_.full(number);
  const std::lock_guard lock(mutex_);
  return certificates_.empty() ? nullptr : publisher_.full(certificates_.rbegin()->first);
}

std::shared_ptr<const PublishedList> StatusService::delta(std::int64_t number) const {
  if (number != 0) return publisher_.delta(number);
  const std::lock_guard lock(mutex_);
  return certificates_.empty() ? nullptr : publisher_.delta(certificates_.rbegin()->first);
}

std::optional<base::Error> StatusService::fault() const {
  if (auto fault = publisher_.fault()) return fault;
  const std::lock_guard lock(mutex_);
  return fault_;
}

}  // namespace kms::pki
