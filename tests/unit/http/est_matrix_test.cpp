// Who may do what by EST (RFC 7030): each route for each caller, over https. The table is the specification;
// the test prints it again with what it got. The requests ask for alice's name; whatever is refused must have
// made no certificate.
#include <iomanip>
#include <iostream>
#include <sstream>

#include "kms/pki/base64.h"
#include "kms/pki/certificate_row.h"
#include "tests/support/matrix_table.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

using kmsd::http::Transport;

// none: nobody. wrong: Basic with alice's name and a token that is none; lent, with vera's token; used,
// expired, own, recover, access: with such a token of hers; vera: with vera's name and token. bearer: alice's
// access token. cert, client, held ...: a TLS client certificate of alice; veras, of vera; foreign: one of
// the other authority that the server takes; cmp, ocsp, ca: the server's own.
constexpr std::string_view kMatrix = R"(
#              none wrong lent used expired access own recover vera bearer | cert client veras revoked held old encr server foreign cmp ocsp ca
cacerts        200  200   200  200  200     200    200 200     200  200    | 200  200    200   200     200  200 200  200    200     200 200  200
csrattrs       200  200   200  200  200     200    200 200     200  200    | 200  200    200   200     200  200 200  200    200     200 200  200
simpleenroll   401  401   401  401  401     400    200 200     403  401    | 401  401    401   401     401  401 401  401    401     401 401  401
simplereenroll 401  401   401  401  401     401    401 401     401  401    | 200  200    403   401     401  401 401  401    401     401 401  401
serverkeygen   401  401   401  401  401     401    401 401     401  401    | 200  401    200   401     401  401 401  401    401     401 401  401
)";

