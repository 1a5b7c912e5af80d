// PkiServices: the certificate authority over the services, with what it tells the world.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "kms/pki/authority_change.h"
#include "kms/pki/certificate_service.h"
#include "kms/pki/cmp.h"
#include "kms/pki/server_certificate.h"
#include "kms/pki/status_service.h"
#include "kms/pki/user_move.h"

namespace kmsd {

struct PkiOptions {
  kms::pki::PkiPolicy policy;
  kms::pki::Addresses addresses;  // what certificates say
  std::string organisation;
  std::filesystem::path directory;  // of what is published
};

class PkiServices {
 public:
  // `store`: what the services write to. REQUIRES: all outlive it; the vault is sealed. Errors: Unavailable
  // (no locked memory).
  static base::Result<std::unique_ptr<PkiServices>> create(kms::Vault& vault, kms::Store& store,
                                                           kms::UserService& users, kms::TokenService& tokens,
                                                           const base::Clock& clock, base::Rng& rng,
                                                           const kms::Policy& policy, PkiOptions options);
  PkiServices(const PkiServices&) = delete;
  PkiServices& operator=(const PkiServices&) = delete;

  kms::pki::CertificateService& certificates() noexcept { return *certificates_; }
  kms::pki::UserMove& move() noexcept { return *move_; }
  kms::pki::StatusService& status() noexcept { return *status_; }
  kms::pki::CmpServer& cmp() noexcept { return *cmp_; }
  // What https shows where it has no files for that.
  kms::pki::ServerCertificate& serverCertificate() noexcept { return *shown_; }
  // As CMP sees the services: who shows a certificate, and what is a user's own.
  kms::pki::CmpBackend& desk() noexcept { return *desk_; }

  // SHA-256 of the current authority's certificate; nothing where there is none, or the vault is sealed.
  std::optional<base::Bytes> fingerprint() const;
  // When the current authority's certificate ends, also while sealed; nothing where there is none.
  std::optional<base::Time> authorityEnd() const;
  // Makes the first authority of the server; takes seconds with RSA. Empty: named as the plan has it. Errors:
  // as kms::pki::createAuthority.
  base::Result<void> init(kms::pki::KeyKind key, const std::string& name, const kms::Actor& by);

  // A key for which another authority makes the certificate, and that certificate. Errors: as
  // kms::pki::requestSubordinate, pendingRequest and installSubordinate.
  base::Result<base::Bytes> request(kms::pki::KeyKind key, const std::string& name, bool replace,
                                    const kms::Actor& by);
  base::Result<base::Bytes> requested(const kms::Actor& by);
  base::Result<void> install(const std::vector<kms::pki::Certificate>& chain, const kms::Actor& by);
  // A new key in the place of a current authority that signed itself; none: of the same kind. Errors: as
  // kms::pki::rolloverAuthority.
  base::Result<void> rollover(std::optional<kms::pki::KeyKind> key, const kms::Actor& by);

 private:
  PkiServices(kms::Vault& vault, kms::Store& store, kms::ApprovalService& approvals, const base::Clock& clock,
              base::Rng& rng, const kms::Policy& policy, PkiOptions options);

  kms::pki::AuthorityTools tools() noexcept;
  kms::pki::AuthorityPlan plan(const std::string& name) const;

  kms::Vault& vault_;
  kms::Store& store_;
  kms::ApprovalService& approvals_;
  const base::Clock& clock_;
  base::Rng& rng_;
  const kms::Policy& policy_;
  const PkiOptions options_;
  std::shared_ptr<kms::pki::Authority> authority_ = std::make_shared<kms::pki::Authority>();
  std::shared_ptr<kms::pki::ServerCertificate> shown_;
  std::unique_ptr<kms::pki::CertificateService> certificates_;
  std::unique_ptr<kms::pki::UserMove> move_;
  std::shared_ptr<kms::pki::StatusService> status_;
  std::unique_ptr<kms::pki::CmpBackend> desk_;
  std::unique_ptr<kms::pki::CmpServer> cmp_;
};

}  // namespace kmsd
