// The API over real services on a real store, asked without a socket.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/http/background.h"
#include "daemon/http/routes.h"
#include "daemon/metrics.h"
#include "daemon/pki_services.h"
#include "kms/keys/founding.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {

using kms::Role;
using kmsd::http::Request;
using kmsd::http::Response;

inline constexpr uid_t kDaemon = 990;
inline constexpr uid_t kAlice = 1001;  // user
inline constexpr uid_t kVera = 1002;   // verifier
inline constexpr uid_t kIvan = 1003;   // issuer
inline constexpr uid_t kAnna = 1004;   // admin
inline constexpr uid_t kStranger = 1999;
inline constexpr gid_t kAdmins = 880;

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
    users = std::make_unique<kms::UserService>(*vault, *store, base::systemClock(), policy);
    tokens =
        std::make_unique<kms::TokenService>(*vault, *store, base::systemClock(), base::systemRng(), policy);
    kmsd::PkiOptions options;
    options.policy.encryptionKey = kms::pki::KeyKind::EcdsaP256;
    options.directory = scratch / "public";
    auto made = kmsd::PkiServices::create(*vault, *store, *users, *tokens, base::systemClock(),
                                          base::systemRng(), policy, options);
    ASSERT_TRUE(made) << made.error().what;
    pki = *std::move(made);
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
    keys.reset();
    enrolling.reset();
    threads.reset();
    api.reset();
    kmsd::KeeperOptions options;
    options.server = server;
    keeper = std::make_unique<kmsd::Keeper>(options, fault ? nullptr : vault.get(), fault,
                                            base::systemClock(), kmsd::Keeper::Events{});
    api.emplace(kmsd::http::Api{*keeper, fault ? nullptr : users.get(), fault ? nullptr : tokens.get(),
                                kDaemon, kAdmins});
    api->pki = fault ? nullptr : pki.get();
    api->metrics = &metrics;
    sealing.emplace();
    unsealing.emplace();
    patient.emplace();
    keys.emplace();
    enrolling.emplace();
    threads.emplace(kmsd::http::Threads{*sealing, *unsealing, *patient, *keys, *enrolling});
    handler = kmsd::http::makeHandler(*api, *threads);
  }

  static std::vector<kmsd::Metrics::RouteName> routeNames() {
    std::vector<kmsd::Metrics::RouteName> names;
    for (const auto& route : kmsd::http::routes())
      names.push_back({std::string(route.method), std::string(route.path)});
    return names;
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
  // A form, as OAuth clients send it.
  static Request form(std::string path, std::string_view body, std::string_view authorization = {}) {
    Request request = make("POST", std::move(path), body);
    request.contentType = "application/x-www-form-urlencoded";
    request.transport = kmsd::http::Transport::Https;
    request.authorization = base::secretText(authorization);
    return request;
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

  // The server's authority, and its first CRL.
  void makeAuthority() {
    const Response made = as(0, "POST", "/v1/ca");
    ASSERT_EQ(made.status, 201) << base::view(made.body);
    const auto by = base::Deadline::in(std::chrono::seconds(30));
    while (!pki->status().full() && !by.expired()) std::this_thread::yield();
    ASSERT_TRUE(pki->status().full());
  }
  // A request in PEM with a new key, NAME.key in the scratch directory.
  std::string requestFor(const std::string& name) {
    const Ran made = run({"openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                          "-out", scratch / (name + ".key")});
    EXPECT_EQ(made.exit, 0) << made.err;
    return requestAgain(name, name);
  }
  // With the key of `name`.
  std::string requestAgain(const std::string& name, const std::string& subject) {
    const Ran asked =
        run({"openssl", "req", "-new", "-key", scratch / (name + ".key"), "-subj", "/CN=" + subject});
    EXPECT_EQ(asked.exit, 0) << asked.err;
    return asked.out;
  }
  // The serial number of a new signing certificate, issued by an administrator.
  std::string certificateOf(const std::string& user) {
    const boost::json::object wish{{"user", user}, {"csr", requestFor(user)}};
    const Response made = as(0, "POST", "/v1/certificates", boost::json::serialize(wish));
    EXPECT_EQ(made.status, 201) << base::view(made.body);
    return json(made)["serial"].as_string().c_str();
  }

  Scratch scratch;
  kms::Policy policy;
  kmsd::Metrics metrics{routeNames()};
  base::Uuid server = base::Uuid::generate(base::systemRng());
  std::optional<base::MasterKey> key;
  std::unique_ptr<kms::Store> store;
  std::unique_ptr<kms::Vault> vault;
  std::unique_ptr<kmsd::Keeper> keeper;
  std::unique_ptr<kms::UserService> users;
  std::unique_ptr<kms::TokenService> tokens;
  std::unique_ptr<kmsd::PkiServices> pki;
  std::optional<kmsd::http::Api> api;
  std::optional<kmsd::http::Background> sealing;
  std::optional<kmsd::http::Background> unsealing;
  std::optional<kmsd::http::Background> patient;
  std::optional<kmsd::http::Background> keys;
  std::optional<kmsd::http::Background> enrolling;
  std::optional<kmsd::http::Threads> threads;
  kmsd::http::Handler handler;
};

}  // namespace tests
