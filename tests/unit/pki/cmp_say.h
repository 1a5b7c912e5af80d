// A server's CMP, and a client that says to it what no good one would: alice, with a pending token.
#pragma once

#include "tests/unit/pki/cmp_fixture.h"
#include "tests/unit/pki/cmp_wire.h"

namespace tests {

inline constexpr auto failure(kms::pki::CmpFailure bit) { return std::optional(static_cast<unsigned>(bit)); }

class CmpWire : public CmpTest {
 protected:
  void SetUp() override {
    CmpTest::SetUp();
    secret = token("alice");
  }
  static kms::pki::PrivateKey newKey(kms::pki::KeyKind kind = kms::pki::KeyKind::EcdsaP256) {
    auto own = kms::pki::PrivateKey::generate(kind);
    EXPECT_OK(own);
    return *std::move(own);
  }
  Heard say(const Wire& wire) {
    auto answered = post(messageOf(wire));
    EXPECT_OK(answered);
    return hear(answered ? std::move(answered->message) : base::Bytes{});
  }
  Wire asAlice(CmpBody type, base::Bytes content) const {
    Wire wire;
    wire.type = type;
    wire.content = std::move(content);
    wire.user = "alice";
    wire.secret = secret;
    wire.time = clock.now();
    return wire;
  }
  Wire asHolder(CmpBody type, base::Bytes content, const kms::pki::PrivateKey& own,
                base::Bytes certificate) const {
    Wire wire;
    wire.type = type;
    wire.content = std::move(content);
    wire.time = clock.now();
    wire.key = &own;
    wire.certificate = std::move(certificate);
    return wire;
  }
  // An active certificate of alice for this key.
  base::Bytes enrolled(const kms::pki::PrivateKey& own) {
    auto heard = say(asAlice(CmpBody::Ir, crmfOf(own, "alice")));
    EXPECT_FALSE(heard.certificate.empty());
    auto conf = asAlice(CmpBody::CertConf, certConfOf(hashOf(heard.certificate)));
    conf.recipNonce = nonceOf(heard);
    EXPECT_EQ(say(conf).message.type, CmpBody::PkiConf);
    return heard.certificate;
  }
  static base::Bytes nonceOf(const Heard& heard) {
    return {heard.message.senderNonce.begin(), heard.message.senderNonce.end()};
  }
  static base::Bytes hashOf(base::BytesView certificate) {
    return *kms::pki::digestOf(kms::pki::confirmationDigest(certificate), certificate);
  }

  std::string secret;
};

}  // namespace tests
