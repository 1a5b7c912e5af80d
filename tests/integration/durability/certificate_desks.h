// The two ways to a certificate authority: over HTTP to a running kmsd, and to the services of this process.
#pragma once

#include "tests/integration/durability/certificate_ledger.h"
#include "tests/integration/durability/http_desk.h"
#include "tests/unit/pki/service_fixture.h"

namespace tests {

// The administrator over the Unix socket, holders over TLS. Keys are PEM.
class CertificateHttpDesk final : public CertificateDesk {
 public:
  // `authority`: PEM, of the server's TLS certificate. `folder`: for a holder's certificate and key.
  CertificateHttpDesk(const std::filesystem::path& socket, std::uint16_t port,
                      std::filesystem::path authority, std::filesystem::path folder)
      : admin_(socket), port_(port), authority_(std::move(authority)), folder_(std::move(folder)) {}

  base::Result<void> addUser(const std::string& name) override { return admin_.addUser(name); }
  base::Result<Issued> issue(const std::string& user) override;
  base::Result<Issued> enrol(const std::string& user, bool implicit) override;
  base::Result<void> confirm(const Issued& issued) override;
  base::Result<Issued> renew(const Issued& old) override;
  base::Result<void> revoke(const kms::pki::Serial& serial, kms::pki::RevocationReason reason) override;
  base::Result<Seen> show(const kms::pki::Serial& serial) override;

 private:
  HttpDesk admin_;
  std::uint16_t port_;
  std::filesystem::path authority_;
  std::filesystem::path folder_;
  boost::json::object pending_;  // user and token of the last enrolment, for its confirmation
};

// Keys are of no use: who holds one is not asked.
class CertificateLocalDesk final : public CertificateDesk {
 public:
  CertificateLocalDesk(kms::pki::CertificateService& certificates, kms::TokenService& tokens,
                       kms::UserService& users)
      : certificates_(certificates), tokens_(tokens), users_(users) {}

  base::Result<void> addUser(const std::string& name) override;
  base::Result<Issued> issue(const std::string& user) override;
  base::Result<Issued> enrol(const std::string& user, bool implicit) override;
  base::Result<void> confirm(const Issued& issued) override;
  base::Result<Issued> renew(const Issued& old) override;
  base::Result<void> revoke(const kms::pki::Serial& serial, kms::pki::RevocationReason reason) override;
  base::Result<Seen> show(const kms::pki::Serial& serial) override;

 private:
  kms::pki::CertificateService& certificates_;
  kms::TokenService& tokens_;
  kms::UserService& users_;
  const kms::Actor admin_{"uid 0", kms::Role::Admin, std::nullopt};
};

}  // namespace tests
