// The routes for certificates: what each answers over the real services. Who may do what stands in
// matrix_test.cpp; what clients that others wrote make of them, in tests/integration/pki.
#include "kms/pki/base64.h"
#include "kms/pki/digest.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

namespace jsn = boost::json;
using kmsd::http::Transport;

class CertificateRoutes : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    makeAuthority();
  }

  static std::string text(jsn::object& from, const char* name) { return from[name].as_string().c_str(); }
  static base::Bytes derOf(jsn::object& issued, const char* name = "certificate") {
    return (*kms::pki::parsePemCertificates(text(issued, name)))[0].der;
  }
  std::string enrolToken(const std::string& user, const std::string& kind = "enrol") {
    return issued(R"({"user":")" + user + R"(","kind":")" + kind + R"("})");
  }
  static std::string body(jsn::object fields) { return jsn::serialize(fields); }
  Response enrol(const std::string& user, const std::string& token, const std::string& csr) {
    return as(kStranger, "POST", "/v1/enrol", body({{"user", user}, {"token", token}, {"csr", csr}}));
  }
  Response confirm(const std::string& user, const std::string& token, jsn::object& issued,
                   bool accepted = true) {
    return as(kStranger, "POST", "/v1/enrol/confirm",
              body({{"user", user},
                    {"token", token},
                    {"serial", issued["serial"]},
                    {"certificate_sha256", base::toHex(kms::pki::sha256(derOf(issued)))},
                    {"accepted", accepted}}));
  }
  // Over https with this certificate of ours.
  Response showing(const base::Bytes& der, std::string method, std::string path, std::string_view text = {},
                   std::string type = "application/json") {
    Request request = make(std::move(method), std::move(path), text);
    request.transport = Transport::Https;
    request.contentType = std::move(type);
    request.certificate = kmsd::http::ClientCertificate{
        "whoever", base::systemClock().now() + std::chrono::hours(1), true, der};
    return ask(std::move(request));
  }
  Response est(std::string path, const std::string& credentials, const std::string& csr) {
    Request request = make("POST", "/.well-known/est/" + path, estText(csr));
    request.transport = Transport::Https;
    request.contentType = "application/pkcs10";
    request.authorization = base::secretText("Basic " + kms::pki::toBase64(base::asBytes(credentials)));
    return ask(std::move(request));
  }
  // The base64 in a PEM text.
  static std::string estText(const std::string& pem) {
    const std::size_t begin = pem.find('\n') + 1;
    return pem.substr(begin, pem.rfind("-----END") - begin);
  }
  static std::string header(const Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers)
      if (key == name) return value;
    return {};
  }
  std::string stateOf(const std::string& serial) {
    auto shown = json(as(0, "GET", "/v1/certificates/" + serial));
    return text(shown, "status");
  }
};

TEST_F(CertificateRoutes, AnIssuedTokenNamesTheAuthority) {
  const Response issued = as(0, "POST", "/v1/tokens", R"({"user":"alice","kind":"enrol"})");
  auto token = json(issued);
  auto authority = json(as(kStranger, "GET", "/v1/ca"));
  EXPECT_EQ(token["ca_sha256"], authority["sha256"]);
  EXPECT_EQ(base::toHex(kms::pki::sha256(derOf(authority))), text(authority, "sha256"));
  EXPECT_EQ(as(0, "POST", "/v1/ca").status, 409) << "there is one already";
}

TEST_F(Api, WithoutAnAuthorityThePublicRoutesSaySo) {
  for (const char* path : {"/v1/ca", "/ca.crt", "/ca.pem", "/crl.der", "/crl.pem"})
    EXPECT_EQ(code(as(kStranger, "GET", path)), "no_authority") << path;
  const Response token = as(0, "POST", "/v1/tokens", R"({"user":"alice","kind":"enrol"})");
  EXPECT_TRUE(json(token)["ca_sha256"].is_null());
}

