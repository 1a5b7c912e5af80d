// The parts without a socket: targets, request bodies, problem documents, the table of reasons.
#include <gtest/gtest.h>

#include <set>

#include "daemon/http/problem.h"
#include "daemon/http/requests.h"
#include "daemon/http/target.h"
#include "daemon/reasons.h"

namespace tests {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using namespace kmsd::http;

TEST(Target, IsDecoded) {
  const auto target = parseTarget("/v1/users/J%C3%B6rg%20O%2FX?limit=5&after=a+b%2B&flag");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/v1/users/J\xC3\xB6rg O/X");
  EXPECT_EQ(target->query.at("limit"), "5");
  EXPECT_EQ(target->query.at("after"), "a b+");
  EXPECT_EQ(target->query.at("flag"), "");
  EXPECT_EQ(parseTarget("http://host/x?y=1")->path, "/x");
  for (const char* bad : {"", "x", "*", "/%", "/%4", "/%zz", "/%00", "/?a=%", "http://host"}) {
    EXPECT_FALSE(parseTarget(bad)) << bad;
  }
  const std::string name = "a/b ?&=%+\xC3\xBC";
  EXPECT_EQ(parseTarget("/" + escapeTarget(name))->path, "/" + name);
  EXPECT_EQ(parseTarget("/?q=" + escapeTarget(name))->query.at("q"), name);
}

TEST(Requests, ReadTheirFields) {
  const auto issue = parseIssue(R"({"user":"alice","kind":"enrol","ttl":60,"scopes":["a","b"],"uses":3})");
  ASSERT_TRUE(issue) << issue.error().what;
  EXPECT_EQ(issue->user, "alice");
  EXPECT_EQ(issue->kind, kms::TokenKind::Enrol);
  EXPECT_EQ(issue->ttl, std::chrono::seconds(60));
  EXPECT_EQ(issue->scopes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(issue->uses, 3U);
  const auto usual = parseIssue(R"({"user":"a"})");
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->kind, kms::TokenKind::Access);
  EXPECT_FALSE(usual->ttl);
  const auto user =
      parseNewUser(R"({"name":"a","mail":"m","dns":["d"],"common_name":"c","role":"issuer","uid":7})");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->fields.uid, 7U);
  EXPECT_EQ(user->fields.role, kms::Role::Issuer);
  const auto change = parseUserChange(R"({"uid":null})");
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->clearUid);
  const auto unseal = parseUnseal("{\"pwd\":\"0123456789ABCD\",\"passphrase\":\"a\\u00fcb\"}");
  ASSERT_TRUE(unseal);
  EXPECT_EQ(unseal->pwd->text(), "0123456789ABCD");
  EXPECT_EQ(unseal->passphrase->text(),
            "a\xC3\xBC"
            "b");
}

TEST(Requests, RefuseWhatTheyDoNotKnow) {
  const char* cases[] = {"",
                         "x",
                         "[]",
                         "null",
                         "\"secret\"",
                         R"({"user":"a"} x)",
                         R"({"user":7})",
                         R"({"user":null})",
                         R"({"kind":"access"})",
                         R"({"user":"a","kind":"other"})",
                         R"({"user":"a","ttl":"24h"})",
                         R"({"user":"a","ttl":1.5})",
                         R"({"user":"a","ttl":1e400})",
                         R"({"user":"a","ttl":9223372036854775808})",
                         R"({"user":"a","uses":-1})",
                         R"({"user":"a","uses":4294967296})",
                         R"({"user":"a","scopes":"x"})",
                         R"({"user":"a","user":"a"})",
                         R"({"user":"a","us\u0065r":"b"})",
                         R"({"user":"a","x":{"y":1,"y":2}})",
                         R"({"user":"a","x":[{"y":{"z":1}},{"y":{"z":1,"z":2}}]})",
                         R"({"user":"a","scopes":["x",1]})",
                         R"({"user":"a","scopes":[[[[[[[[[[]]]]]]]]]]})",
                         "{\"user\":\"\xFF\"}"};
  for (const char* body : cases) {
    const auto result = parseIssue(body);
    ASSERT_FALSE(result) << body;
    EXPECT_EQ(result.error().code, Code::Invalid) << body;
    EXPECT_EQ(result.error().what.find("secret"), std::string::npos);
  }
  const auto unknown = parseIssue(R"({"user":"a","usr":"b"})");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().reason, Reason::UnknownField);
  EXPECT_NE(unknown.error().what.find("usr"), std::string::npos);
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_FALSE(parseIssue(deep));
}

TEST(Requests, NeverTakeAnEmptyTokenForEveryTokenOfAUser) {
  EXPECT_FALSE(parseRevocation(R"({"token":"","user":"alice"})"));
  EXPECT_FALSE(parseRevocation(R"({"accessor":"","user":"alice"})"));
  EXPECT_FALSE(parseRevocation(R"({"token":null,"user":"alice"})"));
  EXPECT_FALSE(parseRevocation("{}"));
  EXPECT_FALSE(parseRevocation(R"({"token":"t","accessor":"a"})"));
  const auto all = parseRevocation(R"({"user":"alice"})");
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->allOfUser);
  const auto one = parseRevocation(R"({"token":"t","user":"alice"})");
  ASSERT_TRUE(one);
  EXPECT_FALSE(one->allOfUser);
}

TEST(Problem, SaysStatusCodeAndDetail) {
  const Response response = problem(Error{Code::Unavailable, "say \"why\"", Reason::Sealed});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.contentType, "application/problem+json");
  EXPECT_EQ(base::view(response.body),
            R"({"type":"about:blank","title":"Service Unavailable","status":503,"code":"sealed",)"
            R"("detail":"say \"why\""})");
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0].first, "Retry-After");
  const Response bearer = problem(Error{Code::Denied, "x", Reason::Unauthenticated});
  EXPECT_EQ(bearer.status, 401);
  EXPECT_EQ(bearer.headers.at(0), (std::pair<std::string, std::string>("WWW-Authenticate", "Bearer")));
}

TEST(Reasons, AreDistinctAndFindTheirExitCodeAgain) {
  std::set<std::string_view> names;
  for (const kmsd::ReasonRow& row : kmsd::reasonTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(&kmsd::rowOf(row.reason), &row);
    if (row.reason != Reason::None) {
      EXPECT_EQ(kmsd::exitOfName(row.name), row.exit) << row.name;
    }
  }
  EXPECT_EQ(kmsd::rowOf(Reason::Foreign).event, 5057);
  EXPECT_EQ(kmsd::rowOf(Reason::DatabaseMissing).event, 5085);
  EXPECT_EQ(kmsd::exitOf({Code::Unavailable, "", Reason::Sealed}), kmsd::Exit::Sealed);
  EXPECT_EQ(kmsd::nameOf({Code::NotFound, ""}), "not_found");
  EXPECT_EQ(kmsd::httpOf({Code::Conflict, ""}), 409);
  EXPECT_EQ(kmsd::exitOfName("not_found"), kmsd::Exit::No);
  EXPECT_EQ(kmsd::exitOfName("of_a_newer_server"), kmsd::Exit::Failed);
}

}  // namespace
}  // namespace tests
