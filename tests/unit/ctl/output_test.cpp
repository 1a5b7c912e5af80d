#include "daemon/ctl/output.h"

#include <gtest/gtest.h>

#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"

namespace tests {
namespace {

using namespace kmsd::ctl;

TEST(Output, AlignsFieldsAndEscapesWhatAServerSays) {
  EXPECT_EQ(formatFields({{"name", "alice"}, {"mail", ""}, {"common name", "a\x1b[2Jb"}}),
            "name         alice\ncommon name  a\\x1B[2Jb\n");
  EXPECT_EQ(formatTable({"NAME", "ROLE"}, {{"J\xC3\xB6rg", "user"}, {"a", ""}}),
            "NAME  ROLE\nJ\xC3\xB6rg  user\na     -\n");
}

TEST(Document, ReadsWhatIsThere) {
  const auto document =
      Document::parse(R"({"a":"x","n":7,"z":null,"f":true,"l":["p","q"],"items":[{"a":"1"},{"a":"2"},3]})");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->text("a"), "x");
  EXPECT_EQ(document->text("n"), "7");
  EXPECT_EQ(document->text("z"), "");
  EXPECT_EQ(document->text("none"), "");
  EXPECT_TRUE(document->flag("f"));
  EXPECT_FALSE(document->flag("a"));
  EXPECT_EQ(document->texts("l"), (std::vector<std::string>{"p", "q"}));
  ASSERT_EQ(document->items().size(), 2U);
  EXPECT_EQ(document->items()[1].text("a"), "2");
  for (const char* bad : {"", "[]", "7", "{"}) EXPECT_FALSE(Document::parse(bad)) << bad;
}

TEST(Body, IsWrittenAsGiven) {
  Body body;
  EXPECT_TRUE(body.empty());
  body.text("user", "a\"b").texts("scopes", {"x"}).number("ttl", 60).null("uid");
  EXPECT_EQ(base::view(body.json()), R"({"user":"a\"b","scopes":["x"],"ttl":60,"uid":null})");
}

TEST(Verbs, HaveExamplesThatNameThem) {
  for (const kmsd::VerbSpec& verb : allVerbs()) {
    EXPECT_NE(verb.examples.find("kmsctl"), std::string_view::npos) << verb.name;
    EXPECT_NE(verb.examples.find(verb.name), std::string_view::npos) << verb.name;
  }
  EXPECT_EQ(parseServer("unix:/run/x")->path, "/run/x");
  EXPECT_EQ(parseServer("https://kms.example.org:8443")->host, "kms.example.org");
  EXPECT_EQ(parseServer("https://[::1]:443")->host, "::1");
  EXPECT_EQ(parseServer("https://[::1]:443")->port, 443);
  for (const char* bad : {"", "unix:", "/run/x", "http://x:80", "https://", "https://x", "https://x:0",
                          "https://x:65536", "https://::1:443", "https://x:443/", "https://a b:1"})
    EXPECT_FALSE(parseServer(bad)) << bad;
}

}  // namespace
}  // namespace tests
