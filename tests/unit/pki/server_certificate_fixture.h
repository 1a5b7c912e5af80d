// A server whose https shows a certificate of its own authority.
#pragma once

#include "kms/pki/server_certificate.h"
#include "tests/unit/pki/service_fixture.h"

namespace tests {

class ServerCertificateTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    attachOwn();
  }
  void TearDown() override {
    own.reset();
    ServiceTest::TearDown();
  }
  // The vault tells of openings and sealings only who came while it was sealed.
  void attachOwn() {
    vault->seal();
    own = std::make_shared<pki::ServerCertificate>(*vault, *store, *authority, clock, base::systemRng(),
                                                   policy, pki::Addresses{}, "Acme");
    vault->attach(own);
    unseal();
  }
  // Whether one was made.
  bool made(const std::vector<std::string>& wanted) {
    const auto done = own->keep(wanted);
    EXPECT_OK(done);
    return done && *done;
  }
  pki::Serial serial() {
    const auto hold = own->hold();
    EXPECT_TRUE(hold);
    return hold ? (*hold)->own.certificate.ourSerial().value_or(pki::Serial()) : pki::Serial();
  }

  const std::vector<std::string> names{"kms.example.org", "127.0.0.1", "::1"};
  std::shared_ptr<pki::ServerCertificate> own;
};

}  // namespace tests
