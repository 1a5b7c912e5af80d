// The bodies of bulk requests.
#include "daemon/http/bulk_requests.h"

#include <gtest/gtest.h>

namespace tests {
namespace {

using base::Reason;
using kmsd::http::parseBulkIssue;
using kmsd::http::parseBulkRevocation;

TEST(BulkRequests, TakeWhatIsAsked) {
  const auto issue =
      parseBulkIssue(R"({"users":["a","b \"c\""],"kind":"enrol","ttl":60,"scopes":["x"],"uses":3})");
  ASSERT_TRUE(issue) << issue.error().what;
  EXPECT_EQ(issue->users, (std::vector<std::string>{"a", "b \"c\""}));
  EXPECT_EQ(issue->kind, kms::TokenKind::Enrol);
  EXPECT_EQ(issue->ttl, std::chrono::seconds(60));
  EXPECT_EQ(issue->scopes, std::vector<std::string>{"x"});
  EXPECT_EQ(issue->uses, 3U);
  const auto plain = parseBulkIssue(R"({"users":[]})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->kind, kms::TokenKind::Access);
  EXPECT_FALSE(plain->ttl);

  const auto accessors = parseBulkRevocation(R"({"accessors":["A","B"]})");
  ASSERT_TRUE(accessors);
  ASSERT_EQ(accessors->tokens.size(), 2U);
  EXPECT_EQ(accessors->tokens[1].accessor, "B");
  EXPECT_TRUE(accessors->users.empty());
  const auto tokens = parseBulkRevocation(R"({"tokens":["kms_x"]})");
  ASSERT_TRUE(tokens);
  EXPECT_EQ(base::view(tokens->tokens.at(0).token), "kms_x");
  const auto users = parseBulkRevocation(R"({"users":["a"]})");
  ASSERT_TRUE(users);
  EXPECT_EQ(users->users, std::vector<std::string>{"a"});
  EXPECT_TRUE(users->tokens.empty());
}

TEST(BulkRequests, RefuseEverythingElse) {
  for (const char* body :
       {"", "[]", "{}", "null", R"({"users":"a"})", R"({"users":[1]})", R"({"users":["a",null]})",
        R"({"users":["a"],"kind":"root"})", R"({"users":["a"],"kind":1})", R"({"users":["a"],"ttl":"1h"})",
        R"({"users":["a"],"ttl":1.5})", R"({"users":["a"],"ttl":99999999999999999999})",
        R"({"users":["a"],"scopes":"x"})", R"({"users":["a"],"uses":-1})", R"({"users":["a"]} x)"}) {
    const auto parsed = parseBulkIssue(body);
    ASSERT_FALSE(parsed) << body;
    EXPECT_EQ(parsed.error().code, base::Code::Invalid) << body;
    EXPECT_EQ(parsed.error().reason, Reason::None) << body;
  }
  for (const char* body : {"{}", R"({"users":["a"],"tokens":["b"]})", R"({"users":[]})", R"({"tokens":[]})",
                           R"({"tokens":{}})", R"({"accessors":[true]})"}) {
    const auto parsed = parseBulkRevocation(body);
    ASSERT_FALSE(parsed) << body;
    EXPECT_EQ(parsed.error().code, base::Code::Invalid) << body;
  }
  const auto unknown = parseBulkIssue(R"({"users":1,"user":"a"})");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().reason, Reason::UnknownField);
  EXPECT_NE(unknown.error().what.find("\"user\""), std::string::npos);
  const auto secret = parseBulkRevocation(R"({"tokens":["kms_secret", 1]})");
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().what.find("kms_secret"), std::string::npos);
}

TEST(BulkRequests, BoundTheLists) {
  std::string body = R"({"users":["a")";
  for (int i = 0; i < 1024; ++i) body += R"(,"a")";
  EXPECT_FALSE(parseBulkIssue(body + "]}"));
}

}  // namespace
}  // namespace tests
