// CmpBackend: what the CMP server needs of the services. Its implementation for the real ones is made by
// makeCmpBackend.
#pragma once

#include <functional>
#include <memory>

#include "kms/pki/authority.h"
#include "kms/pki/certificate_service.h"

namespace kms::pki {

inline constexpr std::size_t kMostCrlByCmp = 4 * 1024 * 1024;  // bytes; longer ones are for HTTP

class CmpBackend {
 public:
  virtual ~CmpBackend() = default;

  // As CertificateService.
  virtual base::Result<SharedSecret> sharedSecret(const std::string& user) = 0;
  virtual void refuse(const std::string& user, std::function<void(std::chrono::seconds)> then) = 0;
  virtual std::chrono::seconds holdBack(const std::string& user) = 0;
  virtual void enrol(EnrolOrder order, Reply<IssuedCertificate> reply) = 0;
  virtual void renew(const Serial& old, CertificateRequest request, Confirm confirm,
                     Reply<IssuedCertificate> reply) = 0;
  virtual void confirm(const Serial& serial, base::BytesView certificateHash, bool accepted,
                       Reply<void> reply) = 0;
  // A certificate that a user may have signed with, and whose it is. Errors: Denied / CertificateRefused.
  virtual base::Result<CertificateView> authenticate(base::BytesView certificate) = 0;

  // By the user, for his own certificates. Errors: NotFound also for another's.
  virtual base::Result<CertificateView> show(const std::string& user, const Serial& serial) = 0;
  virtual base::Result<std::vector<CertificateView>> newest(const std::string& user, std::size_t limit) = 0;
  virtual void revoke(const std::string& user, const Serial& serial, RevocationReason reason,
                      Reply<CertificateView> reply) = 0;

  // Calls `use` with what the current authority signs with; it must be short and call nothing of the above.
  // Errors: those of `use`; Unavailable / Sealed; NotFound / NoAuthority.
  virtual base::Result<void> withSigners(const std::function<base::Result<void>(const Signers&)>& use) = 0;
  // The last full CRL, DER; empty: there is none yet, or it is longer than kMostCrlByCmp. Called inside
  // `use`.
  virtual base::Bytes crl() = 0;
};

// REQUIRES: all outlive it. `crl` may be called from several threads.
std::unique_ptr<CmpBackend> makeCmpBackend(CertificateService& certificates, Authority& authority,
                                           UserService& users, std::function<base::Bytes()> crl);

}  // namespace kms::pki
