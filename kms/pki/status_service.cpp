#include "kms/pki/status_service.h"

#include <algorithm>

#include "hal/base/file.h"

namespace kms::pki {
namespace {

constexpr std::size_t kCertificateMost = 64 * 1024;  // bytes
constexpr std::size_t kChainMost = 512 * 1024;       // bytes, as PEM
constexpr mode_t kMode = 0644;

std::string pemOf(const std::vector<base::Bytes>& certificates) {
  std::string text;
  for (const base::Bytes& der : certificates) text += pem("CERTIFICATE", der);
  return text;
}

// None where there is no such file; a damaged one is written anew when the server is opened.
std::vector<base::Bytes> readChain(const std::filesystem::path& file) {
  std::vector<base::Bytes> out;
  const auto text = base::readSmallFile(file, kChainMost);
  const auto parsed =
      text ? parsePemCertificates(*text) : base::Result<std::vector<Certificate>>(text.error());
  if (parsed)
    for (const Certificate& one : *parsed) out.push_back(one.der);
  return out;
}

void addOnce(std::vector<base::Bytes>& to, const base::Bytes& der) {
  if (!der.empty() && std::ranges::find(to, der) == to.end()) to.push_back(der);
}

bool hasEnded(const base::Bytes& der, base::Time now) {
  const auto certificate = parseCertificate(der);
  return !certificate || certificate->notAfter <= now;
}

std::uint64_t issuedBy(const CertificateService& certificates) {
  std::uint64_t all = 0;
  for (const ProfileRow& one : profiles()) all += certificates.counts().issued.of(one.profile);
  return all;
}

PublishedAuthority publishedOf(const Signers& signers) {
  PublishedAuthority out;
  out.number = signers.number;
  out.certificate = signers.authority.certificate.der;
  if (!signers.chain.empty()) out.above.assign(signers.chain.begin() + 1, signers.chain.end());
  out.newWithOld = signers.newWithOld;
  out.oldWithNew = signers.oldWithNew;
  return out;
}

}  // namespace

StatusService::StatusService(Vault& vault, Store& store, Authority& authority,
                             CertificateService& certificates, const base::Clock& clock,
                             std::filesystem::path directory, StatusPolicy policy)
    : authority_(authority),
      directory_(std::move(directory)),
      publisher_(vault, store, authority, clock, directory_, policy.crl),
      stock_(
          vault, store, authority, clock, directory_ / "ocsp.kept", policy.answerLife,
          [&certificates] { return issuedBy(certificates); }, policy.stock),
      responder_(authority, certificates, clock, policy.answerLife, stock_) {
  takeUp();
}

void StatusService::takeUp() {
  for (std::int64_t number = 1;; ++number) {
    const auto text = base::readSmallFile(directory_ / (std::to_string(number) + ".crt"), kCertificateMost);
    if (!text) return;
    const auto certificate = parseCertificate(base::asBytes(*text));
    if (!certificate) return;
    PublishedAuthority& one = published_[number];
    one.number = number;
    one.certificate = certificate->der;
    one.above = readChain(directory_ / (std::to_string(number) + ".above.pem"));
    auto links = readChain(directory_ / (std::to_string(number) + ".links.pem"));
    if (links.size() != 2) continue;
    one.newWithOld = std::move(links.front());
    one.oldWithNew = std::move(links.back());
  }
}

base::Result<void> StatusService::opened(StoreReader& /*reader*/, OpenKeys& /*keys*/) {
  refresh();
  return {};
}

void StatusService::refresh() {
  writeCertificates();
  publisher_.opened();
  stock_.opened();
}

void StatusService::closing() noexcept {
  publisher_.closed();
  stock_.closed();
}

void StatusService::changed(const RevocationChange& change) noexcept {
  responder_.changed(change.row.revocation.serial);
  publisher_.changed(change);
  stock_.changed(change);
}

void StatusService::writeCertificates() {
  const std::lock_guard lock(mutex_);
  fault_.reset();
  for (const std::int64_t number : authority_.numbers()) {
    const auto signers = authority_.number(number);
    if (!signers) continue;  // sealed meanwhile
    PublishedAuthority now = publishedOf(**signers);
    if (published_[number] == now) continue;
    if (auto kept = write(now); !kept) fault_ = std::move(kept).error();
    published_[number] = std::move(now);
  }
}

// The certificate last: with it the others count.
base::Result<void> StatusService::write(const PublishedAuthority& one) const {
  const std::string name = std::to_string(one.number);
  const auto keep = [&](const std::string& ending, base::BytesView content) {
    return base::writeFileDurably(directory_ / (name + ending), content, kMode);
  };
  if (!one.above.empty())
    if (auto kept = keep(".above.pem", base::asBytes(pemOf(one.above))); !kept) return kept;
  if (!one.newWithOld.empty())
    if (auto kept = keep(".links.pem", base::asBytes(pemOf({one.newWithOld, one.oldWithNew}))); !kept)
      return kept;
  return keep(".crt", one.certificate);
}

std::vector<base::Bytes> StatusService::authorities() const {
  const std::lock_guard lock(mutex_);
  std::vector<base::Bytes> all;
  for (auto at = published_.rbegin(); at != published_.rend(); ++at) all.push_back(at->second.certificate);
  return all;
}

std::vector<PublishedAuthority> StatusService::published() const {
  const std::lock_guard lock(mutex_);
  std::vector<PublishedAuthority> all;
  for (auto at = published_.rbegin(); at != published_.rend(); ++at) all.push_back(at->second);
  return all;
}

std::optional<PublishedAuthority> StatusService::published(std::int64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = published_.find(number);
  return found == published_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::shared_ptr<const PublishedList>> StatusService::fullLists() const {
  std::vector<std::shared_ptr<const PublishedList>> all;
  const std::lock_guard lock(mutex_);
  for (auto at = published_.rbegin(); at != published_.rend(); ++at)
    if (auto list = publisher_.full(at->first)) all.push_back(std::move(list));
  return all;
}

std::shared_ptr<const PublishedList> StatusService::full(std::int64_t number) const {
  if (number != 0) return publisher_.full(number);
  const std::lock_guard lock(mutex_);
  return published_.empty() ? nullptr : publisher_.full(published_.rbegin()->first);
}

std::shared_ptr<const PublishedList> StatusService::delta(std::int64_t number) const {
  if (number != 0) return publisher_.delta(number);
  const std::lock_guard lock(mutex_);
  return published_.empty() ? nullptr : publisher_.delta(published_.rbegin()->first);
}

std::optional<base::Error> StatusService::fault() const {
  if (auto fault = publisher_.fault()) return fault;
  if (auto fault = stock_.fault()) return fault;
  const std::lock_guard lock(mutex_);
  return fault_;
}

std::vector<base::Bytes> bundleOf(const std::vector<PublishedAuthority>& all) {
  std::vector<base::Bytes> out;
  for (const PublishedAuthority& one : all) {
    addOnce(out, one.certificate);
    for (const base::Bytes& above : one.above) addOnce(out, above);
  }
  return out;
}

std::vector<base::Bytes> newWithOld(const std::vector<PublishedAuthority>& all, base::Time now) {
  std::vector<base::Bytes> out;
  for (const PublishedAuthority& one : all) {
    if (out.size() == kGenerationsMost || one.newWithOld.empty() || hasEnded(one.newWithOld, now)) break;
    out.push_back(one.newWithOld);
  }
  return out;
}

std::vector<base::Bytes> bundleWithLinks(const std::vector<PublishedAuthority>& all, base::Time now) {
  std::vector<base::Bytes> out = bundleOf(all);
  for (std::size_t i = 0; i < std::min(all.size(), kGenerationsMost); ++i) {
    addOnce(out, all[i].newWithOld);
    addOnce(out, all[i].oldWithNew);
  }
  if (!out.empty())
    out.erase(std::remove_if(out.begin() + 1, out.end(),
                             [now](const base::Bytes& der) { return hasEnded(der, now); }),
              out.end());
  return out;
}

}  // namespace kms::pki
