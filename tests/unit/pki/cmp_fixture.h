// A server with an authority, its CMP, and users: all of it real but the clock.
#pragma once

#include "kms/pki/authority_make.h"
#include "kms/pki/cmp.h"
#include "tests/support/run.h"
#include "tests/unit/pki/cmp_http.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {

class CmpTest : public TokenTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A user with an enrol token, whose text this gives.
  std::string token(const std::string& user);
  base::Result<kms::pki::CmpAnswer> post(base::BytesView request);

  // `openssl ARGUMENT...`; "@" stands for the scratch directory.
  Ran openssl(const std::vector<std::string>& arguments) const;
  // `openssl cmp ARGUMENT...` against the server.
  Ran cmp(const std::vector<std::string>& arguments) const;
  // The same under a shared secret.
  Ran cmpAs(const std::string& user, const std::string& secret, const std::vector<std::string>& more) const;
  void newKey(const std::string& name, const std::string& kind = "EC") const;
  // Enrols and gives the certificate's state.
  void enrol(const std::string& user, const std::string& name, const std::string& secret) const;
  std::string file(const std::string& name) const { return (scratch / name).string(); }
  base::Bytes certificateIn(const std::string& name) const;
  std::vector<kms::pki::CertificateView> certificatesOf(const std::string& user) const;

  kms::pki::PkiPolicy pki;
  std::shared_ptr<kms::pki::Authority> authority;
  std::unique_ptr<kms::pki::CertificateService> certificates;
  std::unique_ptr<kms::pki::CmpBackend> backend;
  std::unique_ptr<kms::pki::CmpServer> server_;
  std::unique_ptr<CmpHttp> http;
  std::atomic<std::int64_t> delayed{0};  // seconds that the last answer was to be held back
  base::Bytes crl;
};

}  // namespace tests
