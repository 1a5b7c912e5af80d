// `kmsd medium add --shares`: a further key of a server, split over media, with the real programs.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/server.h"
#include "tests/support/share_disks.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

class AddedShares : public ::testing::Test {
 protected:
  void SetUp() override { server_.setUp(); }

  std::string uri(const std::string& name) const { return "image:" + (server_.safe() / name).string(); }
  static std::string disk(const std::string& set, unsigned number) {
    return set + std::to_string(number) + ".img";
  }
  // SET1.img ... SETn.img, where `openers` open the server.
  Ran add(const std::string& set, const std::string& rule, unsigned media,
          const std::vector<std::string>& openers, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> command = {"medium", "add", "--data-dir", server_.data(), "--shares", rule};
    for (unsigned i = 1; i <= media; ++i) command.push_back(uri(disk(set, i)));
    for (const std::string& opener : openers) command.insert(command.end(), {"--medium", uri(opener)});
    command.insert(command.end(), more.begin(), more.end());
    return server_.kmsd(command);
  }
  base::Uuid setOf(const std::string& name) const { return fileOn(server_.safe() / name).identity->medium; }
  std::string slots() const {
    return server_.kmsd({"medium", "list", "--slots", "--data-dir", server_.data()}).out;
  }
  std::string detail() const { return std::string(server_.status().at("detail").as_string()); }
  void swap(const std::string& out, const std::string& in) {
    server_.pull(out);
    server_.insert(in);
  }

  Server server_;
};

