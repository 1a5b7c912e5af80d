#include "kms/pki/bundle.h"

#include "tests/unit/pki/tools.h"

namespace tests {
namespace {

using namespace kms::pki;

class BundleTest : public Tools {
 protected:
  struct Holder {
    base::SecretBuffer key;
    base::Bytes certificate;
    PublicKey publicKey;
  };
  Holder make(KeyKind kind, Profile profile = Profile::Client) {
    const auto key = PrivateKey::generate(kind);
    auto certificate = signCertificate(issuer_, orderFor(key->publicKey(), profile), {});
    EXPECT_TRUE(certificate) << errorOf(certificate);
    return {*key->encode(), *std::move(certificate), key->publicKey()};
  }
  std::vector<base::Bytes> chain() const { return {issuer_.certificate.der}; }
  Issuer issuer_ = makeAuthority();
};

TEST_F(BundleTest, OpensslReadsKeysNamesAndChain) {
  const auto signing = make(KeyKind::EcdsaP256);
  const auto older = make(KeyKind::Rsa2048, Profile::Encryption);
  const std::string password = "p\u00E4ssw\u00F6rt \U0001F511";
  const auto bundle = makeBundle({{signing.key.bytes(), signing.certificate, "Alice \u00E4"},
                                  {older.key.bytes(), older.certificate, "Alice 2024"}},
                                 chain(), password);
  ASSERT_TRUE(bundle) << errorOf(bundle);
  put("bundle.p12", bundle->bytes());
  put("password", password);
  const std::vector<std::string> read{"pkcs12", "-in", "@bundle.p12", "-passin", "pass:" + password};
  auto keys = read;
  keys.insert(keys.end(), {"-nocerts", "-nodes", "-out", "@keys.pem"});
  openssl(keys);
  const std::string text = getText("keys.pem");
  EXPECT_NE(text.find("friendlyName: Alice \xE4\n"), std::string::npos) << text;  // shown as Latin-1
  EXPECT_NE(text.find("friendlyName: Alice 2024"), std::string::npos);
  EXPECT_NE(text.find(pem("PRIVATE KEY", signing.key.bytes())), std::string::npos);
  EXPECT_NE(text.find(pem("PRIVATE KEY", older.key.bytes())), std::string::npos);
  auto certificates = read;
  certificates.insert(certificates.end(), {"-nokeys", "-out", "@certificates.pem"});
  openssl(certificates);
  const auto found = parsePemCertificates(getText("certificates.pem"));
  ASSERT_TRUE(found) << errorOf(found);
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ((*found)[0].der, signing.certificate);
  EXPECT_EQ((*found)[1].der, older.certificate);
  EXPECT_EQ((*found)[2].der, issuer_.certificate.der);
  auto info = read;
  info.insert(info.end(), {"-info", "-noout"});
  const auto told = tryOpenssl(info);
  EXPECT_NE(told.err.find("MAC: sha256"), std::string::npos) << told.err;
  EXPECT_NE(told.err.find("PBES2, PBKDF2, AES-256-CBC"), std::string::npos) << told.err;
}

TEST_F(BundleTest, CerttoolReadsEveryKind) {
  for (const KeyKind kind : {KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa2048, KeyKind::Ed25519}) {
    const auto holder = make(kind);
    const auto bundle =
        makeBundle({{holder.key.bytes(), holder.certificate, "Alice"}}, chain(), "a password");
    ASSERT_TRUE(bundle) << errorOf(bundle);
    put("bundle.p12", bundle->bytes());
    const auto ran =
        tryCerttool({"--p12-info", "--inder", "--infile", "@bundle.p12", "--password", "a password"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    const auto all = ran.out + ran.err;
    const std::size_t begin = all.find("-----BEGIN ENCRYPTED PRIVATE KEY-----");
    ASSERT_NE(begin, std::string::npos) << all;
    put("key.pem", all.substr(begin));
    // Its number of a key is the SHA-256 of the SubjectPublicKeyInfo.
    const auto told = certtool({"--pubkey-info", "--load-privkey", "@key.pem", "--password", "a password"});
    EXPECT_NE(told.find("sha256:" + base::toHex(holder.publicKey.hash())), std::string::npos) << told;
    EXPECT_NE(all.find("Alice"), std::string::npos) << all;
    EXPECT_NE(all.find(pem("CERTIFICATE", holder.certificate)), std::string::npos) << all;
  }
}

TEST_F(BundleTest, AWrongPasswordOpensNothing) {
  const auto holder = make(KeyKind::EcdsaP256);
  const auto bundle = makeBundle({{holder.key.bytes(), holder.certificate, ""}}, {}, "right");
  ASSERT_TRUE(bundle) << errorOf(bundle);
  put("bundle.p12", bundle->bytes());
  EXPECT_EQ(tryOpenssl({"pkcs12", "-in", "@bundle.p12", "-noout", "-passin", "pass:right"}).exit, 0);
  EXPECT_NE(tryOpenssl({"pkcs12", "-in", "@bundle.p12", "-noout", "-passin", "pass:wrong"}).exit, 0);
  EXPECT_NE(tryOpenssl({"pkcs12", "-in", "@bundle.p12", "-noout", "-passin", "pass:"}).exit, 0);
}

TEST_F(BundleTest, TwoAreNeverEqual) {
  const auto holder = make(KeyKind::EcdsaP256);
  const auto one = makeBundle({{holder.key.bytes(), holder.certificate, ""}}, {}, "right");
  const auto two = makeBundle({{holder.key.bytes(), holder.certificate, ""}}, {}, "right");
  ASSERT_TRUE(one && two);
  EXPECT_NE(base::toHex(one->bytes()), base::toHex(two->bytes()));
}

TEST_F(BundleTest, WhatDoesNotFitIsRefused) {
  const auto a = make(KeyKind::EcdsaP256);
  const auto b = make(KeyKind::EcdsaP256);
  const auto refused = [&](const std::vector<BundleEntry>& entries, std::string_view password) {
    const auto bundle = makeBundle(entries, {}, password);
    return !bundle && bundle.error().code == base::Code::Invalid;
  };
  EXPECT_TRUE(refused({}, "right"));
  EXPECT_TRUE(refused({{a.key.bytes(), a.certificate, ""}}, ""));
  EXPECT_TRUE(refused({{a.key.bytes(), a.certificate, ""}}, "\xFF"));
  EXPECT_TRUE(refused({{a.key.bytes(), a.certificate, ""}}, std::string(1025, 'x')));
  EXPECT_TRUE(refused({{a.key.bytes(), b.certificate, ""}}, "right"));
  EXPECT_TRUE(refused({{a.key.bytes(), {}, ""}}, "right"));
  EXPECT_TRUE(refused({{{}, a.certificate, ""}}, "right"));
  EXPECT_TRUE(refused({{a.key.bytes(), a.certificate, "\xFF"}}, "right"));
}

}  // namespace
}  // namespace tests
