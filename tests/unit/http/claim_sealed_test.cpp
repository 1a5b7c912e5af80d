// The server is sealed when a certificate is on the disk and nobody has been told yet: the client is told
// that the server is sealed, and the same request gets the one certificate when it is open again.
#include "kms/pki/base64.h"
#include "tests/support/afterwards_store.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

using kmsd::http::Transport;

class ClaimSealed : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    makeAuthority();
    vault->seal();
    handler = nullptr;
    kmsd::PkiOptions options;
    options.directory = scratch / "public";
    between_.emplace(*store);
    auto made = kmsd::PkiServices::create(*vault, *between_, *users, *tokens, base::systemClock(),
                                          base::systemRng(), policy, options);
    ASSERT_TRUE(made) << made.error().what;
    api->pki = nullptr;
    pki = *std::move(made);
    open();
    csr_ = requestFor("alice");
    const auto one = json(as(0, "POST", "/v1/certificates",
                             boost::json::serialize(boost::json::object{{"user", "alice"}, {"csr", csr_}})));
    der_ = (*kms::pki::parsePemCertificates(one.at("certificate").as_string().c_str()))[0].der;
    csr_ = requestFor("alice");  // another key
    token_ = issued(R"({"user":"alice","kind":"enrol"})");
  }
  void TearDown() override {
    vault->seal();
    handler = nullptr;
    api->pki = nullptr;
    pki.reset();
  }

  Request enrol() const {
    return make(
        "POST", "/v1/enrol",
        boost::json::serialize(boost::json::object{{"user", "alice"}, {"token", token_}, {"csr", csr_}}));
  }
  Request est(const std::string& route) const {
    const std::size_t begin = csr_.find('\n') + 1;
    Request request =
        make("POST", "/.well-known/est/" + route, csr_.substr(begin, csr_.rfind("-----END") - begin));
    request.contentType = "application/pkcs10";
    request.transport = Transport::Https;
    return request;
  }
  Request simpleenroll() const {
    Request request = est("simpleenroll");
    request.authorization = base::secretText("Basic " + kms::pki::toBase64(base::asBytes("alice:" + token_)));
    return request;
  }
  Request shown(Request request) const {
    request.transport = Transport::Https;
    request.certificate =
        kmsd::http::ClientCertificate{"alice", base::systemClock().now() + std::chrono::hours(1), true, der_};
    return request;
  }
  Request renewal() const {
    return shown(
        make("POST", "/v1/certificates/renew", boost::json::serialize(boost::json::object{{"csr", csr_}})));
  }

  std::size_t certificates() const {
    std::size_t count = 0;
    EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      auto all = reader.list(kms::Table::Certificates, 0, 1000);
      if (!all) return std::move(all).error();
      count = all->size();
      return {};
    }));
    return count;
  }
  void isSealedAndGivenAgain(const Request& request, int good) {
    const std::size_t before = certificates();
    between_->afterwards = [&] { vault->seal(); };
    const Response told = ask(request);
    EXPECT_FALSE(between_->afterwards);
    EXPECT_EQ(told.status, 503) << base::view(told.body);
    EXPECT_EQ(code(told), "sealed");
    EXPECT_EQ(certificates(), before + 1);
    open();
    const Response again = ask(request);
    EXPECT_EQ(again.status, good) << base::view(again.body);
    EXPECT_EQ(certificates(), before + 1) << "it is the same one";
  }

  std::optional<AfterwardsStore> between_;
  std::string csr_;
  std::string token_;
  base::Bytes der_;
};

TEST_F(ClaimSealed, ByJson) { isSealedAndGivenAgain(enrol(), 201); }
TEST_F(ClaimSealed, ByEst) { isSealedAndGivenAgain(simpleenroll(), 200); }
TEST_F(ClaimSealed, RenewalByJson) { isSealedAndGivenAgain(renewal(), 201); }
TEST_F(ClaimSealed, RenewalByEst) { isSealedAndGivenAgain(shown(est("simplereenroll")), 200); }

}  // namespace
}  // namespace tests
