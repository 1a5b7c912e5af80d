// The API over real services on a real store: what each route answers. Who may do what stands in
// matrix_test.cpp.
#include "tests/support/exposition.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

TEST_F(Api, IssuesVerifiesRenewsAndRevokes) {
  const Response issued =
      as(kIvan, "POST", "/v1/tokens", R"({"user":"alice","scopes":["deploy"],"ttl":600})");
  ASSERT_EQ(issued.status, 201) << base::view(issued.body);
  auto token = json(issued);
  EXPECT_TRUE(token.contains("ca_sha256"));
  EXPECT_EQ(token["kind"], "access");
  const std::string body = R"({"token":")" + std::string(token["token"].as_string().c_str()) + R"("})";
  auto view = json(as(kVera, "POST", "/v1/tokens/verify", body));
  EXPECT_EQ(view["active"], true);
  EXPECT_EQ(view["user"], "alice");
  EXPECT_EQ(view["accessor"], token["accessor"]);
  EXPECT_EQ(as(kAlice, "POST", "/v1/tokens/verify", body).status, 403);
  EXPECT_EQ(as(kAlice, "POST", "/v1/tokens/renew", body).status, 200);
  auto list = json(as(kIvan, "GET", "/v1/tokens"));
  ASSERT_EQ(list["items"].as_array().size(), 1U);
  EXPECT_TRUE(list["next"].is_null());
  EXPECT_EQ(as(kVera, "POST", "/v1/tokens/revoke", body).status, 403);
  EXPECT_EQ(as(kAlice, "POST", "/v1/tokens/revoke", body).status, 200);
  EXPECT_EQ(as(kAlice, "POST", "/v1/tokens/revoke", body).status, 200);
  EXPECT_EQ(base::view(as(kVera, "POST", "/v1/tokens/verify", body).body), R"({"active":false})");
  const std::string second = this->issued(R"({"user":"alice"})");
  EXPECT_EQ(as(0, "POST", "/v1/tokens/revoke", R"({"user":"alice"})").status, 200);
  EXPECT_EQ(json(as(0, "POST", "/v1/tokens/verify", R"({"token":")" + second + R"("})"))["active"], false);
  EXPECT_EQ(as(0, "POST", "/v1/tokens/revoke", R"({"user":"nobody"})").status, 404);
}

TEST_F(Api, ABearerTokenDecidesAlone) {
  const std::string token = issued(R"({"user":"alice"})");
  EXPECT_EQ(bearing(token, "GET", "/v1/users/alice").status, 200);
  EXPECT_EQ(bearing(token, "GET", "/v1/users").status, 403);  // though the peer is root
  std::string forged = token;
  forged[10] = forged[10] == 'A' ? 'B' : 'A';
  const Response bad = bearing(forged, "GET", "/v1/users");
  EXPECT_EQ(bad.status, 401);
  EXPECT_EQ(bad.headers.at(0).first, "WWW-Authenticate");
  EXPECT_EQ(bearing("", "GET", "/v1/users").status, 401);
  Request basic = make("GET", "/v1/users");
  basic.peer = kmsd::http::Peer{0, {0}};
  basic.authorization = base::secretText("Basic cm9vdDo=");
  EXPECT_EQ(ask(std::move(basic)).status, 401);
}

