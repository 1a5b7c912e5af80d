#include "kms/pki/digest.h"
#include "tests/integration/durability/certificate_desks.h"

namespace tests {
namespace {

using base::Result;
using Issued = CertificateDesk::Issued;
using Status = CertificateDesk::Status;

Result<pki::CertificateRequest> newRequest() {
  auto key = pki::PrivateKey::generate(pki::KeyKind::EcdsaP256);
  if (!key) return std::move(key).error();
  return pki::CertificateRequest{.key = key->publicKey(), .subject = {}};
}

Result<Issued> issuedOf(Result<pki::IssuedCertificate> issued) {
  if (!issued) return std::move(issued).error();
  return Issued{issued->serial, std::move(issued->certificate), {}};
}

}  // namespace

Result<void> CertificateLocalDesk::addUser(const std::string& name) {
  auto user = await<kms::User>([&](auto reply) { users_.add(admin_, name, {}, reply); });
  if (!user) return std::move(user).error();
  return {};
}

Result<Issued> CertificateLocalDesk::issue(const std::string& user) {
  auto request = newRequest();
  if (!request) return std::move(request).error();
  return issuedOf(await<pki::IssuedCertificate>([&](auto reply) {
    certificates_.issue(admin_, user, pki::Profile::Client, *std::move(request), reply);
  }));
}

Result<Issued> CertificateLocalDesk::enrol(const std::string& user, bool implicit) {
  auto request = newRequest();
  if (!request) return std::move(request).error();
  auto token = await<kms::IssuedToken>([&](auto reply) {
    tokens_.issue(admin_, kms::IssueRequest{.user = user, .kind = kms::TokenKind::Enrol}, reply);
  });
  if (!token) return std::move(token).error();
  pki::EnrolOrder order{.user = user,
                        .token = std::move(token->token),
                        .request = *std::move(request),
                        .confirm = implicit ? pki::Confirm::Implicit : pki::Confirm::Explicit};
  return issuedOf(
      await<pki::IssuedCertificate>([&](auto reply) { certificates_.enrol(std::move(order), reply); }));
}

Result<void> CertificateLocalDesk::confirm(const Issued& issued) {
  const auto hash = pki::sha256(issued.der);
  return await<void>([&](auto reply) { certificates_.confirm(issued.serial, hash, true, reply); });
}

Result<Issued> CertificateLocalDesk::renew(const Issued& old) {
  auto request = newRequest();
  if (!request) return std::move(request).error();
  return issuedOf(await<pki::IssuedCertificate>([&](auto reply) {
    certificates_.renew(old.serial, *std::move(request), pki::Confirm::Implicit, reply);
  }));
}

Result<void> CertificateLocalDesk::revoke(const pki::Serial& serial, pki::RevocationReason reason) {
  auto view =
      await<pki::CertificateView>([&](auto reply) { certificates_.revoke(admin_, serial, reason, reply); });
  if (!view) return std::move(view).error();
  return {};
}

Result<CertificateDesk::Seen> CertificateLocalDesk::show(const pki::Serial& serial) {
  auto view = certificates_.show(admin_, serial);
  if (!view) return std::move(view).error();
  Status status = Status::Active;
  if (view->state == pki::CertificateState::Unconfirmed) status = Status::Unconfirmed;
  if (view->state == pki::CertificateState::Held) status = Status::Held;
  if (view->state == pki::CertificateState::Revoked) status = Status::Revoked;
  return Seen{status, std::move(view->certificate)};
}

}  // namespace tests