TEST_F(AddedShares, OpenBesideTheWholeKey) {
  const Ran made = add("a", "2/3", 3, {"key.img"});
  ASSERT_EQ(made.exit, 0) << made.err;
  EXPECT_NE(made.out.find("share 3 of 3"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("Any 2 of these 3 shares open the server now"), std::string::npos) << made.out;
  EXPECT_NE(slots().find(setOf("a1.img").text()), std::string::npos) << slots();
  for (unsigned i = 1; i <= 3; ++i) {
    const Ran check = server_.kmsd({"medium", "check", uri(disk("a", i)), "--data-dir", server_.data()});
    EXPECT_EQ(check.exit, 0) << check.err;
  }
  server_.insert("a1.img");
  server_.start();
  server_.expectState("sealed", "shares_needed");
  EXPECT_NE(detail().find("1 of 2 shares read; insert another one of the set " + setOf("a1.img").text()),
            std::string::npos)
      << detail();
  swap("a1.img", "a3.img");
  server_.expectState("unsealed", "");
  EXPECT_EQ(server_.status().at("medium").as_string(), setOf("a1.img").text());
  EXPECT_EQ(server_.stop(), 0);
  swap("a3.img", "key.img");
  server_.start();
  server_.expectState("unsealed", "");
}

TEST_F(AddedShares, OfTwoSetsAreNeverMixed) {
  ASSERT_EQ(add("a", "2/3", 3, {"key.img"}).exit, 0);
  const Ran second = add("b", "2/3", 3, {"a3.img", "a1.img"});  // opened by shares
  ASSERT_EQ(second.exit, 0) << second.err;
  ASSERT_NE(setOf("a1.img"), setOf("b1.img"));
  const Ran mixed = add("c", "2/2", 2, {"a1.img", "b2.img"});
  EXPECT_EQ(mixed.exit, 6) << mixed.err;
  EXPECT_NE(mixed.err.find("no key is whole yet"), std::string::npos) << mixed.err;
  EXPECT_FALSE(fs::exists(server_.safe() / "c1.img"));

  server_.insert("a1.img");
  server_.insert("b2.img");
  server_.start();
  server_.expectState("sealed", "shares_needed");
  // Both were read: the one and the other set wait for another share.
  const Ran again = server_.ctl({"unseal"});
  EXPECT_EQ(again.exit, 3) << again.err;
  EXPECT_NE(again.err.find("1 of 2 shares read"), std::string::npos) << again.err;
  EXPECT_EQ(server_.log().find("2 shares of"), std::string::npos) << server_.log();
  server_.insert("b3.img");
  server_.expectState("unsealed", "");
  EXPECT_EQ(server_.status().at("medium").as_string(), setOf("b1.img").text());
}

TEST_F(AddedShares, AWrongOneOfMoreThanEnoughIsNamed) {
  ASSERT_EQ(add("a", "3/5", 5, {"key.img"}).exit, 0);
  hal::KeyFile wrong = fileOn(server_.safe() / "a2.img");
  wrong.key = *base::MasterKey::generate(base::systemRng());
  makeDiskette(server_.safe() / "wrong.img", std::string(hal::formatKeyFile(wrong)->text()));
  for (const char* name : {"wrong.img", "a1.img", "a4.img"}) server_.insert(name);
  server_.start();
  server_.expectState("sealed", "key_mismatch");
  EXPECT_NE(detail().find("one of them is wrong"), std::string::npos) << detail();
  EXPECT_EQ(server_.log().find("share 2 of the set"), std::string::npos) << "nobody can know yet";
  server_.insert("a5.img");
  server_.expectState("unsealed", "");
  EXPECT_TRUE(waitUntil([&] { return server_.log().find("share 2 of the set") != std::string::npos; }))
      << server_.log();
  EXPECT_EQ(server_.log().find("share 1 of the set"), std::string::npos);
}

TEST_F(AddedShares, UnderSealThoseThatOpenedMustStayAndOnlyThose) {
  ASSERT_EQ(add("a", "2/3", 3, {"key.img"}).exit, 0);
  server_.insert("a1.img");
  server_.start({"--on-removal", "seal"});
  server_.expectState("sealed", "shares_needed");
  swap("a1.img", "a2.img");  // one drive: the first is not there any more
  ASSERT_TRUE(waitUntil([&] { return detail().find("1 of 2 shares read") != std::string::npos; }));
  server_.expectState("sealed", "shares_needed");
  server_.insert("a3.img");
  server_.expectState("unsealed", "");
  server_.insert("a1.img");
  server_.pull("a1.img");
  server_.insert("key.img");
  ASSERT_FALSE(waitUntil([&] { return server_.status().at("state").as_string() != "unsealed"; },
                         std::chrono::seconds(3)));
  server_.pull("a2.img");
  server_.expectState("sealed", "medium_removed");
}

TEST_F(AddedShares, OpenNothingAnyMoreWhenTheirSetWasRetired) {
  ASSERT_EQ(add("a", "2/2", 2, {"key.img"}).exit, 0);
  const Ran retired = server_.kmsd({"medium", "retire", setOf("a1.img").text(), "--data-dir", server_.data(),
                                    "--medium", uri("key.img"), "--medium", uri("spare.img")});
  ASSERT_EQ(retired.exit, 0) << retired.err;
  const Ran check = server_.kmsd({"medium", "check", uri("a1.img"), "--data-dir", server_.data()});
  EXPECT_EQ(check.exit, 4) << check.err;
  EXPECT_NE(check.err.find("retired"), std::string::npos) << check.err;
  server_.insert("a1.img");
  server_.insert("a2.img");
  server_.start();
  server_.expectState("sealed", "key_mismatch");
  server_.insert("spare.img");
  server_.expectState("unsealed", "");
}

TEST_F(AddedShares, WithAPassphraseOpenWithItOnly) {
  const std::string words = (server_.safe() / "words").string();
  std::ofstream(words) << "open sesame\n";
  fs::permissions(words, fs::perms(0600));
  ASSERT_EQ(add("a", "2/2", 2, {"key.img"}, {"--passphrase-file", words}).exit, 0);
  server_.insert("a1.img");
  server_.insert("a2.img");
  server_.start();
  server_.expectState("sealed", "passphrase_needed");
  Ran ran = server_.ctl({"unseal", "--passphrase-file", "-"}, "open sesam\n");
  EXPECT_EQ(ran.exit, 4) << ran.err;
  EXPECT_NE(ran.err.find("or the passphrase is wrong"), std::string::npos) << ran.err;
  EXPECT_TRUE(waitUntil([&] { return server_.ctl({"unseal", "--passphrase-file", words}).exit == 0; }));
  server_.expectState("unsealed", "");
}

struct Bad {
  const char* name;
  const char* rule;
  unsigned media;
  std::vector<std::string> openers;
  std::vector<std::string> more;
  int exit;
  const char* says;
};
class BadAddedShares : public AddedShares, public ::testing::WithParamInterface<Bad> {};

TEST_P(BadAddedShares, AreRefusedAndNothingIsMade) {
  const std::string before = slots();
  const Bad& bad = GetParam();
  std::vector<std::string> more;
  for (const std::string& word : bad.more) more.push_back(word.ends_with(".img") ? uri(word) : word);
  const Ran ran = add("a", bad.rule, bad.media, bad.openers, more);
  EXPECT_EQ(ran.exit, bad.exit) << ran.err;
  EXPECT_NE(ran.err.find(bad.says), std::string::npos) << ran.err;
  EXPECT_EQ(slots(), before);
  EXPECT_FALSE(fs::exists(server_.safe() / "a1.img"));
  for (const char* kept : {"key.img", "spare.img"})
    EXPECT_EQ(server_.kmsd({"medium", "check", uri(kept), "--data-dir", server_.data()}).exit, 0) << kept;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadAddedShares,
    ::testing::Values(Bad{"nobodyOpens", "2/3", 3, {}, {}, 2, "--medium URI is missing"},
                      Bad{"one", "1/3", 3, {"key.img"}, {}, 2, "medium copy"},
                      Bad{"few", "2/3", 2, {"key.img"}, {}, 2, "or 3, one for each share"},
                      Bad{"drive", "2/3", 1, {"key.img"}, {}, 8, "terminal"},
                      Bad{"twice", "2/3", 2, {"key.img"}, {"a1.img"}, 2, "named twice"},
                      Bad{"opener", "2/3", 2, {"key.img"}, {"key.img"}, 6, "--destroy-key"},
                      Bad{"aKey", "2/3", 2, {"key.img"}, {"spare.img"}, 6, "--destroy-key"},
                      Bad{"noOpener", "2/2", 2, {"none.img"}, {}, 5, "none.img"}),
    [](const auto& bad) { return std::string(bad.param.name); });

TEST_F(AddedShares, TheOpenerIsNeverOneOfThem) {
  const Ran ran = add("a", "2/2", 1, {"key.img"}, {uri("key.img"), "--destroy-key", setOf("key.img").text()});
  EXPECT_EQ(ran.exit, 2) << ran.err;
  EXPECT_NE(ran.err.find("opened the server"), std::string::npos) << ran.err;
  EXPECT_EQ(server_.kmsd({"medium", "check", uri("key.img"), "--data-dir", server_.data()}).exit, 0);
}

TEST_F(AddedShares, ADaemonThatRunsRefusesIt) {
  server_.insert("key.img");
  server_.start();
  server_.expectState("unsealed", "");
  const Ran ran = add("a", "2/2", 2, {"key.img"});
  EXPECT_EQ(ran.exit, 6) << ran.err;
  EXPECT_FALSE(fs::exists(server_.safe() / "a1.img"));
}

}  // namespace
}  // namespace tests