TEST_F(Api, UsersAreAddedShownChangedAndPaged) {
  EXPECT_EQ(as(0, "POST", "/v1/users", R"({"name":"alice"})").status, 409);
  EXPECT_EQ(as(kIvan, "POST", "/v1/users", R"({"name":"m","role":"admin"})").status, 403);
  EXPECT_EQ(as(0, "POST", "/v1/users", R"({"name":"a/b"})").status, 201);
  EXPECT_EQ(json(as(0, "GET", "/v1/users/a/b"))["name"], "a/b");
  EXPECT_EQ(as(0, "GET", "/v1/users/none").status, 404);
  const Response changed = as(0, "PATCH", "/v1/users/alice", R"({"mail":"a@example.org","uid":null})");
  ASSERT_EQ(changed.status, 200) << base::view(changed.body);
  EXPECT_TRUE(json(changed)["uid"].is_null());
  Request page = make("GET", "/v1/users");
  page.peer = kmsd::http::Peer{0, {0}};
  std::size_t seen = 0;
  for (page.query["limit"] = "2";;) {
    auto list = json(ask(page));
    seen += list["items"].as_array().size();
    if (list["next"].is_null()) break;
    page.query["after"] = list["next"].as_string().c_str();
  }
  EXPECT_EQ(seen, 5U);
  for (const char* limit : {"0", "1001", "x", "-1", ""}) {
    page.query = {{"limit", limit}};
    EXPECT_EQ(ask(page).status, 400) << limit;
  }
  page.query = {{"offset", "1"}};
  EXPECT_EQ(code(ask(page)), "unknown_field");
}

TEST_F(Api, ALongListComesInShorterPages) {
  std::string dns;
  for (int i = 0; i < 16; ++i) {
    dns += (i == 0 ? "\"" : ",\"") + std::string(1, static_cast<char>('a' + i));
    for (int label = 0; label < 3; ++label) dns += std::string(60, 'x') + ".";
    dns += "example\"";
  }
  for (int i = 0; i < 100; ++i) {
    const Response added =
        as(0, "POST", "/v1/users", "{\"name\":\"u" + std::to_string(i) + "\",\"dns\":[" + dns + "]}");
    ASSERT_EQ(added.status, 201) << base::view(added.body);
  }
  Request page = make("GET", "/v1/users");
  page.peer = kmsd::http::Peer{0, {0}};
  page.query["limit"] = "1000";
  std::size_t seen = 0;
  std::size_t pages = 0;
  for (;; ++pages) {
    const Response response = ask(page);
    ASSERT_EQ(response.status, 200) << base::view(response.body);
    auto list = json(response);
    seen += list["items"].as_array().size();
    if (list["next"].is_null()) break;
    page.query["after"] = list["next"].as_string().c_str();
  }
  EXPECT_EQ(seen, 104U);
  EXPECT_GE(pages, 1U);
}

TEST_F(Api, SaysWhatIsWrongWithARequest) {
  EXPECT_EQ(as(0, "GET", "/v1/none").status, 404);
  const Response method = as(0, "PUT", "/v1/users");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.headers.at(0), (std::pair<std::string, std::string>("Allow", "POST, GET, HEAD")));
  Request text = make("POST", "/v1/users", "{}");
  text.peer = kmsd::http::Peer{0, {0}};
  text.contentType = "text/plain";
  EXPECT_EQ(ask(text).status, 415);
  text.contentType = "application/jsonx";
  EXPECT_EQ(ask(text).status, 415);
  EXPECT_EQ(as(0, "POST", "/v1/tokens", R"({"user":"alice","ttl":0})").status, 400);
  EXPECT_EQ(as(0, "POST", "/v1/tokens", R"({"user":"alice","ttl":-5})").status, 400);
  EXPECT_EQ(as(0, "POST", "/v1/tokens", R"({"user":"nobody"})").status, 404);
  EXPECT_EQ(as(0, "HEAD", "/v1/status").status, 200);
  Request remote = make("POST", "/v1/unseal");
  EXPECT_EQ(ask(remote).status, 401);
}

TEST_F(Api, SealsWithoutLockedMemoryForTheAnswer) {
  auto& pool = base::SecretPool::instance();
  std::vector<std::pair<void*, std::size_t>> taken;
  for (std::size_t size = base::SecretPool::kLargest; size >= 64; size /= 2)
    while (void* block = pool.allocate(size)) taken.emplace_back(block, size);
  const Response answer = as(0, "POST", "/v1/seal");
  for (const auto& [block, size] : taken) pool.release(block, size);
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.body.empty());
  EXPECT_TRUE(vault->sealed());
  EXPECT_EQ(as(0, "POST", "/v1/seal").status, 200);  // the thread that seals is still there
}

