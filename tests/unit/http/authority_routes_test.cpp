// The routes that show and change the authority. What openssl makes of it stands in tests/integration/pki.
#include "kms/pki/digest.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

namespace jsn = boost::json;

class AuthorityRoutes : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    makeAuthority();
  }
  static std::string text(jsn::object& from, const char* name) { return from[name].as_string().c_str(); }
  static std::string textOf(const Response& response) { return std::string(kmsd::http::bodyOf(response)); }
  Response get(const std::string& path) { return as(kStranger, "GET", path); }
  void rollOver(std::string_view body = {}) {
    const Response done = as(0, "POST", "/v1/ca/rollover", body);
    ASSERT_EQ(done.status, 200) << base::view(done.body);
  }
};

TEST_F(AuthorityRoutes, ARolloverIsShownWithWhatWasBefore) {
  auto first = json(get("/v1/ca"));
  EXPECT_EQ(first["number"].as_int64(), 1);
  EXPECT_TRUE(first["older"].as_array().empty());
  rollOver(R"({"key":"ecdsa-p384"})");
  auto now = json(get("/v1/ca"));
  EXPECT_EQ(now["number"].as_int64(), 2);
  EXPECT_EQ(now["subject"], first["subject"]);
  EXPECT_NE(now["sha256"], first["sha256"]);
  EXPECT_EQ(now["chain"].as_array().size(), 1U);
  ASSERT_EQ(now["older"].as_array().size(), 1U);
  auto older = now["older"].as_array()[0].as_object();
  EXPECT_EQ(older["sha256"], first["sha256"]);
  EXPECT_EQ(older["certificate"], first["certificate"]) << "a link leads to it";
  EXPECT_TRUE(first["links"].as_array().empty());
  ASSERT_EQ(now["links"].as_array().size(), 1U);
  const auto link = kms::pki::parsePemCertificates(std::string(now["links"].as_array()[0].as_string()));
  ASSERT_TRUE(link);
  EXPECT_EQ(base::asText(link->front().der), textOf(get("/ca/2/new-with-old.crt")));
  const Response token = as(0, "POST", "/v1/tokens", R"({"user":"alice","kind":"enrol"})");
  EXPECT_EQ(json(token)["ca_sha256"], now["sha256"]) << "who enrols now, enrols here";
}

TEST_F(AuthorityRoutes, EachAuthorityHasAddressesOfItsOwn) {
  const std::string list = textOf(get("/crl/1.der"));
  EXPECT_EQ(list, textOf(get("/crl.der")));
  rollOver();
  const auto by = base::Deadline::in(std::chrono::seconds(30));
  while (get("/crl/2.der").status != 200 && !by.expired()) std::this_thread::yield();
  EXPECT_EQ(textOf(get("/crl/2.der")), textOf(get("/crl.der")));
  EXPECT_NE(textOf(get("/crl/1.der")), textOf(get("/crl/2.der")));
  EXPECT_EQ(textOf(get("/ca/2.crt")), textOf(get("/ca.crt")));
  EXPECT_NE(textOf(get("/ca/1.crt")), textOf(get("/ca.crt")));
  EXPECT_EQ(get("/ca/1/new-with-old.crt").status, 404) << "nothing was before it";
  EXPECT_EQ(get("/ca/2/new-with-old.crt").status, 200);
  EXPECT_NE(textOf(get("/ca/2/new-with-old.crt")), textOf(get("/ca/2/old-with-new.crt")));
  for (const char* number : {"0", "3", "-1", "x", "1x", "99999999999999999999", "01 "}) {
    for (const std::string& path :
         {"/ca/" + std::string(number) + ".crt", "/crl/" + std::string(number) + ".der",
          "/delta-crl/" + std::string(number) + ".der"})
      EXPECT_EQ(get(path).status, 404) << path;
  }
  const auto both = kms::pki::parsePemCertificates(textOf(get("/ca.pem")));
  ASSERT_TRUE(both);
  EXPECT_EQ(both->size(), 2U);
  const std::string lists = textOf(get("/crl.pem"));
  EXPECT_NE(lists.find("BEGIN X509 CRL"), lists.rfind("BEGIN X509 CRL")) << "both lists";
}

TEST_F(AuthorityRoutes, ARequestWaitsForItsCertificate) {
  EXPECT_EQ(as(0, "GET", "/v1/ca/request").status, 404);
  const Response made = as(0, "POST", "/v1/ca/request", R"({"name":"Acme Users CA"})");
  ASSERT_EQ(made.status, 201) << base::view(made.body);
  auto first = json(made);
  EXPECT_TRUE(text(first, "request").starts_with("-----BEGIN CERTIFICATE REQUEST-----"));
  EXPECT_EQ(json(as(0, "GET", "/v1/ca/request")), first);
  EXPECT_EQ(as(0, "POST", "/v1/ca/request").status, 409);
  auto second = json(as(kAnna, "POST", "/v1/ca/request", R"({"replace":true,"key":"ed25519"})"));
  EXPECT_NE(second["request"], first["request"]);
  EXPECT_EQ(as(0, "POST", "/v1/ca/request", R"({"replace":true,"key":"rsa-2048"})").status, 400);
  EXPECT_EQ(as(0, "POST", "/v1/ca/request", R"({"replace":1})").status, 400);
  EXPECT_EQ(json(as(0, "GET", "/v1/ca/request")), second);
  EXPECT_EQ(as(0, "POST", "/v1/ca/install").status, 400);
  EXPECT_EQ(as(0, "POST", "/v1/ca/install", R"({"chain":"no PEM"})").status, 400);
  const std::string own = jsn::serialize(jsn::object{{"chain", textOf(get("/ca.pem"))}});
  const Response foreign = as(0, "POST", "/v1/ca/install", own);
  EXPECT_EQ(foreign.status, 400) << base::view(foreign.body);
  EXPECT_EQ(json(get("/v1/ca"))["number"].as_int64(), 1);
}

TEST_F(Api, WithoutAnAuthorityOneCanBeAskedForAndNoneRolledOver) {
  EXPECT_EQ(code(as(0, "POST", "/v1/ca/rollover")), "no_authority");
  EXPECT_EQ(as(0, "POST", "/v1/ca/request").status, 201);
  EXPECT_EQ(code(as(kStranger, "GET", "/v1/ca")), "no_authority");
  for (const char* path : {"/ca/1.crt", "/crl/1.der"}) EXPECT_EQ(as(0, "GET", path).status, 404) << path;
}

}  // namespace
}  // namespace tests
