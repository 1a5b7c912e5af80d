// Approvals as clients see them, and the list of users whose certificates are revoked.
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

constexpr const char* kRecover = R"({"user":"alice","kind":"recover"})";

class ApprovalRoutes : public Api {
 protected:
  void SetUp() override {
    policy.recoveryApprovals = 2;
    Api::SetUp();
  }
  // The one request that there is.
  std::string request() {
    const auto items = json(as(0, "GET", "/v1/approvals"))["items"].as_array();
    EXPECT_EQ(items.size(), 1U);
    return items.empty() ? "" : items[0].as_object().at("id").as_string().c_str();
  }
};

TEST_F(ApprovalRoutes, AskedApprovedAndUsed) {
  const Response refused = as(kAnna, "POST", "/v1/tokens", kRecover);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(code(refused), "approval_needed");
  const std::string id = request();
  EXPECT_NE(base::view(refused.body).find(id), std::string_view::npos);
  const std::string path = "/v1/approvals/" + id;
  const Response shown = as(kAnna, "GET", path);
  ASSERT_EQ(shown.status, 200);
  const auto view = json(shown);
  EXPECT_EQ(view.at("kind"), "recover_token");
  EXPECT_EQ(view.at("user"), "alice");
  EXPECT_EQ(view.at("what"), "ttl 259200 s");
  EXPECT_EQ(view.at("asked_by"), "anna");
  EXPECT_EQ(view.at("state"), "open");
  EXPECT_EQ(view.at("needed"), 2);
  EXPECT_EQ(view.at("given"), 1);
  EXPECT_EQ(view.at("approvals").as_array().size(), 1U);
  EXPECT_EQ(as(kAnna, "POST", path + "/approve").status, 409);
  EXPECT_EQ(as(kIvan, "POST", path + "/approve").status, 403);
  const Response agreed = as(0, "POST", path + "/approve");
  ASSERT_EQ(agreed.status, 200) << base::view(agreed.body);
  EXPECT_EQ(json(agreed)["state"], "approved");
  EXPECT_EQ(json(agreed)["approvals"].as_array()[1].as_object().at("by"), "root");
  EXPECT_EQ(as(0, "POST", "/v1/tokens", kRecover).status, 403) << "root has not asked for it";
  EXPECT_EQ(as(kAnna, "POST", "/v1/tokens", kRecover).status, 201);
  EXPECT_EQ(as(kAnna, "POST", "/v1/tokens", kRecover).status, 403);
  const Response late = as(0, "POST", path + "/approve");
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(code(late), "approval_closed");
  EXPECT_EQ(as(0, "GET", "/v1/approvals/none").status, 404);
  EXPECT_EQ(as(0, "POST", "/v1/approvals/none/cancel").status, 404);
}

TEST_F(ApprovalRoutes, OnePersonByEveryWay) {
  const std::string bearer = issued(R"({"user":"anna","scopes":["kms:admin"]})");
  EXPECT_EQ(bearing(bearer, "POST", "/v1/tokens", kRecover).status, 403);
  const std::string path = "/v1/approvals/" + request() + "/approve";
  EXPECT_EQ(bearing(bearer, "POST", path).status, 409);
  EXPECT_EQ(as(kAnna, "POST", path).status, 409) << "by her uid";
  EXPECT_EQ(as(kAnna, "POST", path, {}, kAdmins).status, 409) << "and by that as a member of the group";
  const Response nobody = as(4711, "POST", path, {}, kAdmins);
  EXPECT_EQ(nobody.status, 403);
  EXPECT_EQ(code(nobody), "forbidden");
  EXPECT_EQ(as(kDaemon, "POST", path).status, 200) << "the daemon's user is root";
  EXPECT_EQ(as(0, "POST", path).status, 409);
}