TEST_F(CertificateRoutes, ATokenEnrolsOneKeyAndIsUsedUpByTheConfirmation) {
  const std::string token = enrolToken("alice");
  const std::string csr = requestFor("alice");
  EXPECT_EQ(enrol("alice", token, requestFor("other")).status, 403) << "it asks for another's name";
  const Response first = enrol("alice", token, csr);
  ASSERT_EQ(first.status, 201) << base::view(first.body);
  auto issued = json(first);
  EXPECT_EQ(text(issued, "status"), "unconfirmed");
  EXPECT_FALSE(issued["confirm_by"].is_null());
  auto authority = json(as(kStranger, "GET", "/v1/ca"));
  EXPECT_EQ(issued["ca_sha256"], authority["sha256"]);
  auto again = json(enrol("alice", token, csr));
  EXPECT_EQ(again["certificate"], issued["certificate"]) << "the same key gets the same certificate";
  const std::string second = (requestFor("second"), requestAgain("second", "alice"));
  EXPECT_EQ(code(enrol("alice", token, second)), "token_refused");
  EXPECT_EQ(code(confirm("alice", "0000-0000-0000", issued)), "token_refused");
  EXPECT_EQ(code(confirm("vera", token, issued)), "token_refused");
  const Response confirmed = confirm("alice", token, issued);
  ASSERT_EQ(confirmed.status, 200) << base::view(confirmed.body);
  EXPECT_EQ(stateOf(text(issued, "serial")), "active");
  EXPECT_EQ(confirm("alice", token, issued).status, 200) << "an answer that was lost is given again";
  EXPECT_EQ(code(confirm("alice", token, issued, false)), "token_refused");
  EXPECT_EQ(code(enrol("alice", token, second)), "token_refused") << "it is used up";
}

TEST_F(CertificateRoutes, ARejectedCertificateIsRevokedAndTheTokenFree) {
  const std::string token = enrolToken("alice");
  auto issued = json(enrol("alice", token, requestFor("alice")));
  EXPECT_EQ(confirm("alice", token, issued, false).status, 200);
  EXPECT_EQ(stateOf(text(issued, "serial")), "revoked");
  EXPECT_EQ(enrol("alice", token, requestFor("alice")).status, 201);
}

TEST_F(CertificateRoutes, WhoHasNoRightTokenLearnsNothing) {
  const std::string token = enrolToken("alice");
  const std::string csr = requestFor("alice");
  auto issued = json(enrol("alice", token, csr));
  ASSERT_EQ(confirm("alice", token, issued).status, 200);
  const Response unknown = enrol("nobody", "0000-0000-0000", csr);
  const Response wrong = enrol("vera", "0000-0000-0000", csr);
  const Response used = enrol("alice", token, csr);
  for (const Response* one : {&unknown, &wrong, &used}) {
    EXPECT_EQ(one->status, 401);
    EXPECT_EQ(base::view(one->body), base::view(unknown.body));
    EXPECT_EQ(one->delay.count(), 0);
  }
  for (const std::string& user : {std::string("nobody"), std::string("vera")}) {
    Response last;
    for (unsigned i = 0; i < policy.freeTries + 1; ++i) last = enrol(user, "0000-0000-0000", csr);
    EXPECT_GT(last.delay.count(), 0) << user << ": guessing is slowed down";
  }
}