class EstMatrix : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    makeAuthority();
    csr_ = requestFor("alice");
    makeShortLived();
  }

  // A certificate of alice that ends in a moment, by services with another policy over the same database.
  void makeShortLived() {
    vault->seal();
    kmsd::PkiOptions options;
    options.policy.life = std::chrono::seconds(1);
    options.directory = scratch / "short";
    auto made = kmsd::PkiServices::create(*vault, *store, *users, *tokens, base::systemClock(),
                                          base::systemRng(), policy, options);
    ASSERT_TRUE(made) << made.error().what;
    shortLived_ = *std::move(made);
    open();
    const auto wish = kms::pki::parseRequestText(base::asBytes(csr_));
    ASSERT_TRUE(wish);
    auto promise = std::make_shared<std::promise<base::Bytes>>();
    auto future = promise->get_future();
    shortLived_->certificates().issue({"root", Role::Admin, {}}, "alice", kms::pki::Profile::Signing, *wish,
                                      [promise](base::Result<kms::pki::IssuedCertificate> issued) {
                                        promise->set_value(issued ? issued->certificate : base::Bytes());
                                      });
    old_ = future.get();
    ASSERT_FALSE(old_.empty());
    auto token = json(as(0, "POST", "/v1/tokens", R"({"user":"alice","kind":"enrol","ttl":1})"));
    expired_ = token["token"].as_string().c_str();
    const auto by = base::Deadline::in(std::chrono::seconds(30));
    while (pki->desk().authenticate(old_) && !by.expired()) std::this_thread::yield();
    ASSERT_FALSE(pki->desk().authenticate(old_));
    while (json(as(0, "GET", "/v1/users/alice"))["pending"].as_bool() && !by.expired())
      std::this_thread::yield();
  }

  base::Bytes certificate(const std::string& user, const std::string& profile = "user-signing") {
    const boost::json::object wish{{"user", user}, {"csr", requestFor(user)}, {"profile", profile}};
    auto made = json(as(0, "POST", "/v1/certificates", boost::json::serialize(wish)));
    serial_ = made["serial"].as_string().c_str();
    return (*kms::pki::parsePemCertificates(made["certificate"].as_string().c_str()))[0].der;
  }
  base::Bytes ended(const std::string& reason) {
    auto der = certificate("alice");
    EXPECT_EQ(
        as(0, "POST", "/v1/certificates/" + serial_ + "/revoke", R"({"reason":")" + reason + R"("})").status,
        200);
    return der;
  }
  std::string token(const std::string& user, const std::string& kind = "enrol") {
    return issued(R"({"user":")" + user + R"(","kind":")" + kind + R"("})");
  }
  std::string used() {
    const std::string text = token("alice");
    const boost::json::object body{
        {"user", "alice"}, {"token", text}, {"csr", csr_}, {"implicit_confirm", true}};
    const Response enrolled = as(kStranger, "POST", "/v1/enrol", boost::json::serialize(body));
    EXPECT_EQ(enrolled.status, 201) << base::view(enrolled.body);
    Request first = make("GET", "/v1/users/alice");  // its first use confirms it, and uses the token up
    auto one = json(enrolled);
    show(first, (*kms::pki::parsePemCertificates(one["certificate"].as_string().c_str()))[0].der);
    EXPECT_EQ(ask(first).status, 200);
    const auto by = base::Deadline::in(std::chrono::seconds(30));
    while (pki->desk().sharedSecret("alice")->sequence != 0 && !by.expired()) std::this_thread::yield();
    return text;
  }

  static void show(Request& request, const base::Bytes& der, bool own = true) {
    request.transport = Transport::Https;
    request.certificate =
        kmsd::http::ClientCertificate{"alice", base::systemClock().now() + std::chrono::hours(1), own, der};
  }
  static void basic(Request& request, const std::string& user, const std::string& secret) {
    request.authorization =
        base::secretText("Basic " + kms::pki::toBase64(base::asBytes(user + ":" + secret)));
  }
  // Of the server itself: its authority's, and those of the signers, which its answers bring along.
  base::Bytes ofServer(std::string_view what) {
    if (what == "ca") return pki->status().authorities().front();
    const auto all = store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      auto unlocked = vault->hold();
      if (!unlocked) return std::move(unlocked).error();
      auto rows = reader.list(kms::Table::Certificates, 0, 1000);
      if (!rows) return std::move(rows).error();
      const auto wanted = what == "cmp" ? kms::pki::Profile::Cmp : kms::pki::Profile::Ocsp;
      for (const auto& sealed : *rows) {
        auto row = kms::pki::openCertificate(**unlocked, sealed);
        if (row && row->profile == wanted) found_ = row->der;
      }
      return {};
    });
    EXPECT_TRUE(all);
    return found_;
  }

  void become(Request& request, std::string_view what) {
    if (what == "wrong") basic(request, "alice", "0000-0000-0000");
    if (what == "lent") basic(request, "alice", token("vera"));
    if (what == "used") basic(request, "alice", used());
    if (what == "expired") basic(request, "alice", expired_);
    if (what == "access") basic(request, "alice", issued(R"({"user":"alice"})"));
    if (what == "own") basic(request, "alice", token("alice"));
    if (what == "recover") basic(request, "alice", token("alice", "recover"));
    if (what == "vera") basic(request, "vera", token("vera"));
    if (what == "bearer") request.authorization = base::secretText("Bearer " + issued(R"({"user":"alice"})"));
    if (what == "cert") show(request, certificate("alice"));
    if (what == "client") show(request, certificate("alice", "client"));
    if (what == "veras") show(request, certificate("vera"));
    if (what == "revoked") show(request, ended("key-compromise"));
    if (what == "held") show(request, ended("hold"));
    if (what == "old") show(request, old_);
    if (what == "encr") show(request, certificate("alice", "user-encryption"));
    if (what == "server") {
      EXPECT_EQ(as(0, "PATCH", "/v1/users/alice", R"({"dns":["a.example.org"]})").status, 200);
      show(request, certificate("alice", "server"));
    }
    if (what == "foreign") show(request, certificate("alice"), false);
    if (what == "cmp" || what == "ocsp" || what == "ca") show(request, ofServer(what));
  }

  std::size_t certificates() {
    std::size_t count = 0;
    EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      auto rows = reader.list(kms::Table::Certificates, 0, 100'000);
      if (!rows) return std::move(rows).error();
      count = rows->size();
      return {};
    }));
    return count;
  }

  int cell(const std::string& route, const std::string& caller) {
    const bool get = route == "cacerts" || route == "csrattrs";
    Request request = make(get ? "GET" : "POST", "/.well-known/est/" + route);
    request.transport = Transport::Https;
    become(request, caller);
    if (!get) {
      const std::string pem = requestFor("alice");
      const std::size_t begin = pem.find('\n') + 1;
      request.contentType = "application/pkcs10";
      request.body = base::secretText(pem.substr(begin, pem.rfind("-----END") - begin));
    }
    const std::size_t before = certificates();
    const Response response = ask(std::move(request));
    EXPECT_EQ(certificates() != before, !get && response.status == 200) << route << " by " << caller;
    return response.status;
  }

 private:
  std::string csr_;
  std::string serial_;
  std::string expired_;
  base::Bytes old_;
  base::Bytes found_;
  std::unique_ptr<kmsd::PkiServices> shortLived_;
};

TEST_F(EstMatrix, EachRouteAnswersEachCallerAsTheTableSays) {
  const auto lines = wordsOf(kMatrix);
  const Words& callers = lines.front();
  for (const Words& line : lines) {
    ASSERT_EQ(line.size(), callers.size()) << line.front();
    std::cout << std::left << std::setw(15) << line.front();
    for (std::size_t i = 1; i < line.size(); ++i) {
      std::string shown = line[i];
      if (&line != &callers) {
        shown = std::to_string(cell(line.front(), callers[i]));
        EXPECT_EQ(shown, line[i]) << line.front() << " by " << callers[i];
        if (shown != line[i]) shown += '!';
      }
      std::cout << std::setw(8) << shown;
    }
    std::cout << "\n";
  }
}

}  // namespace
}  // namespace tests
