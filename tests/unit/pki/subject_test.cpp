#include "kms/pki/subject.h"

#include "kms/pki/name.h"
#include "kms/pki/oids.h"
#include "tests/unit/pki/tools.h"

namespace tests {
namespace {

using namespace kms::pki;

std::string problemOf(const Subject& subject) { return errorOf(checkSubject(subject)); }

TEST(Subject, LimitsAreCharactersNotBytes) {
  std::string longest;
  for (int i = 0; i < 64; ++i) longest += "\u00E4";
  EXPECT_EQ(problemOf({longest, longest, "", {}}), "");
  EXPECT_NE(problemOf({longest + "x", "", "", {}}).find("64"), std::string::npos);
  EXPECT_NE(problemOf({"Alice", longest + "x", "", {}}).find("64"), std::string::npos);
}

TEST(Subject, WhatIsNoNameIsRefused) {
  EXPECT_EQ(problemOf({"Alice, O=Evil", "A+B=C", "a.b+c@example.org", {"*.example.org", "host"}}), "");
  EXPECT_NE(problemOf({"", "Acme", "", {}}), "");
  EXPECT_NE(problemOf({std::string("Ali\0ce", 6), "", "", {}}), "");
  EXPECT_NE(problemOf({"Alice\n", "", "", {}}), "");
  EXPECT_NE(problemOf({"\xFF", "", "", {}}), "");
  EXPECT_NE(problemOf({"Alice", "\xC0\x80", "", {}}), "");
  EXPECT_NE(problemOf({"Alice", "Ac\nme", "", {}}), "");
  EXPECT_NE(problemOf({"Alice", "", "alice", {}}), "");
  EXPECT_NE(problemOf({"Alice", "", "", {"*.*.example.org"}}), "");
  EXPECT_NE(problemOf({"Alice", "", "", {"ex*mple.org"}}), "");
  EXPECT_NE(problemOf({"Alice", "", "", {"*"}}), "");
  EXPECT_NE(problemOf({"Alice", "", "", {"a..b"}}), "");
  EXPECT_NE(problemOf({"Alice", "", "", std::vector<std::string>(101, "host")}), "");
  EXPECT_EQ(problemOf({"Alice", "", "", {}, {"127.0.0.1", "::1"}}), "");
  EXPECT_NE(problemOf({"Alice", "", "", {}, {"127.0.0.256"}}), "");
}

TEST(Subject, NameIsShownAsRfc4514Says) {
  Der der;
  writeName(der, {"Smith, \"Al\" <a+b>;\\ = #", " Acme", "", {}});
  EXPECT_EQ(shownName(der.view()), "CN=Smith\\, \\\"Al\\\" \\<a\\+b\\>\\;\\\\ \\= #,O=\\ Acme");
  Der hash;
  writeName(hash, {"#1 ", "", "", {}});
  EXPECT_EQ(shownName(hash.view()), "CN=\\#1\\ ");
}

TEST(Subject, UnknownAttributesAreShownAsNumbers) {
  Der der;
  der.sequence([&] {
    der.nest(kSet, [&] {
      der.sequence([&] {
        der.oid(oid::kUnit);
        der.element(kBmpString, std::string_view("\x00\xE4\x20\xAC", 4));
      });
      der.sequence([&] {
        der.oid(std::string_view("\x2A\x03\x04"));
        der.small(5);
      });
    });
    der.nest(kSet, [&] {
      der.sequence([&] {
        der.oid(oid::kCommonName);
        der.element(kPrintableString, std::string_view("a\0b", 3));
      });
    });
  });
  EXPECT_EQ(shownName(der.view()), "CN=#1303610062,OU=\u00E4\u20AC+1.2.3.4=#020105");
  EXPECT_EQ(shownName(base::asBytes("\x30\x01")), "#3001");
}

}  // namespace
}  // namespace tests
