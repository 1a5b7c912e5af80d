#include "kms/tokens/fields.h"

#include <gtest/gtest.h>

namespace {

const kms::Policy kPolicy;

TEST(Fields, UserNames) {
  const auto good = [](std::string_view name) { return bool(kms::checkUserName(name, kPolicy)); };
  EXPECT_TRUE(good("a"));
  EXPECT_TRUE(good("Doe, Jane \"JD\" O'Neil"));
  EXPECT_TRUE(good("J\xC3\xBCrgen \xE5\xB1\xB1"));
  EXPECT_TRUE(good(std::string(255, 'x')));
  EXPECT_FALSE(good(""));
  EXPECT_FALSE(good(std::string(256, 'x')));
  EXPECT_FALSE(good(std::string(300, 'x')));
  EXPECT_FALSE(good(std::string_view("a\0b", 3)));
  EXPECT_FALSE(good("a\nb"));
  EXPECT_FALSE(good("a\x7F"));
  EXPECT_FALSE(good("a\xC2\x85"));  // NEL, a C1 control
  EXPECT_FALSE(good("\xFF"));
  EXPECT_FALSE(good("\xC3"));
  EXPECT_FALSE(good(" a"));
  EXPECT_FALSE(good("a "));
  EXPECT_FALSE(good("a\xC2\xA0"));
}

TEST(Fields, Mail) {
  for (const char* mail : {"", "a@b", "jane.doe+x@mail.example.org"})
    EXPECT_TRUE(kms::checkMail(mail)) << mail;
  for (const std::string& mail :
       {std::string("a"), std::string("@b"), std::string("a@"), std::string("a b@c"), std::string("a@b@c"),
        std::string("a@-b"), std::string("a@b\n"), std::string("\xC3\xA4@b"), std::string(65, 'a') + "@b",
        std::string("a@") + std::string(254, 'b')})
    EXPECT_FALSE(kms::checkMail(mail)) << mail;
}

TEST(Fields, DnsNames) {
  for (const std::string& name :
       {std::string("localhost"), std::string("a.b-c.example"), std::string("3com.com"),
        std::string("xn--mnchen-3ya.de"), std::string(63, 'a') + ".b"})
    EXPECT_TRUE(kms::checkDnsName(name)) << name;
  for (const std::string& name :
       {std::string(), std::string("*.example.org"), std::string("a..b"), std::string(".a"),
        std::string("a."), std::string("-a"), std::string("a-"), std::string("a_b"), std::string("10.0.0.1"),
        std::string("a b"), std::string("m\xC3\xBCnchen.de"), std::string(64, 'a'), std::string("a\0b", 3)})
    EXPECT_FALSE(kms::checkDnsName(name)) << name;
  std::string longest = "a";
  while (longest.size() < 253) longest += ".a";
  EXPECT_TRUE(kms::checkDnsName(longest));
  EXPECT_FALSE(kms::checkDnsName(longest + ".a"));
  EXPECT_TRUE(kms::checkDnsNames(std::vector<std::string>(16, "a"), kPolicy));
  EXPECT_FALSE(kms::checkDnsNames(std::vector<std::string>(17, "a"), kPolicy));
}

TEST(Fields, CommonNamesCountCharactersNotBytes) {
  std::string umlauts;
  for (int i = 0; i < 64; ++i) umlauts += "\xC3\xA4";
  EXPECT_TRUE(kms::checkCommonName(umlauts));
  EXPECT_FALSE(kms::checkCommonName(umlauts + "x"));
  EXPECT_TRUE(kms::checkCommonName(""));
  EXPECT_FALSE(kms::checkCommonName("a\tb"));
}

TEST(Fields, Scopes) {
  const auto good = [](std::vector<std::string> scopes) { return bool(kms::checkScopes(scopes, kPolicy)); };
  EXPECT_TRUE(good({}));
  EXPECT_TRUE(good({"read", "repo:a/b_c.d-9", std::string(64, 'x'), "kms:user", "kms:admin"}));
  EXPECT_FALSE(good({""}));
  EXPECT_FALSE(good({std::string(65, 'x')}));
  EXPECT_FALSE(good({"Read"}));
  EXPECT_FALSE(good({"a b"}));
  EXPECT_FALSE(good({"kms:"}));
  EXPECT_FALSE(good({"kms:root"}));
  EXPECT_FALSE(good({"kms:none"}));
  EXPECT_FALSE(good({"a", "a"}));
  std::vector<std::string> many;
  for (int i = 0; i < 17; ++i) many.push_back("s" + std::to_string(i));
  EXPECT_FALSE(good(many));
  many.pop_back();
  EXPECT_TRUE(good(many));
}

TEST(Fields, ScopesDecideTheRole) {
  EXPECT_EQ(kms::scopeRole({}), kms::Role::User);
  EXPECT_EQ(kms::scopeRole({"read", "admin"}), kms::Role::User);
  EXPECT_EQ(kms::scopeRole({"kms:verifier"}), kms::Role::Verifier);
  EXPECT_EQ(kms::scopeRole({"kms:admin", "kms:user"}), kms::Role::Admin);
}

TEST(Fields, TtlEdges) {
  using std::chrono::seconds;
  EXPECT_TRUE(kms::checkTtl(seconds(1), seconds(60)));
  EXPECT_TRUE(kms::checkTtl(seconds(60), seconds(60)));
  EXPECT_FALSE(kms::checkTtl(seconds(0), seconds(60)));
  EXPECT_FALSE(kms::checkTtl(seconds(-1), seconds(60)));
  EXPECT_FALSE(kms::checkTtl(seconds::min(), seconds(60)));
  EXPECT_FALSE(kms::checkTtl(seconds::max(), seconds(60)));
  const auto huge = kms::checkTtl(seconds(61), seconds(60));
  ASSERT_FALSE(huge);
  EXPECT_NE(huge.error().what.find("60 seconds"), std::string::npos);
}

TEST(Fields, RolesHaveNames) {
  for (const auto role : {kms::Role::User, kms::Role::Verifier, kms::Role::Issuer, kms::Role::Admin})
    EXPECT_EQ(kms::parseRole(kms::roleName(role)), role);
  EXPECT_FALSE(kms::parseRole("none"));
  EXPECT_FALSE(kms::parseRole("Admin"));
  EXPECT_FALSE(kms::parseRole(""));
}

}  // namespace