TEST_F(ApprovalRoutes, CancelledIsGone) {
  EXPECT_EQ(as(0, "POST", "/v1/tokens", kRecover).status, 403);
  const std::string path = "/v1/approvals/" + request();
  ASSERT_EQ(as(kAnna, "POST", path + "/approve").status, 200);
  const Response cancelled = as(kAnna, "POST", path + "/cancel");
  ASSERT_EQ(cancelled.status, 200);
  EXPECT_EQ(json(cancelled)["state"], "cancelled");
  EXPECT_EQ(as(kAnna, "POST", path + "/cancel").status, 409);
  EXPECT_EQ(as(0, "POST", "/v1/tokens", kRecover).status, 403);
  const Response bulk = as(0, "POST", "/v1/tokens/bulk", R"({"users":["alice"],"kind":"recover"})");
  EXPECT_EQ(bulk.status, 403);
  EXPECT_EQ(code(bulk), "approval_needed");
}

TEST_F(ApprovalRoutes, ANewKeyOfTheAuthorityNeedsThemToo) {
  makeAuthority();
  const auto before = json(as(0, "GET", "/v1/ca"))["sha256"];
  constexpr const char* kNew = R"({"key":"ecdsa-p256"})";
  EXPECT_EQ(code(as(kAnna, "POST", "/v1/ca/rollover", kNew)), "approval_needed");
  const std::string path = "/v1/approvals/" + request();
  EXPECT_EQ(json(as(0, "GET", path))["kind"], "ca_rollover");
  EXPECT_EQ(json(as(0, "GET", path))["what"], "a new key, ecdsa-p256");
  ASSERT_EQ(as(0, "POST", path + "/approve").status, 200);
  EXPECT_EQ(as(kAnna, "POST", "/v1/ca/rollover").status, 403) << "of another kind";
  EXPECT_EQ(json(as(0, "GET", "/v1/ca"))["sha256"], before);
  EXPECT_EQ(as(kAnna, "POST", "/v1/ca/rollover", kNew).status, 200);
  EXPECT_NE(json(as(0, "GET", "/v1/ca"))["sha256"], before);
  EXPECT_EQ(as(kAnna, "POST", "/v1/ca/rollover", kNew).status, 403) << "once";
}

TEST_F(ApprovalRoutes, AWrongFileForTheAuthorityAsksNobody) {
  makeAuthority();
  ASSERT_EQ(as(kAnna, "POST", "/v1/ca/request").status, 201);
  const Response ca = as(kStranger, "GET", "/ca.pem");
  const std::string foreign =
      boost::json::serialize(boost::json::object{{"chain", std::string(kmsd::http::bodyOf(ca))}});
  const Response refused = as(kAnna, "POST", "/v1/ca/install", foreign);
  EXPECT_EQ(refused.status, 400) << base::view(refused.body);
  EXPECT_TRUE(json(as(0, "GET", "/v1/approvals"))["items"].as_array().empty());
}

TEST_F(ApprovalRoutes, CertificatesOfAList) {
  makeAuthority();
  const std::string serial = certificateOf("alice");
  const Response done = as(kIvan, "POST", "/v1/certificates/bulk-revoke",
                           R"({"users":["alice","nobody"],"reason":"superseded"})");
  ASSERT_EQ(done.status, 200) << base::view(done.body);
  const auto items = json(done)["items"].as_array();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].as_object().at("certificates"), 1);
  EXPECT_EQ(items[0].as_object().at("tokens"), 0);
  EXPECT_EQ(items[1].as_object().at("code"), "not_found");
  const auto view = json(as(kIvan, "GET", "/v1/certificates/" + serial));
  EXPECT_EQ(view.at("status"), "revoked");
  EXPECT_EQ(view.at("reason"), "superseded");
  for (const char* body : {R"({})", R"({"users":[]})", R"({"users":["alice"],"reason":"hold"})",
                           R"({"users":["alice"],"reason":"why not"})", R"({"users":["alice"],"reason":7})",
                           R"({"users":"alice"})", R"({"users":["alice"],"more":1})"})
    EXPECT_EQ(as(kIvan, "POST", "/v1/certificates/bulk-revoke", body).status, 400) << body;
}

}  // namespace
}  // namespace tests
