#include "kms/pki/signer.h"

#include "tests/unit/pki/tools.h"

namespace tests {
namespace {

using namespace kms::pki;

const Addresses kWhere{{"http://ca.example.org/crl.der", "http://b.example.org/crl.der"},
                       "http://ca.example.org/ocsp",
                       "http://ca.example.org/ca.crt"};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

class SignerTest : public Tools {
 protected:
  std::string text(const std::string& name) {
    return openssl({"x509", "-in", name, "-noout", "-text", "-nameopt", "RFC2253"});
  }
  void verify(const std::string& purpose, const std::vector<std::string>& more = {}) {
    std::vector<std::string> command{"verify", "-x509_strict", "-check_ss_sig", "-purpose",
                                     purpose,  "-CAfile",      "@ca.pem"};
    command.insert(command.end(), more.begin(), more.end());
    command.push_back("@leaf.pem");
    EXPECT_TRUE(has(openssl(command), "leaf.pem: OK")) << purpose;
  }
  bool verifies(const std::string& purpose) {
    return tryOpenssl({"verify", "-x509_strict", "-purpose", purpose, "-CAfile", "@ca.pem", "@leaf.pem"})
               .exit == 0;
  }
  base::Bytes sign(const Issuer& issuer, const CertificateOrder& order) {
    auto der = signCertificate(issuer, order, kWhere);
    EXPECT_TRUE(der) << errorOf(der);
    if (!der) return {};
    putCertificate("ca.pem", issuer.certificate.der);
    putCertificate("leaf.pem", *der);
    return *std::move(der);
  }
};

class AuthorityTest : public SignerTest, public ::testing::WithParamInterface<KeyKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, AuthorityTest,
                         ::testing::Values(KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa3072,
                                           KeyKind::Ed25519),
                         kindOf);

// The purposes of openssl verify that a certificate of each profile has, and some that it must not have.
struct Expectation {
  Profile profile;
  std::vector<std::string> good;
  std::vector<std::string> bad;
};
const Expectation kExpectations[] = {
    {Profile::Signing, {"smimesign", "sslclient"}, {"smimeencrypt", "sslserver", "crlsign", "timestampsign"}},
    {Profile::Client, {"sslclient"}, {"sslserver", "smimesign"}},
    {Profile::Server, {"sslserver"}, {"sslclient", "smimesign"}},
    {Profile::Ocsp, {"any"}, {"sslclient", "sslserver", "smimesign"}},
    {Profile::Cmp, {"any"}, {"sslclient", "sslserver", "smimesign"}}};

TEST_P(AuthorityTest, EveryProfileVerifies) {
  const Issuer issuer = makeAuthority(GetParam());
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  for (const Expectation& expected : kExpectations) {
    sign(issuer, orderFor(key->publicKey(), expected.profile));
    for (const auto& purpose : expected.good) verify(purpose);
    for (const auto& purpose : expected.bad) EXPECT_FALSE(verifies(purpose)) << purpose;
    const auto ran = tryCerttool({"--verify", "--load-ca-certificate", "@ca.pem", "--infile", "@leaf.pem"});
    EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
    EXPECT_TRUE(has(ran.out, "The certificate is trusted")) << ran.out;
  }
}

TEST_P(AuthorityTest, SignsItselfAsRfc5280Says) {
  const Issuer issuer = makeAuthority(GetParam());
  putCertificate("ca.pem", issuer.certificate.der);
  putCertificate("leaf.pem", issuer.certificate.der);
  verify("crlsign");
  EXPECT_TRUE(issuer.certificate.authority);
  EXPECT_EQ(issuer.certificate.subject, issuer.certificate.issuer);
  EXPECT_EQ(issuer.certificate.notAfter - issuer.certificate.notBefore, row(Profile::Authority).life);
  EXPECT_EQ(base::toHex(issuer.certificate.keyIdentifier), base::toHex(issuer.key.publicKey().identifier()));
  const auto shown = text("@ca.pem");
  EXPECT_TRUE(has(shown, "Version: 3"));
  EXPECT_TRUE(has(shown, "Subject: CN=Test authority,O=Acme"));
  EXPECT_TRUE(has(shown, "Basic Constraints: critical\n                CA:TRUE, pathlen:0"));
  EXPECT_TRUE(
      has(shown, "Key Usage: critical\n                Digital Signature, Certificate Sign, CRL Sign"));
  EXPECT_TRUE(has(certtool({"--verify", "--load-ca-certificate", "@ca.pem", "--infile", "@ca.pem"}),
                  "The certificate is trusted"));
}

TEST_P(AuthorityTest, EncryptionFollowsTheKey) {
  const Issuer issuer = makeAuthority(GetParam());
  const auto rsa = PrivateKey::generate(KeyKind::Rsa2048);
  sign(issuer, orderFor(rsa->publicKey(), Profile::Encryption));
  verify("smimeencrypt");
  EXPECT_FALSE(verifies("smimesign"));
  EXPECT_TRUE(has(text("@leaf.pem"), "Key Usage: critical\n                Key Encipherment\n"));
  const auto ec = PrivateKey::generate(KeyKind::EcdsaP256);
  sign(issuer, orderFor(ec->publicKey(), Profile::Encryption));
  EXPECT_TRUE(has(text("@leaf.pem"), "Key Usage: critical\n                Key Agreement\n"));
  verify("any");
  const auto edwards = PrivateKey::generate(KeyKind::Ed25519);
  const auto refused = signCertificate(issuer, orderFor(edwards->publicKey(), Profile::Encryption), kWhere);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::Invalid);
}

