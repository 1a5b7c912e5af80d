#include "kms/pki/est.h"

#include "kms/pki/base64.h"
#include "tests/unit/pki/tools.h"

namespace tests {
namespace {

using namespace kms::pki;

class EstTest : public Tools {
 protected:
  base::Bytes request() {
    openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             "@key.pem", "-subj", "/CN=Alice", "-outform", "DER", "-out", "@request.der"});
    return get("request.der");
  }
};

TEST_F(EstTest, OpensslAndCerttoolReadTheCertificates) {
  const Issuer issuer = makeAuthority();
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  const auto leaf = signCertificate(issuer, orderFor(key->publicKey(), Profile::Client), {});
  ASSERT_TRUE(leaf);
  const auto der = certsOnly({*leaf, issuer.certificate.der});
  ASSERT_TRUE(der);
  put("certs.p7", *der);
  const auto shown = openssl({"pkcs7", "-inform", "DER", "-in", "@certs.p7", "-print_certs"});
  const auto found = parsePemCertificates(shown);
  ASSERT_TRUE(found) << errorOf(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].der, *leaf);
  EXPECT_EQ((*found)[1].der, issuer.certificate.der);
  const auto told = certtool({"--p7-info", "--inder", "--infile", "@certs.p7"});
  EXPECT_NE(told.find("Number of certificates: 2"), std::string::npos) << told;
  // OpenSSL writes what it read in the same bytes.
  openssl({"pkcs7", "-inform", "DER", "-in", "@certs.p7", "-outform", "DER", "-out", "@again.p7"});
  EXPECT_EQ(get("again.p7"), *der);
  EXPECT_EQ(estBody(*der).find_first_of(" \r\n"), std::string::npos);
  EXPECT_EQ(fromBase64(estBody(*der)), *der);
}

TEST_F(EstTest, EveryFormOfABodyIsTaken) {
  const auto der = request();
  const std::string line = estBody(der);
  std::string wrapped;
  for (std::size_t i = 0; i < line.size(); i += 76) wrapped += line.substr(i, 76) + "\r\n";
  const auto parse = [](std::string_view body) { return errorOf(parseEstRequest(base::asBytes(body))); };
  EXPECT_EQ(parse(line), "");
  EXPECT_EQ(parse(wrapped), "");
  EXPECT_EQ(parse("\n" + wrapped + "\n"), "");
  EXPECT_EQ(parse(pem("CERTIFICATE REQUEST", der)), "");
  EXPECT_EQ(parse(base::asText(der)), "");
  EXPECT_NE(parse("").find("empty"), std::string::npos);
  EXPECT_NE(parse(line.substr(4)), "");
  EXPECT_NE(parse(line + "AAAA"), "");
  EXPECT_NE(parse(line.substr(0, line.size() - 8)), "");
  EXPECT_NE(parse("%" + line).find("base64"), std::string::npos);
  EXPECT_NE(parse(std::string(200'000, 'M')).find("128 KiB"), std::string::npos);
}

TEST_F(EstTest, AttributesNameKeysAndSignatures) {
  put("attributes.der", csrAttributes());
  const auto shown = openssl({"asn1parse", "-inform", "DER", "-in", "@attributes.der"});
  for (const char* name : {":id-ecPublicKey", ":prime256v1", ":secp384r1", ":rsaEncryption", ":0C00",
                           ":ecdsa-with-SHA256", ":sha256WithRSAEncryption", ":ED25519"})
    EXPECT_NE(shown.find(name), std::string::npos) << name << "\n" << shown;
}

TEST_F(EstTest, ServerKeysComeInTwoParts) {
  const Issuer issuer = makeAuthority();
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  const auto leaf = signCertificate(issuer, orderFor(key->publicKey(), Profile::Encryption), {});
  const auto pkcs8 = key->encode();
  ASSERT_TRUE(leaf && pkcs8);
  const auto answer = serverKeygenBody(pkcs8->bytes(), {*leaf}, base::asBytes("0123456789abcdef"));
  ASSERT_TRUE(answer) << errorOf(answer);
  const std::string mark = "30313233343536373839616263646566";
  EXPECT_EQ(answer->contentType, "multipart/mixed; boundary=" + mark);
  const std::string expected = "--" + mark +
                               "\r\nContent-Type: application/pkcs8\r\n"
                               "Content-Transfer-Encoding: base64\r\n\r\n" +
                               toBase64(pkcs8->bytes()) + "\r\n--" + mark +
                               "\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\n"
                               "Content-Transfer-Encoding: base64\r\n\r\n" +
                               toBase64(*certsOnly({*leaf})) + "\r\n--" + mark + "--\r\n";
  EXPECT_EQ(base::view(answer->body), expected);
  EXPECT_FALSE(serverKeygenBody(pkcs8->bytes(), {*leaf}, {}));
}

}  // namespace
}  // namespace tests
