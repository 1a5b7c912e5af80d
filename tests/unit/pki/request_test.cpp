#include "kms/pki/request.h"

#include "kms/pki/base64.h"
#include "kms/pki/certificate.h"
#include "kms/pki/der.h"
#include "kms/pki/oids.h"
#include "tests/unit/pki/tools.h"

namespace tests {
namespace {

using namespace kms::pki;

class RequestTest : public Tools {
 protected:
  // A request of openssl, DER.
  base::Bytes make(const std::vector<std::string>& more, const std::string& subject = "/CN=Alice Smith",
                   const std::vector<std::string>& key = {"ec", "-pkeyopt", "ec_paramgen_curve:P-256"}) {
    std::vector<std::string> command{"req",   "-new",         "-nodes", "-keyout",  "@key.pem",
                                     "-utf8", "-subj",        subject,  "-outform", "DER",
                                     "-out",  "@request.der", "-newkey"};
    command.insert(command.end(), key.begin(), key.end());
    command.insert(command.end(), more.begin(), more.end());
    openssl(command);
    return get("request.der");
  }
  void refused(const base::Result<CertificateRequest>& request, const std::string& why) {
    ASSERT_FALSE(request) << why;
    EXPECT_EQ(request.error().code, base::Code::Invalid);
    EXPECT_NE(request.error().what.find(why), std::string::npos) << request.error().what;
  }
};

TEST_F(RequestTest, NamesAreGathered) {
  const auto request = parseRequest(
      make({"-addext", "subjectAltName=email:alice@example.org,DNS:a.example.org,DNS:b.example.org"},
           "/C=CH/ST=Bern/L=Thun/O=Acme/OU=Sales/CN=Alice Smith/emailAddress=a@example.org"));
  ASSERT_TRUE(request) << errorOf(request);
  EXPECT_EQ(request->commonNames, std::vector<std::string>{"Alice Smith"});
  EXPECT_EQ(request->organisations, std::vector<std::string>{"Acme"});
  EXPECT_EQ(request->mails, (std::vector<std::string>{"a@example.org", "alice@example.org"}));
  EXPECT_EQ(request->dns, (std::vector<std::string>{"a.example.org", "b.example.org"}));
  EXPECT_FALSE(request->otherNames);
  EXPECT_NE(shownName(request->subject).find("CN=Alice Smith"), std::string::npos);
  openssl({"pkey", "-in", "@key.pem", "-pubout", "-outform", "DER", "-out", "@public.der"});
  EXPECT_EQ(base::toHex(request->key.spki()), base::toHex(get("public.der")));
}

TEST_F(RequestTest, EveryGoodKeyAndSignatureIsTaken) {
  for (const char* curve : {"P-256", "P-384", "P-521"})
    for (const char* digest : {"-sha256", "-sha384", "-sha512"})
      EXPECT_EQ(errorOf(parseRequest(
                    make({digest}, "/CN=a", {"ec", "-pkeyopt", std::string("ec_paramgen_curve:") + curve}))),
                "")
          << curve << digest;
  for (const char* digest : {"-sha256", "-sha384", "-sha512"})
    EXPECT_EQ(errorOf(parseRequest(make({digest}, "/CN=a", {"rsa:2048"}))), "") << digest;
  EXPECT_EQ(errorOf(parseRequest(make({}, "/CN=a", {"ed25519"}))), "");
}

TEST_F(RequestTest, CerttoolsRequestsAreTaken) {
  put("template",
      "cn = \"Alice Smith\"\nemail = \"alice@example.org\"\ndns_name = \"a.example.org\"\n"
      "signing_key\nencryption_key\ntls_www_client\n");
  certtool({"--generate-privkey", "--key-type", "rsa", "--bits", "2048", "--outfile", "@key.pem"});
  certtool({"--generate-request", "--load-privkey", "@key.pem", "--template", "@template", "--outfile",
            "@request.pem", "--hash", "SHA256"});
  const auto request = parseRequestText(get("request.pem"));
  ASSERT_TRUE(request) << errorOf(request);
  EXPECT_EQ(request->commonNames, std::vector<std::string>{"Alice Smith"});
  EXPECT_EQ(request->dns, std::vector<std::string>{"a.example.org"});
}

TEST_F(RequestTest, WeakKeysAndSignaturesAreRefused) {
  refused(parseRequest(make({}, "/CN=a", {"rsa:1024"})), "2048");
  refused(parseRequest(make({}, "/CN=a", {"ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"})), "curve");
  refused(
      parseRequest(make({}, "/CN=a",
                        {"ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"})),
      "name its curve");
  refused(parseRequest(make({"-sha1"})), "SHA-256");
  refused(parseRequest(make({"-md5"}, "/CN=a", {"rsa:2048"})), "SHA-256");
  refused(parseRequest(make({"-sha224"}, "/CN=a", {"rsa:2048"})), "SHA-256");
}

TEST_F(RequestTest, ExtensionsOfAnAuthorityAreRefused) {
  const auto with = [&](const std::string& extension) { return parseRequest(make({"-addext", extension})); };
  refused(with("basicConstraints=critical,CA:TRUE"), "CA:TRUE");
  refused(with("basicConstraints=CA:TRUE,pathlen:0"), "CA:TRUE");
  refused(with("keyUsage=digitalSignature,keyCertSign"), "sign certificates");
  refused(with("keyUsage=critical,cRLSign"), "sign CRLs");
  refused(with("extendedKeyUsage=clientAuth,OCSPSigning"), "OCSP");
  refused(with("extendedKeyUsage=1.3.6.1.5.5.7.3.28"), "authority");
  refused(with("basicConstraints=DER:3005"), "malformed");
  EXPECT_EQ(errorOf(with("basicConstraints=critical,CA:FALSE")), "");
  EXPECT_EQ(errorOf(with("keyUsage=critical,digitalSignature,keyEncipherment,keyAgreement")), "");
  EXPECT_EQ(errorOf(with("extendedKeyUsage=clientAuth,serverAuth,emailProtection")), "");
  EXPECT_EQ(errorOf(with("1.2.3.4=critical,ASN1:UTF8String:whatever")), "");
}

TEST_F(RequestTest, OtherKindsOfNamesAreNoticed) {
  for (const char* name : {"IP:127.0.0.1", "URI:https://example.org", "RID:1.2.3",
                           "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@example.org"}) {
    const auto request = parseRequest(make({"-addext", std::string("subjectAltName=") + name}));
    ASSERT_TRUE(request) << name << errorOf(request);
    EXPECT_TRUE(request->otherNames) << name;
  }
  const auto uid = parseRequest(make({}, "/CN=Alice Smith/UID=root"));
  ASSERT_TRUE(uid);
  EXPECT_TRUE(uid->otherNames);
}

TEST_F(RequestTest, EveryByteIsSignedOrChecked) {
  auto der = make({"-addext", "subjectAltName=email:alice@example.org"});
  for (std::size_t i = 0; i < der.size(); ++i) {
    EXPECT_FALSE(parseRequest(base::BytesView(der).first(i))) << i;
    der[i] ^= std::byte{1};
    EXPECT_FALSE(parseRequest(der)) << i;
    der[i] ^= std::byte{1};
  }
  EXPECT_TRUE(parseRequest(der));
  der.push_back(std::byte{0});
  EXPECT_FALSE(parseRequest(der));
  der.resize(kMostDer + 1);
  refused(parseRequest(der), "64 KiB");
}

TEST_F(RequestTest, AnothersSignatureIsRefused) {
  const auto first = make({});
  const auto second = make({});
  DerReader whole(first);
  DerReader fields = whole.enter(kSequence);
  const auto info = fields.element(kSequence);
  DerReader otherWhole(second);
  DerReader other = otherWhole.enter(kSequence);
  other.any();
  Der mixed;
  mixed.sequence([&] {
    mixed.raw(info);
    mixed.raw(other.any());
    mixed.raw(other.any());
  });
  refused(parseRequest(mixed.view()), "not signed by its key");
}

TEST_F(RequestTest, PemOfBothLabelsIsTaken) {
  const auto der = make({});
  const auto text = [&](const std::string& label) { return pem(label, der); };
  const auto parse = [](const std::string& pemText) { return parseRequestText(base::asBytes(pemText)); };
  EXPECT_EQ(errorOf(parse(text("CERTIFICATE REQUEST"))), "");
  EXPECT_EQ(errorOf(parse("Subject: x\r\n" + text("NEW CERTIFICATE REQUEST"))), "");
  EXPECT_EQ(errorOf(parseRequestText(der)), "");
  refused(parse(text("CERTIFICATE")), "neither");
  refused(parse(text("CERTIFICATE REQUEST") + text("CERTIFICATE REQUEST")), "several");
  refused(parse(""), "neither");
  refused(parse(std::string(200'000, 'x')), "128 KiB");
}

TEST_F(RequestTest, OnlyTheUsersNamesPass) {
  const Subject alice{"Alice Smith", "Acme", "alice@example.org", {"a.example.org"}};
  const auto check = [&](const std::string& subject, const std::string& alternative = {}) {
    std::vector<std::string> more;
    if (!alternative.empty()) more = {"-addext", "subjectAltName=" + alternative};
    const auto request = parseRequest(make(more, subject));
    EXPECT_TRUE(request) << errorOf(request);
    if (!request) return std::string("no request");
    const auto good = checkNames(*request, alice);
    EXPECT_TRUE(good || good.error().code == base::Code::Denied);
    return errorOf(good);
  };
  EXPECT_EQ(check("/"), "");
  EXPECT_EQ(check("/O=acme/CN=alice smith"), "");
  EXPECT_EQ(check("/CN=a.example.org", "DNS:A.example.org"), "");
  EXPECT_EQ(check("/C=CH/OU=Sales/CN=alice@example.org", "email:alice@example.org"), "");
  EXPECT_NE(check("/CN=Bob").find("Bob"), std::string::npos);
  EXPECT_NE(check("/CN=Alice Smith/CN=Bob").find("Bob"), std::string::npos);
  EXPECT_NE(check("/O=Evil/CN=Alice Smith").find("Evil"), std::string::npos);
  EXPECT_NE(check("/CN=Alice Smith", "DNS:b.example.org").find("b.example.org"), std::string::npos);
  EXPECT_NE(check("/CN=Alice Smith", "email:bob@example.org").find("bob@example.org"), std::string::npos);
  EXPECT_NE(check("/CN=Alice Smith/emailAddress=bob@example.org").find("bob@"), std::string::npos);
  EXPECT_NE(check("/CN=Alice Smith", "IP:127.0.0.1"), "");
}

TEST(Base64, IsStrictAndSkipsBlanks) {
  const auto decode = [](std::string_view text) {
    const auto out = fromBase64(text);
    return out ? std::string(base::asText(*out)) : std::string("bad");
  };
  EXPECT_EQ(decode(""), "");
  EXPECT_EQ(decode("Zg=="), "f");
  EXPECT_EQ(decode("Zm8="), "fo");
  EXPECT_EQ(decode(" Z\r\nm 9\tv "), "foo");
  for (const char* bad :
       {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v=", "Zm9v====", "Z=g=", "Zm-v", "="})
    EXPECT_EQ(decode(bad), "bad") << bad;
  for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    EXPECT_EQ(decode(toBase64(base::asBytes(text))), text);
}

}  // namespace
}  // namespace tests