TEST_F(SignerTest, ExtensionsAreThoseOfTheTable) {
  const Issuer issuer = makeAuthority();
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  const auto order = orderFor(key->publicKey(), Profile::Signing);
  const auto der = sign(issuer, order);
  const auto shown = text("@leaf.pem");
  EXPECT_TRUE(has(shown, "Subject: CN=Alice Smith,O=Acme\n"));
  EXPECT_TRUE(has(shown, "Issuer: CN=Test authority,O=Acme\n"));
  EXPECT_TRUE(has(shown, "Basic Constraints: critical\n                CA:FALSE"));
  EXPECT_TRUE(has(shown, "Key Usage: critical\n                Digital Signature, Non Repudiation\n"));
  EXPECT_TRUE(has(shown, "TLS Web Client Authentication, E-mail Protection"));
  EXPECT_TRUE(has(shown, "email:alice@example.org\n"));
  EXPECT_TRUE(has(shown, "URI:http://ca.example.org/crl.der"));
  EXPECT_TRUE(has(shown, "URI:http://b.example.org/crl.der"));
  EXPECT_TRUE(has(shown, "OCSP - URI:http://ca.example.org/ocsp"));
  EXPECT_TRUE(has(shown, "CA Issuers - URI:http://ca.example.org/ca.crt"));
  EXPECT_TRUE(has(shown, "X509v3 Authority Key Identifier"));
  EXPECT_TRUE(has(openssl({"asn1parse", "-in", "@leaf.pem"}), "UTF8STRING        :Alice Smith"));

  const auto read = parseCertificate(der);
  ASSERT_TRUE(read) << errorOf(read);
  EXPECT_EQ(read->ourSerial(), order.serial);
  EXPECT_EQ(read->notBefore, order.notBefore);
  EXPECT_EQ(read->notAfter, order.notAfter);
  EXPECT_EQ(read->key, key->publicKey().hash());
  EXPECT_EQ(read->issuer, issuer.certificate.subject);
  EXPECT_FALSE(read->authority);
}

TEST_F(SignerTest, ServersCarryTheirNamesAndOcspIsNotAskedAbout) {
  const Issuer issuer = makeAuthority();
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  auto server = orderFor(key->publicKey(), Profile::Server);
  server.subject.dns = {"kms.example.org", "*.example.org"};
  server.subject.addresses = {"127.0.0.1", "2001:db8::1"};
  sign(issuer, server);
  const auto shown = text("@leaf.pem");
  EXPECT_TRUE(
      has(shown, "DNS:kms.example.org, DNS:*.example.org, IP Address:127.0.0.1, IP Address:2001:DB8:"));
  EXPECT_FALSE(has(shown, "email:"));
  verify("sslserver", {"-verify_hostname", "kms.example.org"});
  verify("sslserver", {"-verify_ip", "127.0.0.1"});
  server.subject.dns.clear();
  server.subject.addresses.clear();
  EXPECT_FALSE(signCertificate(issuer, server, kWhere));

  sign(issuer, orderFor(key->publicKey(), Profile::Ocsp));
  const auto ocsp = text("@leaf.pem");
  EXPECT_TRUE(has(ocsp, "OCSP No Check"));
  EXPECT_TRUE(has(ocsp, "OCSP Signing"));
  EXPECT_FALSE(has(ocsp, "CRL Distribution Points"));
  sign(issuer, orderFor(key->publicKey(), Profile::Cmp));
  EXPECT_TRUE(has(text("@leaf.pem"), "CMC Registration Authority"));
}

TEST_F(SignerTest, NoAddressesNoExtensions) {
  const Issuer issuer = makeAuthority();
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  const auto der = signCertificate(issuer, orderFor(key->publicKey(), Profile::Client), {});
  ASSERT_TRUE(der);
  putCertificate("leaf.pem", *der);
  const auto shown = text("@leaf.pem");
  EXPECT_FALSE(has(shown, "CRL Distribution"));
  EXPECT_FALSE(has(shown, "Authority Information"));
}

