// A server with an authority that gets another one, and a parent authority that openssl plays.
#pragma once

#include "kms/pki/authority_change.h"
#include "tests/support/run.h"
#include "tests/unit/pki/service_fixture.h"

namespace tests {

class ChangeTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    ASSERT_OK(addUser("alice"));
  }

  pki::AuthorityTools tools() {
    return {*vault, *store, *authority, clock, policy, base::systemRng(), tokens->approvals()};
  }
  static pki::AuthorityPlan plan() {
    pki::AuthorityPlan out;
    out.organisation = "Acme";
    out.commonName = "Acme Users CA";
    return out;
  }
  base::Result<base::Bytes> request(bool replace = false) {
    return pki::requestSubordinate(tools(), plan(), replace, admin);
  }
  base::Result<std::int64_t> install(const std::string& pem) {
    const auto chain = pki::parsePemCertificates(pem);
    EXPECT_OK(chain);
    return pki::installSubordinate(tools(), *chain, plan(), admin);
  }
  base::Result<std::int64_t> rollover(std::optional<pki::KeyKind> kind = std::nullopt) {
    return pki::rolloverAuthority(tools(), kind, plan(), admin);
  }

  std::string file(const std::string& name) const { return (scratch / name).string(); }
  void put(const std::string& name, std::string_view text) const;
  void putPem(const std::string& name, const base::Bytes& der) const {
    put(name, pki::pem("CERTIFICATE", der));
  }
  std::string get(const std::string& name) const;
  Ran tryOpenssl(std::vector<std::string> arguments) const;
  void openssl(std::vector<std::string> arguments) const;
  // NAME.key and NAME.crt, self-signed, with these extensions (a section below).
  void parent(const std::string& name, const std::string& section = "root") const;
  // The request, signed by `name` with these extensions: PEM, alone.
  std::string sign(const base::Bytes& csr, const std::string& name = "root",
                   const std::string& section = "sub", const std::string& subject = {},
                   const std::string& days = "3000") const;
  // `openssl verify` at the test's time.
  Ran verify(const std::string& trusted, const std::string& untrusted, const std::string& leaf) const;

  // What may be seen of one authority, without a hold on it.
  struct Seen {
    struct One {
      pki::Certificate certificate;
      pki::KeyKind kind{};
    };
    One authority;
    One ocsp;
    One cmp;
    std::vector<base::Bytes> chain;
    base::Bytes newWithOld;
    base::Bytes oldWithNew;
  };
  Seen signers(std::int64_t number);
};

}  // namespace tests
