// The API over real services on a real store: who may do what, and what each route answers.
#include "daemon/http/routes.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <future>
#include <iomanip>
#include <iostream>

#include "daemon/http/background.h"
#include "kms/keys/founding.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using kms::Role;
using kmsd::http::Request;
using kmsd::http::Response;

constexpr uid_t kDaemon = 990;
constexpr uid_t kAlice = 1001;  // user
constexpr uid_t kVera = 1002;   // verifier
constexpr uid_t kIvan = 1003;   // issuer
constexpr uid_t kAnna = 1004;   // admin
constexpr uid_t kStranger = 1999;
constexpr gid_t kAdmins = 880;

class Api : public ::testing::Test {
 protected:
  void SetUp() override {
    key.emplace(*base::MasterKey::generate(base::systemRng()));
    store = *kms::createSqliteStore(scratch / "kms.db");
    kms::NewSlot slot;
    slot.key = &*key;
    slot.medium = base::Uuid::generate(base::systemRng());
    const auto founded = kms::found(*store, server, {slot}, base::systemClock(), base::systemRng(),
                                    kms::ScryptCost{.logN = 14});
    ASSERT_TRUE(founded) << founded.error().what;
    vault = std::make_unique<kms::Vault>(*store, server, base::systemRng());
    open();
    for (const auto& [name, role, uid] :
         {std::tuple("alice", "user", kAlice), std::tuple("vera", "verifier", kVera),
          std::tuple("ivan", "issuer", kIvan), std::tuple("anna", "admin", kAnna)}) {
      const Response added = as(0, "POST", "/v1/users",
                                std::string(R"({"name":")") + name + R"(","role":")" + role + R"(","uid":)" +
                                    std::to_string(uid) + "}");
      ASSERT_EQ(added.status, 201) << base::view(added.body);
    }
  }

  void open() {
    auto copy = base::MasterKey::fromBytes(key->bytes());
    const auto opened = vault->unseal({*std::move(copy), std::nullopt, std::nullopt, "test"});
    ASSERT_TRUE(opened) << opened.error().what;
    serve();
  }
  void serve(std::optional<base::Error> fault = std::nullopt) {
    handler = nullptr;
    sealing.reset();
    unsealing.reset();
    patient.reset();
    threads.reset();
    api.reset();
    kmsd::KeeperOptions options;
    options.server = server;
    keeper = std::make_unique<kmsd::Keeper>(options, fault ? nullptr : vault.get(), fault,
                                            base::systemClock(), kmsd::Keeper::Events{});
    users = std::make_unique<kms::UserService>(*vault, *store, base::systemClock(), policy);
    tokens =
        std::make_unique<kms::TokenService>(*vault, *store, base::systemClock(), base::systemRng(), policy);
    api.emplace(kmsd::http::Api{*keeper, fault ? nullptr : users.get(), fault ? nullptr : tokens.get(),
                                kDaemon, kAdmins});
    sealing.emplace();
    unsealing.emplace();
    patient.emplace();
    threads.emplace(kmsd::http::Threads{*sealing, *unsealing, *patient});
    handler = kmsd::http::makeHandler(*api, *threads);
  }

  Response ask(Request request) {
    auto promise = std::make_shared<std::promise<Response>>();
    auto future = promise->get_future();
    handler(request, [promise](Response response) { promise->set_value(std::move(response)); });
    return future.get();
  }
  static Request make(std::string method, std::string path, std::string_view body = {}) {
    Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.contentType = "application/json; charset=utf-8";
    request.body = base::secretText(body);
    return request;
  }
  Response as(uid_t uid, std::string method, std::string path, std::string_view body = {}, gid_t group = 5) {
    Request request = make(std::move(method), std::move(path), body);
    request.peer = kmsd::http::Peer{uid, {group}};
    return ask(std::move(request));
  }
  Response bearing(std::string_view token, std::string method, std::string path, std::string_view body = {}) {
    Request request = make(std::move(method), std::move(path), body);
    request.peer = kmsd::http::Peer{0, {0}};
    request.authorization = base::secretText("Bearer " + std::string(token));
    return ask(std::move(request));
  }
  static boost::json::object json(const Response& response) {
    return boost::json::parse(std::string(base::view(response.body))).as_object();
  }
  static std::string code(const Response& response) { return json(response)["code"].as_string().c_str(); }
  std::string issued(const std::string& body) {
    const Response response = as(0, "POST", "/v1/tokens", body);
    EXPECT_EQ(response.status, 201) << base::view(response.body);
    return json(response)["token"].as_string().c_str();
  }

  Scratch scratch;
  kms::Policy policy;
  base::Uuid server = base::Uuid::generate(base::systemRng());
  std::optional<base::MasterKey> key;
  std::unique_ptr<kms::Store> store;
  std::unique_ptr<kms::Vault> vault;
  std::unique_ptr<kmsd::Keeper> keeper;
  std::unique_ptr<kms::UserService> users;
  std::unique_ptr<kms::TokenService> tokens;
  std::optional<kmsd::http::Api> api;
  std::optional<kmsd::http::Background> sealing;
  std::optional<kmsd::http::Background> unsealing;
  std::optional<kmsd::http::Background> patient;
  std::optional<kmsd::http::Threads> threads;
  kmsd::http::Handler handler;
};

TEST_F(Api, LetsEachRoleDoWhatItsRouteSays) {
  struct Who {
    const char* name;
    uid_t uid;
    gid_t group;
    Role role;
  };
  const Who all[] = {{"stranger", kStranger, 5, Role::None}, {"user", kAlice, 5, Role::User},
                     {"verifier", kVera, 5, Role::Verifier}, {"issuer", kIvan, 5, Role::Issuer},
                     {"admin", kAnna, 5, Role::Admin},       {"root", 0, 0, Role::Admin},
                     {"daemon", kDaemon, 5, Role::Admin},    {"kms-admin", kStranger, kAdmins, Role::Admin}};
  for (const kmsd::http::Route& route : kmsd::http::routes()) {
    std::string path(route.path);
    if (path.ends_with("{name}")) path.replace(path.size() - 6, 6, "nobody");
    std::cout << std::left << std::setw(6) << route.method << std::setw(20) << route.path;
    for (const Who& who : all) {
      // A body that no route takes, so that nothing is done: what counts is who gets as far as the body.
      const bool post = route.method != "GET";
      const Response response =
          as(who.uid, std::string(route.method), path, post ? R"({"no_such_field":1})" : "", who.group);
      const bool refused = response.status == 401 || response.status == 403;
      std::cout << " " << who.name << (refused ? "=no" : "=yes");
      const bool ownOnly = route.method == "GET" && route.role == Role::User;  // and asked for another's
      const Role needed = ownOnly ? Role::Issuer : route.role;
      EXPECT_EQ(refused, who.role < needed) << route.method << " " << route.path << " " << who.name;
      if (refused) {
        EXPECT_EQ(response.status, who.role == Role::None ? 401 : 403);
      }
      if (post && !refused) {
        EXPECT_EQ(code(response), "unknown_field") << route.path;
      }
    }
    std::cout << "\n";
  }
}

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
  for (const char* name : {"reason", "detail", "event", "server", "medium", "since", "version"}) {
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

TEST_F(Api, WithoutADatabaseItSaysSo) {
  serve(base::Error{base::Code::Corrupt, "the database is damaged", base::Reason::DatabaseCorrupt});
  const Response response = as(0, "GET", "/v1/users");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(code(response), "sealed");
  EXPECT_EQ(json(as(kStranger, "GET", "/v1/status"))["event"], 5085);
}

}  // namespace
}  // namespace tests