TEST_F(CertificateRoutes, AConfirmationIsNoWayToTryTokens) {
  const std::string other = certificateOf("vera");
  auto shown = json(as(0, "GET", "/v1/certificates/" + other));
  jsn::object veras{{"serial", other}, {"certificate", shown["certificate"]}};
  const std::string token = enrolToken("alice");
  EXPECT_EQ(code(confirm("alice", "0000-0000-0000", veras)), "token_refused")
      << "another's certificate says nothing of a token";
  EXPECT_EQ(confirm("alice", token, veras).status, 404);
  for (unsigned i = 0; i < policy.freeTries; ++i) confirm("alice", "0000-0000-0000", veras);
  EXPECT_GT(confirm("alice", "0000-0000-0000", veras).delay.count(), 0) << "wrong ones are counted";
  const Response longName = confirm(std::string(50'000, 'x'), "0000-0000-0000", veras);
  EXPECT_EQ(longName.status, 400) << "no name that nobody can have is remembered";
}

TEST_F(CertificateRoutes, HoldersListRenewAndRevokeTheirOwn) {
  const std::string serial = certificateOf("alice");
  auto shown = json(as(kAlice, "GET", "/v1/certificates/" + serial));
  const base::Bytes der = derOf(shown);
  EXPECT_EQ(text(shown, "profile"), "user-signing");
  const Response self = showing(der, "GET", "/v1/users/alice");
  EXPECT_EQ(self.status, 200) << base::view(self.body);
  EXPECT_EQ(showing(der, "GET", "/v1/users/vera").status, 403);
  const std::string renewal = body({{"csr", requestFor("alice")}});
  const Response renewed = showing(der, "POST", "/v1/certificates/renew", renewal);
  ASSERT_EQ(renewed.status, 201) << base::view(renewed.body);
  auto next = json(renewed);
  EXPECT_NE(text(next, "serial"), serial);
  auto list = json(as(kAlice, "GET", "/v1/certificates"));
  EXPECT_EQ(list["items"].as_array().size(), 2U);
  EXPECT_EQ(as(kVera, "POST", "/v1/certificates/" + serial + "/revoke").status, 403);
  const Response revoked =
      as(kAlice, "POST", "/v1/certificates/" + serial + "/revoke", R"({"reason":"key-compromise"})");
  ASSERT_EQ(revoked.status, 200) << base::view(revoked.body);
  auto now = json(revoked);
  EXPECT_EQ(text(now, "status"), "revoked");
  EXPECT_EQ(text(now, "reason"), "key-compromise");
  EXPECT_EQ(showing(der, "GET", "/v1/users/alice").status, 401) << "from the moment of the answer";
  EXPECT_EQ(showing(der, "POST", "/v1/certificates/renew", renewal).status, 401);
  EXPECT_EQ(showing(derOf(next), "GET", "/v1/users/alice").status, 200);
  EXPECT_EQ(as(0, "GET", "/v1/certificates/0123").status, 404);
  EXPECT_EQ(code(as(0, "POST", "/v1/certificates/" + serial + "/revoke", R"({"reason":"bored"})")),
            "invalid_request");
}

TEST_F(CertificateRoutes, TheHolderGetsTheEncryptionPairAndTheSameAgain) {
  auto shown = json(as(0, "GET", "/v1/certificates/" + certificateOf("alice")));
  const base::Bytes der = derOf(shown);
  const Response first = showing(der, "POST", "/v1/encryption");
  ASSERT_EQ(first.status, 200) << base::view(first.body);
  auto pair = json(first);
  EXPECT_EQ(text(pair, "profile"), "user-encryption");
  EXPECT_TRUE(text(pair, "key").starts_with("-----BEGIN PRIVATE KEY-----\n"));
  auto again = json(showing(der, "POST", "/v1/encryption"));
  EXPECT_EQ(again["key"], pair["key"]);
  EXPECT_EQ(showing(derOf(pair), "POST", "/v1/encryption").status, 401) << "not by the pair itself";
  Request foreign = make("POST", "/v1/encryption");
  foreign.transport = Transport::Https;
  foreign.certificate =
      kmsd::http::ClientCertificate{"alice", base::systemClock().now() + std::chrono::hours(1), false, der};
  EXPECT_EQ(ask(std::move(foreign)).status, 401) << "another authority says only who somebody is";
  EXPECT_EQ(showing(der, "POST", "/v1/encryption/recover").status, 401) << "that takes a recover token";
}

TEST_F(CertificateRoutes, ARecoverTokenBringsEveryPairBack) {
  auto shown = json(as(0, "GET", "/v1/certificates/" + certificateOf("alice")));
  auto pair = json(showing(derOf(shown), "POST", "/v1/encryption"));
  const std::string token = enrolToken("alice", "recover");
  auto fresh = json(enrol("alice", token, requestFor("alice")));
  ASSERT_EQ(confirm("alice", token, fresh).status, 200);
  const Response recovered = showing(derOf(fresh), "POST", "/v1/encryption/recover");
  ASSERT_EQ(recovered.status, 200) << base::view(recovered.body);
  auto all = json(recovered);
  ASSERT_EQ(all["items"].as_array().size(), 1U);
  EXPECT_EQ(all["items"].as_array()[0].as_object()["key"], pair["key"]);
}

TEST_F(CertificateRoutes, RecoveredPairsComeByPages) {
  std::vector<std::string> serials;
  for (int i = 0; i < 3; ++i) {
    auto shown = json(as(0, "GET", "/v1/certificates/" + certificateOf("alice")));
    auto pair = json(showing(derOf(shown), "POST", "/v1/encryption"));
    serials.insert(serials.begin(), text(pair, "serial"));
  }
  const std::string token = enrolToken("alice", "recover");
  auto fresh = json(enrol("alice", token, requestFor("alice")));
  ASSERT_EQ(confirm("alice", token, fresh).status, 200);
  const auto page = [&](std::map<std::string, std::string> query) {
    Request request = make("POST", "/v1/encryption/recover");
    request.query.insert(query.begin(), query.end());
    request.transport = Transport::Https;
    request.certificate = kmsd::http::ClientCertificate{
        "whoever", base::systemClock().now() + std::chrono::hours(1), true, derOf(fresh)};
    return ask(std::move(request));
  };
  std::string after;
  for (std::size_t i = 0; i < serials.size(); ++i) {
    auto one = json(i == 0 ? page({{"limit", "1"}}) : page({{"limit", "1"}, {"after", after}}));
    ASSERT_EQ(one["items"].as_array().size(), 1U);
    EXPECT_EQ(text(one["items"].as_array()[0].as_object(), "serial"), serials[i]);
    ASSERT_EQ(one["next"].is_string(), i + 1 < serials.size());
    if (one["next"].is_string()) after = text(one, "next");
  }
  EXPECT_EQ(page({{"limit", "0"}}).status, 400);
  EXPECT_EQ(page({{"after", "x"}}).status, 400);
  EXPECT_EQ(page({{"user", "bob"}}).status, 400);
}

TEST_F(CertificateRoutes, EstEnrolsRenewsAndMakesKeys) {
  const std::string token = enrolToken("alice");
  const std::string csr = requestFor("alice");
  const Response wrong = est("simpleenroll", "alice:0000-0000-0000", csr);
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(header(wrong, "WWW-Authenticate"), R"(Basic realm="estrealm")");
  const Response enrolled = est("simpleenroll", "alice:" + token, csr);
  ASSERT_EQ(enrolled.status, 200) << base::view(enrolled.body);
  EXPECT_EQ(enrolled.contentType, "application/pkcs7-mime; smime-type=certs-only");
  auto list = json(as(kAlice, "GET", "/v1/certificates"));
  auto mine = list["items"].as_array()[0].as_object();
  const base::Bytes der = derOf(mine);
  EXPECT_EQ(est("simpleenroll", "alice:" + token, (requestFor("next"), requestAgain("next", "alice"))).status,
            401)
      << "it is claimed by another key";
  const std::string type = "application/pkcs10";
  const Response renewed = showing(der, "POST", "/.well-known/est/simplereenroll", estText(csr), type);
  EXPECT_EQ(renewed.status, 200) << base::view(renewed.body);
  EXPECT_EQ(showing(der, "POST", "/.well-known/est/simplereenroll", estText(csr)).status, 400);
  const Response pair = showing(der, "POST", "/.well-known/est/serverkeygen", estText(csr), type);
  EXPECT_EQ(pair.status, 200) << base::view(pair.body);
  EXPECT_TRUE(pair.contentType.starts_with("multipart/mixed; boundary=")) << pair.contentType;
}

TEST_F(CertificateRoutes, ThePublicTextsHaveNamesForCaches) {
  for (const char* path : {"/ca.crt", "/ca.pem", "/crl.der", "/crl.pem"}) {
    Request request = make("GET", path);
    request.transport = Transport::Http;
    const Response first = ask(request);
    ASSERT_EQ(first.status, 200) << path;
    const std::string tag = header(first, "ETag");
    EXPECT_EQ(tag.size(), 34U) << path;
    request.ifNoneMatch = "\"other\", W/" + tag;
    const Response second = ask(request);
    EXPECT_EQ(second.status, 304) << path;
    EXPECT_TRUE(kmsd::http::bodyOf(second).empty());
    request.ifNoneMatch = "\"other\"";
    EXPECT_EQ(ask(request).status, 200) << path;
  }
  const std::string before = header(as(0, "GET", "/crl.der"), "ETag");
  const std::string serial = certificateOf("alice");
  ASSERT_EQ(as(0, "POST", "/v1/certificates/" + serial + "/revoke").status, 200);
  const auto by = base::Deadline::in(std::chrono::seconds(30));
  while (header(as(0, "GET", "/crl.der"), "ETag") == before && !by.expired()) std::this_thread::yield();
  EXPECT_NE(header(as(0, "GET", "/crl.der"), "ETag"), before);
  vault->seal();
  serve();
  EXPECT_EQ(as(kStranger, "GET", "/crl.der").status, 200) << "also while it is sealed";
  EXPECT_EQ(as(kStranger, "GET", "/v1/ca").status, 200);
}

}  // namespace
}  // namespace tests