TEST_F(SignerTest, TimesAreCutAndTurnAt2050) {
  Issuer issuer = makeAuthority();
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  auto order = orderFor(key->publicKey(), Profile::Client);
  order.notAfter = issuer.certificate.notAfter + std::chrono::hours(1);
  const auto cut = parseCertificate(sign(issuer, order));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->notAfter, issuer.certificate.notAfter);
  order.notBefore = issuer.certificate.notAfter;
  EXPECT_NE(errorOf(signCertificate(issuer, order, kWhere)).find("ended"), std::string::npos);
  order.notBefore = order.notAfter = now();
  EXPECT_EQ(signCertificate(issuer, order, kWhere).error().code, base::Code::Invalid);

  const auto long_ = signAuthority(issuer.key, {"Test authority", "", "", {}}, newSerial(base::systemRng()),
                                   now(), std::chrono::hours(24 * 365 * 40));
  ASSERT_TRUE(long_) << errorOf(long_);
  putCertificate("ca.pem", *long_);
  EXPECT_TRUE(has(openssl({"asn1parse", "-in", "@ca.pem"}), "GENERALIZEDTIME"));
  putCertificate("leaf.pem", *long_);
  verify("any");
  EXPECT_FALSE(signAuthority(issuer.key, {"Test authority", "", "", {}}, newSerial(base::systemRng()), now(),
                             std::chrono::hours(24 * 365 * 9000L)));
}

TEST_F(SignerTest, BadOrdersAreRefused) {
  Issuer issuer = makeAuthority();
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  auto order = orderFor(key->publicKey(), Profile::Client);
  order.subject.commonName = std::string(65, 'x');
  EXPECT_EQ(signCertificate(issuer, order, kWhere).error().code, base::Code::Invalid);
  order = orderFor(key->publicKey(), Profile::Client);
  order.serial[0] = std::byte{0x80};
  EXPECT_EQ(signCertificate(issuer, order, kWhere).error().code, base::Code::Internal);
  order = orderFor(key->publicKey(), Profile::Client);
  order.key = nullptr;
  EXPECT_EQ(signCertificate(issuer, order, kWhere).error().code, base::Code::Internal);
  order = orderFor(key->publicKey(), Profile::Client);
  issuer.certificate.key[0] ^= std::byte{1};
  EXPECT_EQ(signCertificate(issuer, order, kWhere).error().code, base::Code::Internal);
}

// Another authority, of openssl's, signs ours; ours signs a user.
TEST_P(AuthorityTest, CanStandBelowAnother) {
  auto key = PrivateKey::generate(GetParam());
  const auto request = requestAuthority(*key, {"Test authority", "Acme", "", {}});
  ASSERT_TRUE(request) << errorOf(request);
  put("request.pem", pem("CERTIFICATE REQUEST", *request));
  EXPECT_EQ(tryOpenssl({"req", "-in", "@request.pem", "-verify", "-noout"}).exit, 0);
  openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "@root.key", "-subj", "/CN=Root",
           "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", "@root.pem"});
  openssl({"x509", "-req", "-in", "@request.pem", "-CA", "@root.pem", "-CAkey", "@root.key", "-days", "100",
           "-copy_extensions", "copy", "-out", "@sub.pem"});
  auto certificates = parsePemCertificates(getText("sub.pem"));
  ASSERT_TRUE(certificates) << errorOf(certificates);
  const Issuer issuer{certificates->front(), *std::move(key)};
  EXPECT_TRUE(issuer.certificate.authority);
  const auto user = PrivateKey::generate(KeyKind::EcdsaP256);
  sign(issuer, orderFor(user->publicKey(), Profile::Signing));
  EXPECT_TRUE(has(openssl({"verify", "-x509_strict", "-purpose", "smimesign", "-CAfile", "@root.pem",
                           "-untrusted", "@sub.pem", "@leaf.pem"}),
                  "OK"));
  EXPECT_NE(tryOpenssl({"verify", "-x509_strict", "-CAfile", "@root.pem", "@leaf.pem"}).exit, 0);
}

// A new key of the same authority, certified by the old one: programs that know only the old one follow.
TEST_F(SignerTest, ANewKeyIsCertifiedByTheOld) {
  const Issuer old = makeAuthority();
  Issuer fresh = makeAuthority(KeyKind::EcdsaP384);
  auto order = orderFor(fresh.key.publicKey(), Profile::Authority);
  order.subject = {"Test authority", "Acme", "", {}};
  const auto link = sign(old, order);
  verify("crlsign");
  putCertificate("link.pem", link);
  const auto user = PrivateKey::generate(KeyKind::EcdsaP256);
  sign(fresh, orderFor(user->publicKey(), Profile::Signing));
  putCertificate("old.pem", old.certificate.der);
  EXPECT_TRUE(has(openssl({"verify", "-x509_strict", "-purpose", "smimesign", "-CAfile", "@old.pem",
                           "-untrusted", "@link.pem", "@leaf.pem"}),
                  "OK"));
  EXPECT_NE(tryOpenssl({"verify", "-x509_strict", "-CAfile", "@old.pem", "@leaf.pem"}).exit, 0);
}

}  // namespace
}  // namespace tests
