// Bad requests for certificates by EST and JSON: each is refused in the protocol's own words, and nothing is
// changed by it; a server that is sealed, or has no authority, says that.
#include "kms/pki/base64.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

using kmsd::http::Transport;

class RequestFault : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    makeAuthority();
    token_ = issued(R"({"user":"alice","kind":"enrol"})");
    shown_ = certificateOf("alice");
    auto one = json(as(0, "GET", "/v1/certificates/" + shown_));
    der_ = (*kms::pki::parsePemCertificates(one["certificate"].as_string().c_str()))[0].der;
  }

  // `openssl req` with these arguments, PEM; a P-256 key where they name none.
  std::string requestOf(std::vector<std::string> arguments, const std::string& subject = "/CN=alice") {
    std::vector<std::string> command{"openssl",         "req",   "-new", "-nodes", "-keyout",
                                     scratch / "a.key", "-subj", subject};
    if (std::ranges::find(arguments, "-newkey") == arguments.end())
      command.insert(command.end(), {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"});
    command.insert(command.end(), arguments.begin(), arguments.end());
    const Ran ran = run(command);
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.out;
  }
  static std::string inner(const std::string& pem) {
    const std::size_t begin = pem.find('\n') + 1;
    return pem.substr(begin, pem.rfind("-----END") - begin);
  }

  std::string rows() {
    std::string text;
    for (const auto table : {kms::Table::Users, kms::Table::Tokens, kms::Table::Certificates,
                             kms::Table::Archive, kms::Table::Revocations})
      EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
        auto all = reader.list(table, 0, 1000);
        if (!all) return std::move(all).error();
        for (const auto& row : *all)
          text += std::to_string(row.key) + "." + std::to_string(row.revision) + " ";
        return {};
      }));
    return text;
  }

  // By each way in: EST with the token and with the certificate, JSON with both, and by an administrator.
  std::vector<Response> everyWay(const std::string& pem) {
    std::vector<Response> all;
    const std::string text = boost::json::serialize(boost::json::object{{"csr", pem}});
    const auto est = [&](const std::string& route) {
      Request request = make("POST", "/.well-known/est/" + route, inner(pem));
      request.contentType = "application/pkcs10";
      request.transport = Transport::Https;
      return request;
    };
    Request enrol = est("simpleenroll");
    enrol.authorization = base::secretText("Basic " + kms::pki::toBase64(base::asBytes("alice:" + token_)));
    all.push_back(ask(std::move(enrol)));
    all.push_back(ask(shown(est("simplereenroll"))));
    const boost::json::object wanted{{"user", "alice"}, {"token", token_}, {"csr", pem}};
    all.push_back(as(kStranger, "POST", "/v1/enrol", boost::json::serialize(wanted)));
    all.push_back(ask(shown(make("POST", "/v1/certificates/renew", text))));
    const boost::json::object ordered{{"user", "alice"}, {"csr", pem}};
    all.push_back(as(0, "POST", "/v1/certificates", boost::json::serialize(ordered)));
    return all;
  }
  Request shown(Request request) const {
    request.transport = Transport::Https;
    request.certificate =
        kmsd::http::ClientCertificate{"alice", base::systemClock().now() + std::chrono::hours(1), true, der_};
    return request;
  }
  void refuses(const std::string& pem, int status, const std::string& why) {
    const std::string before = rows();
    for (const Response& response : everyWay(pem)) {
      EXPECT_EQ(response.status, status) << base::view(response.body);
      EXPECT_EQ(response.contentType, "application/problem+json");
      const std::string detail = json(response)["detail"].as_string().c_str();
      EXPECT_NE(detail.find(why), std::string::npos) << detail;
    }
    EXPECT_EQ(rows(), before) << why;
  }

  std::string token_;
  std::string shown_;
  base::Bytes der_;
};

TEST_F(RequestFault, EachIsToldAndChangesNothing) {
  refuses(requestOf({"-newkey", "rsa:1024"}), 400, "2048");
  refuses(requestOf({"-newkey", "ed448"}), 400, "kind");
  refuses(requestOf({"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"}), 400, "curve");
  refuses(requestOf({"-sha1"}), 400, "SHA-256");
  refuses(requestOf({"-addext", "basicConstraints=critical,CA:TRUE"}), 400, "CA:TRUE");
  refuses(requestOf({"-addext", "keyUsage=keyCertSign"}), 400, "sign certificates");
  refuses(requestOf({"-addext", "extendedKeyUsage=OCSPSigning"}), 400, "OCSP");
  refuses(requestOf({"-addext", "subjectAltName=DNS:b.example.org"}), 403, "b.example.org");
  refuses(requestOf({"-addext", "subjectAltName=IP:127.0.0.1"}), 403, "another kind");
  refuses(requestOf({}, "/CN=vera"), 403, "vera");
  std::string forged = requestOf({});
  auto der = *kms::pki::fromBase64(inner(forged));
  der.back() ^= std::byte{1};
  refuses(kms::pki::pem("CERTIFICATE REQUEST", der), 400, "not signed by its key");
  der.resize(der.size() / 2);
  refuses(kms::pki::pem("CERTIFICATE REQUEST", der), 400, "DER is malformed");
  refuses(kms::pki::pem("CERTIFICATE REQUEST", {}), 400, "PKCS#10");
  refuses("-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n", 400, "");
  for (const Response& response : everyWay(requestOf({})))
    EXPECT_LT(response.status, 300) << "what was refused before has spoilt nothing: "
                                    << base::view(response.body);
}

TEST_F(RequestFault, WhileSealedEachWaySaysSo) {
  const std::string good = requestOf({});
  const std::string before = rows();
  vault->seal();
  serve();
  for (const Response& response : everyWay(good)) {
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(code(response), "sealed");
  }
  EXPECT_EQ(rows(), before);
}

TEST_F(RequestFault, ACertificateOfALineBelowItsUsersRankGivesNoMoreThanThat) {
  // ivan, an issuer, has one made in alice's name; alice becomes an administrator later.
  const boost::json::object ordered{{"user", "alice"}, {"csr", requestOf({})}};
  const Response made = as(kIvan, "POST", "/v1/certificates", boost::json::serialize(ordered));
  ASSERT_EQ(made.status, 201) << base::view(made.body);
  auto one = json(made);
  const auto ivans = (*kms::pki::parsePemCertificates(one["certificate"].as_string().c_str()))[0].der;
  ASSERT_EQ(as(0, "PATCH", "/v1/users/alice", R"({"role":"admin"})").status, 200);
  EXPECT_EQ(ask(shown(make("GET", "/v1/media"))).status, 200) << "what an administrator granted";
  der_ = ivans;
  EXPECT_EQ(ask(shown(make("GET", "/v1/media"))).status, 403);
  EXPECT_EQ(ask(shown(make("GET", "/v1/users"))).status, 200);
}

}  // namespace
}  // namespace tests
