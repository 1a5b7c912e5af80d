// A server with a certificate authority: what TokenTest has, and the service for certificates.
#pragma once

#include "kms/pki/authority_make.h"
#include "kms/pki/certificate_service.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {

namespace pki = kms::pki;

// Writes down what it hears.
class Listening final : public pki::RevocationListener {
 public:
  void changed(const pki::RevocationChange& change) noexcept override {
    const std::lock_guard lock(mutex_);
    changes_.push_back(change);
  }
  std::vector<pki::RevocationChange> changes() const {
    const std::lock_guard lock(mutex_);
    return changes_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<pki::RevocationChange> changes_;
};

class ServiceTest : public TokenTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  // The services over another store than `store`, such as one that fails.
  void serveOver(kms::Store& over);
  // Everything ends and starts again on the same file.
  void restartAll();
  void makeAuthority();

  static pki::PrivateKey newKey(pki::KeyKind kind = pki::KeyKind::EcdsaP256);
  static pki::CertificateRequest requestFor(const pki::PrivateKey& own) { return {own.publicKey(), {}}; }

  std::string enrolToken(const std::string& user, kms::TokenKind kind = kms::TokenKind::Enrol);
  base::Result<pki::IssuedCertificate> enrol(const std::string& user, const std::string& token,
                                             const pki::PrivateKey& own,
                                             pki::Confirm confirm = pki::Confirm::Explicit);
  base::Result<pki::IssuedCertificate> enrol(pki::EnrolOrder order);
  base::Result<void> confirm(const pki::IssuedCertificate& certificate, bool accepted = true);
  // An active signing certificate of `user`, who is there.
  pki::IssuedCertificate enrolled(const std::string& user, const pki::PrivateKey& own);
  base::Result<pki::IssuedCertificate> issue(const kms::Actor& by, const std::string& user,
                                             pki::Profile profile, const pki::PrivateKey& own);
  base::Result<pki::IssuedCertificate> renew(const pki::Serial& old, const pki::PrivateKey& own,
                                             pki::Confirm confirm = pki::Confirm::Implicit);
  base::Result<pki::CertificateView> revoke(const kms::Actor& by, const pki::Serial& serial,
                                            pki::RevocationReason reason = pki::RevocationReason::Superseded);
  base::Result<pki::KeyPair> encryptionPair(const pki::Serial& holder);
  base::Result<kms::Page<pki::KeyPair>> recover(const pki::Serial& holder, const std::string& after = {},
                                                std::size_t limit = 0);
  void tidyCertificates();

  pki::CertificateState state(const pki::Serial& serial);
  bool authenticates(const pki::IssuedCertificate& certificate);
  kms::Actor actorOf(const std::string& user, kms::Role role = kms::Role::User);
  std::vector<pki::RevocationRow> revocations();
  std::size_t rowsIn(kms::Table table);

  pki::PkiPolicy pkiPolicy;
  std::shared_ptr<pki::Authority> authority;
  std::shared_ptr<Listening> listening = std::make_shared<Listening>();
  std::unique_ptr<pki::CertificateService> service;
};

}  // namespace tests