TEST_F(Api, WhileSealedOnlyTheStateIsServed) {
  EXPECT_EQ(as(kStranger, "GET", "/v1/health").status, 200);
  EXPECT_EQ(json(as(kStranger, "GET", "/v1/status"))["state"], "unsealed");
  vault->seal();
  serve();
  const Response health = as(kStranger, "GET", "/v1/health");
  EXPECT_EQ(health.status, 503);
  EXPECT_EQ(health.headers.at(0).first, "Retry-After");
  auto status = json(as(kStranger, "GET", "/v1/status"));
  EXPECT_EQ(status["state"], "sealed");
  EXPECT_EQ(status["reason"], "awaiting_medium");
  EXPECT_EQ(std::string(status["server"].as_string().c_str()), server.text());
  for (const char* name :
       {"reason", "detail", "event", "server", "medium", "since", "crl_until", "ocsp_until", "version"}) {
    EXPECT_TRUE(status.contains(name)) << name;
  }
  const Response sealed = as(kStranger, "POST", "/v1/tokens", R"({"user":"alice"})");
  EXPECT_EQ(sealed.status, 503);
  EXPECT_EQ(code(sealed), "sealed");
  EXPECT_EQ(bearing("kms_x", "GET", "/v1/media").status, 503);
  EXPECT_EQ(bearing("kms_x", "GET", "/v1/status").status, 200);
  EXPECT_EQ(as(0, "GET", "/v1/media").status, 200);
  EXPECT_EQ(as(kStranger, "GET", "/v1/media").status, 401);
}

TEST_F(Api, CountsWhatItAnswers) {
  const std::string token = issued(R"({"user":"alice"})");
  EXPECT_EQ(as(kVera, "POST", "/v1/tokens/verify", R"({"token":")" + token + R"("})").status, 200);
  EXPECT_EQ(as(kVera, "GET", "/none").status, 404);
  Response response = as(kVera, "GET", "/metrics");
  EXPECT_EQ(response.contentType, "text/plain; version=0.0.4; charset=utf-8");
  const Exposition text{std::string(base::view(response.body))};
  EXPECT_EQ(text.problems(), "");
  const auto answers = [&](const std::string& code, const std::string& method, const std::string& route) {
    return text.value("kms_http_requests_total",
                      "code=\"" + code + "\",method=\"" + method + "\",route=\"" + route + "\"");
  };
  EXPECT_EQ(answers("201", "POST", "/v1/users"), 4);
  EXPECT_EQ(answers("201", "POST", "/v1/tokens"), 1);
  EXPECT_EQ(answers("200", "POST", "/v1/tokens/verify"), 1);
  EXPECT_EQ(answers("404", "other", "other"), 1);
  EXPECT_EQ(text.value("kms_tokens_issued_total", R"(kind="access")"), 1);
  EXPECT_EQ(text.value("kms_tokens_verified_total", R"(result="active")"), 1);
  for (const char* name : {"alice", "vera"}) EXPECT_EQ(text.allLabels().find(name), std::string::npos);
}

TEST_F(Api, HealthIsSmallAndForAnybody) {
  Request request = make("GET", "/v1/health");
  request.transport = kmsd::http::Transport::Http;
  request.authorization = base::secretText("Bearer nonsense");
  EXPECT_EQ(base::view(ask(request).body), R"({"state":"unsealed"})");
  request.method = "HEAD";
  EXPECT_EQ(ask(request).status, 200);
  vault->seal();
  serve();
  const Response sealed = ask(request);
  EXPECT_EQ(sealed.status, 503);
  EXPECT_EQ(base::view(sealed.body), R"({"state":"sealed"})");
}

TEST_F(Api, WithoutADatabaseItSaysSo) {
  serve(base::Error{base::Code::Corrupt, "the database is damaged", base::Reason::DatabaseCorrupt});
  const Response response = as(0, "GET", "/v1/users");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(code(response), "sealed");
  EXPECT_EQ(json(as(kStranger, "GET", "/v1/status"))["event"], 5085);
}

}  // namespace
}  // namespace tests
