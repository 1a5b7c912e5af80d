// Introspection (RFC 7662) and revocation (RFC 7009), and what their requests are read with.
#include "daemon/http/oauth_form.h"

#include "tests/support/run.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

using kmsd::http::parseBasic;
using kmsd::http::parseTokenForm;

TEST(TokenForm, IsDecodedStrictly) {
  const auto form = parseTokenForm("token=a%2Bb+c%C3%BC&token_type_hint=access_token&other=x&empty=");
  ASSERT_TRUE(form) << form.error().what;
  EXPECT_EQ(base::view(form->token), "a+b c\xC3\xBC");
  EXPECT_EQ(form->tokenTypeHint, "access_token");
  std::string many = "token=t";
  for (std::size_t i = 1; i < kmsd::http::kFormFieldsMost; ++i) many += "&f" + std::to_string(i) + "=";
  EXPECT_TRUE(parseTokenForm(many));
  for (const std::string& bad :
       {std::string(), std::string("x=y"), std::string("token="), std::string("token"),
        std::string("token=a&token=b"), std::string("token=a&%74oken=b"), std::string("token=%"),
        std::string("token=%4"), std::string("token=%zz"), std::string("token=%00"),
        std::string("token=a\0b", 9), std::string("token=%FF"), std::string("token=a&x=%C3"),
        std::string("token=a&x=1&x=2"), many + "&last="}) {
    const auto parsed = parseTokenForm(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, base::Code::Invalid) << bad;
  }
}

TEST(Basic, IsAUserAndATokenApartAtTheLastColon) {
  const auto basic = parseBasic("YTpiOmttc194");  // a:b:kms_x
  ASSERT_TRUE(basic) << basic.error().what;
  EXPECT_EQ(basic->user, "a:b");
  EXPECT_EQ(base::view(basic->token), "kms_x");
  EXPECT_TRUE(parseBasic("YTpi"));
  EXPECT_TRUE(parseBasic("YWE6Yg=="));
  EXPECT_TRUE(parseBasic("YTpiYg=="));
  const std::string_view bad[] = {"",     "YTp",       "YTpi=", "YTpiYh==",  // spare bits
                                  "Y=pi", "YTpi YTpi", "YTo=",               // "a:"
                                  "OmI=",                                    // ":b"
                                  "YWI=",                                    // "ab"
                                  "/zpi", "YT-i"};
  for (const std::string_view text : bad) {
    const auto parsed = parseBasic(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().reason, base::Reason::Unauthenticated) << text;
  }
  EXPECT_FALSE(parseBasic(std::string(8192, 'Y')));
}

class OAuth : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    alices_ = issued(R"({"user":"alice","scopes":["mail:read","deploy"]})");
    veras_ = issued(R"({"user":"vera","scopes":["kms:verifier"]})");
    ivans_ = issued(R"({"user":"ivan","scopes":["kms:issuer"]})");
  }
  Response introspect(const std::string& token, const std::string& bearer) {
    return ask(form("/oauth2/introspect", "token=" + token, "Bearer " + bearer));
  }
  Response revoke(const std::string& token, const std::string& bearer) {
    return ask(
        form("/oauth2/revoke", "token=" + token + "&token_type_hint=refresh_token", "Bearer " + bearer));
  }
  static std::string basicOf(const std::string& credentials) {
    const Ran ran = run({"base64", "-w0"}, credentials);
    return "Basic " + ran.out;
  }
  static std::string error(const Response& response) { return json(response)["error"].as_string().c_str(); }
  static constexpr std::string_view kInactive = R"({"active":false})";

  std::string alices_, veras_, ivans_;
};

TEST_F(OAuth, IntrospectionTellsAVerifierOfAnActiveToken) {
  const Response response = introspect(alices_, veras_);
  ASSERT_EQ(response.status, 200) << base::view(response.body);
  EXPECT_EQ(response.contentType, "application/json");
  auto view = json(response);
  EXPECT_EQ(view["active"], true);
  EXPECT_EQ(view["scope"], "mail:read deploy");
  EXPECT_EQ(view["username"], "alice");
  EXPECT_EQ(view["sub"], "alice");
  EXPECT_EQ(view["token_type"], "Bearer");
  EXPECT_EQ(view["exp"].as_int64() - view["iat"].as_int64(), 24 * 3600);
  auto verified = json(bearing(veras_, "POST", "/v1/tokens/verify", R"({"token":")" + alices_ + R"("})"));
  EXPECT_EQ(view["jti"], verified["accessor"]);
  std::string forged = alices_;
  forged[20] = forged[20] == 'A' ? 'B' : 'A';
  for (const std::string& none : {forged, std::string("kms_x"), std::string("%20")}) {
    EXPECT_EQ(base::view(introspect(none, veras_).body), kInactive) << none;
  }
}

TEST_F(OAuth, AHolderSeesTheOwnTokensOnlyAndTakesNoUseOfOthers) {
  const std::string mine = issued(R"({"user":"alice"})");
  EXPECT_EQ(json(introspect(mine, alices_))["active"], true);
  EXPECT_EQ(json(introspect(alices_, alices_))["active"], true);
  EXPECT_EQ(base::view(introspect(veras_, alices_).body), kInactive);
  const std::string once = issued(R"({"user":"vera","uses":1})");
  EXPECT_EQ(base::view(introspect(once, alices_).body), kInactive);
  EXPECT_EQ(json(introspect(once, veras_))["active"], true) << "its one use was left";
  EXPECT_EQ(base::view(introspect(once, veras_).body), kInactive);
}

TEST_F(OAuth, OneTimeTokensAreNotActiveAndNotRevokedHere) {
  const std::string enrol = issued(R"({"user":"alice","kind":"enrol"})");
  EXPECT_EQ(base::view(introspect(enrol, veras_).body), kInactive);
  const Response response = revoke(enrol, ivans_);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(error(response), "unsupported_token_type");
  EXPECT_TRUE(json(as(0, "GET", "/v1/users/alice"))["pending"].as_bool());
}

TEST_F(OAuth, RevocationEndsATokenAndIsNoErrorForAnUnknownOne) {
  const std::string gone = issued(R"({"user":"alice"})");
  EXPECT_EQ(revoke(gone, alices_).status, 200);
  EXPECT_EQ(base::view(introspect(gone, veras_).body), kInactive);
  EXPECT_EQ(revoke(gone, alices_).status, 200);
  EXPECT_EQ(revoke("kms_unknown", alices_).status, 200);
  const Response others = revoke(veras_, alices_);
  EXPECT_EQ(others.status, 400);
  EXPECT_EQ(error(others), "unauthorized_client");
  EXPECT_EQ(json(introspect(veras_, veras_))["active"], true);
  EXPECT_EQ(revoke(veras_, ivans_).status, 200);
  EXPECT_EQ(introspect(alices_, veras_).status, 401);
}

TEST_F(OAuth, HttpBasicIsAUsersNameAndToken) {
  const std::string body = "token=" + alices_;
  const auto asked = [&](const std::string& credentials) {
    return ask(form("/oauth2/introspect", body, basicOf(credentials)));
  };
  EXPECT_EQ(json(asked("vera:" + veras_))["active"], true);
  const std::vector<std::string> wrong = {"alice:" + veras_, "vera:kms_x", ":" + veras_, "vera:", "vera"};
  for (const std::string& bad : wrong) {
    const Response response = asked(bad);
    EXPECT_EQ(response.status, 401) << bad;
    EXPECT_EQ(error(response), "invalid_client");
    ASSERT_FALSE(response.headers.empty());
    EXPECT_EQ(response.headers[0].first, "WWW-Authenticate");
    EXPECT_TRUE(response.headers[0].second.starts_with("Basic realm=")) << response.headers[0].second;
  }
  Request elsewhere = make("GET", "/v1/users/vera");
  elsewhere.transport = kmsd::http::Transport::Https;
  elsewhere.authorization = base::secretText(basicOf("vera:" + veras_));
  EXPECT_EQ(ask(std::move(elsewhere)).status, 401) << "Basic is for OAuth clients";
}

TEST_F(OAuth, ErrorsAreThoseOfTheStandard) {
  Request json = form("/oauth2/introspect", R"({"token":"x"})", "Bearer " + veras_);
  json.contentType = "application/json";
  const Response type = ask(std::move(json));
  EXPECT_EQ(type.status, 400);
  EXPECT_EQ(error(type), "invalid_request");
  const Response twice = ask(form("/oauth2/revoke", "token=a&token=b", "Bearer " + veras_));
  EXPECT_EQ(twice.status, 400);
  EXPECT_EQ(error(twice), "invalid_request");
  vault->seal();
  serve();
  const Response sealed = introspect(alices_, veras_);
  EXPECT_EQ(sealed.status, 503);
  EXPECT_EQ(error(sealed), "temporarily_unavailable");
  EXPECT_EQ(sealed.headers.at(0).first, "Retry-After");
}

TEST_F(OAuth, ACertificateCountsWhileItLasts) {
  Request request = form("/oauth2/introspect", "token=" + alices_);
  request.certificate =
      kmsd::http::ClientCertificate{"vera", base::systemClock().now() + std::chrono::hours(1)};
  EXPECT_EQ(ask(request).status, 200);
  request.certificate->notAfter = base::systemClock().now() - std::chrono::seconds(1);
  EXPECT_EQ(ask(request).status, 401);
}

}  // namespace
}  // namespace tests
