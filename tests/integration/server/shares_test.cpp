// The real programs with a key in shares and with passphrases, on disk images.
#include <gtest/gtest.h>

#include <fstream>

#include "hal/base/file.h"
#include "tests/support/server.h"
#include "tests/support/share_disks.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

std::string detail(const Server& server) {
  const auto status = server.status();
  return std::string(status.at("detail").as_string());
}

class Shares : public ::testing::Test {
 protected:
  // safe/1.img ... safe/N.img, and more options.
  Ran setUp(const std::string& rule, unsigned media, const std::vector<std::string>& more = {}) {
    fs::create_directory(server_.drive());
    fs::create_directory(server_.safe());
    std::vector<std::string> command = {"setup", "--data-dir",     server_.data(), "--shares",
                                        rule,    "--organisation", "Test"};
    for (unsigned i = 1; i <= media; ++i) {
      command.push_back("--medium");
      command.push_back("image:" + image(i).string());
    }
    command.insert(command.end(), more.begin(), more.end());
    return server_.kmsd(command);
  }
  fs::path image(unsigned number) const { return server_.safe() / (std::to_string(number) + ".img"); }
  static std::string name(unsigned number) { return std::to_string(number) + ".img"; }

  Server server_;
};

TEST_F(Shares, AnyTwoOfThreeOpenOneAfterAnother) {
  const Ran made = setUp("2/3", 3);
  ASSERT_EQ(made.exit, 0) << made.err;
  EXPECT_NE(made.out.find("share 3 of 3"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("Any 2 of the 3 shares"), std::string::npos) << made.out;
  EXPECT_EQ(made.err.find("WARNING"), std::string::npos) << made.err;
  server_.insert(name(3));
  server_.start();
  server_.expectState("sealed", "shares_needed");
  const std::string set = fileOn(image(1)).identity->medium.text();
  EXPECT_NE(detail(server_).find("1 of 2 shares read; insert another one of the set " + set),
            std::string::npos)
      << detail(server_);
  EXPECT_EQ(server_.ctl({"token", "list"}).exit, 3);
  EXPECT_EQ(server_.ctl({"unseal"}).exit, 3);
  server_.pull(name(3));
  server_.expectState("sealed", "shares_needed");
  server_.insert(name(1));
  server_.expectState("unsealed", "");
  EXPECT_EQ(server_.status().at("medium").as_string(), set);
  EXPECT_NE(server_.log().find("1 of 2 shares read"), std::string::npos);
  EXPECT_EQ(server_.stop(), 0);

  server_.pull(name(1));
  server_.insert(name(2));
  server_.insert(name(3));
  server_.start();
  server_.expectState("unsealed", "");
}

TEST_F(Shares, GfcombineMakesTheKeyThatOpensTypedByHand) {
  ASSERT_EQ(setUp("2/3", 3).exit, 0);
  std::vector<std::string> command = {"gfcombine", "-o", (server_.safe() / "key").string()};
  for (const unsigned number : {2U, 3U}) {
    command.push_back((server_.safe() / ("key.00" + std::to_string(number))).string());
    std::ofstream(command.back(), std::ios::binary) << base::asText(fileOn(image(number)).key.bytes());
  }
  const Ran joined = run(command);
  ASSERT_EQ(joined.exit, 0) << joined.err;
  const auto raw = base::readSmallFile(server_.safe() / "key", 64);
  ASSERT_TRUE(raw);
  ASSERT_EQ(raw->size(), base::MasterKey::kSize);
  const auto key = base::MasterKey::fromBytes(base::asBytes(*raw).first<base::MasterKey::kSize>());
  server_.start();
  const Ran opened = server_.ctl({"unseal", "--pwd-file", "-"}, std::string(hal::formatPwd(*key)->text()));
  EXPECT_EQ(opened.exit, 0) << opened.err;
}

TEST_F(Shares, AreTypedOneAfterAnother) {
  ASSERT_EQ(setUp("2/3", 3).exit, 0);
  server_.start();
  const std::string first = pwdOn(image(2));
  EXPECT_TRUE(first.starts_with("2:")) << "the share's number";
  Ran typed = server_.ctl({"unseal", "--pwd-file", "-"}, first + "\n");
  EXPECT_EQ(typed.exit, 3);
  EXPECT_NE(typed.err.find("1 of 2"), std::string::npos) << typed.err;
  typed = server_.ctl({"unseal", "--pwd-file", "-"}, first.substr(2) + "\n");  // without its number
  EXPECT_EQ(typed.exit, 4) << typed.err;
  EXPECT_NE(typed.err.find("check character"), std::string::npos) << typed.err;
  typed = server_.ctl({"unseal", "--pwd-file", "-"}, pwdOn(image(3)) + "\n");
  EXPECT_EQ(typed.exit, 0) << typed.err;
  EXPECT_EQ(server_.log().find(first.substr(2, 8)), std::string::npos) << "a share is in the log";
}

TEST_F(Shares, AWrongOneAndOneOfAnotherSetAreNamed) {
  ASSERT_EQ(setUp("2/3", 3).exit, 0);
  hal::KeyFile wrong = fileOn(image(1));
  wrong.key = *base::MasterKey::generate(base::systemRng());
  makeDiskette(server_.safe() / "wrong.img", std::string(hal::formatKeyFile(wrong)->text()));
  hal::KeyFile strange = fileOn(image(1));
  strange.identity->medium = base::Uuid::generate(base::systemRng());
  makeDiskette(server_.safe() / "strange.img", std::string(hal::formatKeyFile(strange)->text()));

  server_.insert("strange.img");
  server_.start();
  server_.expectState("sealed", "key_mismatch");
  EXPECT_NE(detail(server_).find(strange.identity->medium.text()), std::string::npos) << detail(server_);
  EXPECT_TRUE(waitUntil([&] { return server_.ctl({"unseal"}).exit == 4; })) << "refusals are delayed, exit 6";
  server_.pull("strange.img");
  server_.insert("wrong.img");
  server_.expectState("sealed", "shares_needed");
  server_.insert(name(2));
  server_.expectState("sealed", "key_mismatch");
  EXPECT_NE(detail(server_).find("one of them is wrong"), std::string::npos) << detail(server_);
  server_.insert(name(3));
  server_.expectState("unsealed", "");
  EXPECT_NE(server_.log().find("share 1 of the set"), std::string::npos) << server_.log();
}

TEST_F(Shares, UnderSealAllMustBeThere) {
  ASSERT_EQ(setUp("2/2", 2).exit, 0);
  server_.insert(name(1));
  server_.start({"--on-removal", "seal"});
  server_.expectState("sealed", "shares_needed");
  server_.pull(name(1));
  server_.expectState("sealed", "awaiting_medium");
  server_.insert(name(2));
  server_.expectState("sealed", "shares_needed");
  server_.insert(name(1));
  server_.expectState("unsealed", "");
  server_.pull(name(2));
  server_.expectState("sealed", "medium_removed");
  server_.insert(name(2));
  server_.expectState("unsealed", "");
}

TEST_F(Shares, AreCheckedListedAndCopied) {
  ASSERT_EQ(setUp("2/3", 3).exit, 0);
  const std::string uri = "image:" + image(2).string();
  Ran ran = server_.kmsd({"medium", "check", uri, "--data-dir", server_.data()});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(ran.out.find("share 2 (any 2 of its set open together)"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("Together with others"), std::string::npos) << ran.out;
  ran = server_.kmsd({"medium", "check", uri, "--json"});
  const auto json = boost::json::parse(ran.out).as_object();
  EXPECT_EQ(json.at("share").at("number").as_int64(), 2);
  EXPECT_EQ(json.at("share").at("threshold").as_int64(), 2);
  ran = server_.kmsd({"medium", "list", "--medium", uri});
  EXPECT_NE(ran.out.find("share 2"), std::string::npos) << ran.out;

  ran = server_.kmsd({"medium", "copy", uri, "image:" + (server_.safe() / "copy.img").string()});
  ASSERT_EQ(ran.exit, 0) << ran.err;
  server_.insert(name(2));
  server_.insert("copy.img");
  server_.start();
  server_.expectState("sealed", "shares_needed");
  server_.pull(name(2));
  server_.insert(name(1));
  server_.expectState("unsealed", "");
}

TEST_F(Shares, ADiskIsMadeOfATypedOne) {
  ASSERT_EQ(setUp("2/3", 3).exit, 0);
  const auto identity = *fileOn(image(2)).identity;
  const std::string target = "image:" + (server_.safe() / "typed.img").string();
  const std::vector<std::string> bare = {"medium", "create", target, "--pwd-file", "-"};
  std::vector<std::string> named = bare;
  for (const std::string& word :
       {std::string("--server-id"), identity.server.text(), std::string("--medium-id"),
        identity.medium.text(), std::string("--label"), std::string("again")})
    named.push_back(word);
  EXPECT_EQ(server_.kmsd(named, pwdOn(image(2))).exit, 2) << "no threshold";
  named.insert(named.end(), {"--threshold", "2"});
  EXPECT_EQ(server_.kmsd(named, pwdOn(image(2))).exit, 0);
  server_.insert("typed.img");
  server_.insert(name(3));
  server_.start();
  server_.expectState("unsealed", "");
}

TEST_F(Shares, ABackupWithAKeyOfItsOwnOpensToo) {
  ASSERT_EQ(setUp("3/3", 3, {"--backup-medium", "image:" + image(9).string()}).exit, 0);
  server_.insert(name(9));
  server_.start();
  server_.expectState("unsealed", "");
}

struct Bad {
  const char* name;
  const char* rule;
  unsigned media;
  const char* says;
};
class BadShares : public Shares, public ::testing::WithParamInterface<Bad> {};

TEST_P(BadShares, AreRefusedAndNothingIsMade) {
  const Ran ran = setUp(GetParam().rule, GetParam().media);
  EXPECT_NE(ran.exit, 0);
  EXPECT_NE(ran.err.find(GetParam().says), std::string::npos) << ran.err;
  EXPECT_FALSE(fs::exists(server_.data() / "security"));
  EXPECT_FALSE(fs::exists(image(1)));
}

INSTANTIATE_TEST_SUITE_P(All, BadShares,
                         ::testing::Values(Bad{"one", "1/3", 3, "medium copy"}, Bad{"more", "4/3", 3, "K/N"},
                                           Bad{"many", "2/17", 17, "16"}, Bad{"form", "two", 3, "K/N"},
                                           Bad{"few", "2/3", 2, "or 3, one for each share"},
                                           Bad{"drive", "2/3", 1, "terminal"}),
                         [](const auto& bad) { return std::string(bad.param.name); });

TEST(Passphrase, TheMediumOpensOnlyTogetherWithIt) {
  Server server;
  fs::create_directory(server.drive());
  fs::create_directory(server.safe());
  const Ran made = server.kmsd({"setup", "--data-dir", server.data(), "--medium",
                                "image:" + (server.safe() / "key.img").string(), "--passphrase-file", "-"},
                               "Ku\xCC\x88he im Stall\n");
  ASSERT_EQ(made.exit, 0) << made.err;
  server.insert("key.img");
  server.start();
  server.expectState("sealed", "passphrase_needed");
  EXPECT_EQ(server.ctl({"unseal"}).exit, 3);
  Ran ran = server.ctl({"unseal", "--passphrase-file", "-"}, "another\n");
  EXPECT_EQ(ran.exit, 4) << ran.err;
  const auto rightly = [&] {
    return server.ctl({"unseal", "--passphrase-file", "-"}, "K\xC3\xBChe im Stall\n");
  };
  EXPECT_TRUE(waitUntil([&] { return rightly().exit == 0; })) << rightly().err;
  server.expectState("unsealed", "");
  EXPECT_EQ(server.log().find("Stall"), std::string::npos);
  EXPECT_EQ(server.ctl({"seal"}).exit, 0);
  EXPECT_EQ(server
                .ctl({"unseal", "--passphrase-file", "-"},
                     "a\x01"
                     "b\n")
                .exit,
            2);
}

TEST_F(Shares, AndAPassphraseTogether) {
  const std::string words = (server_.data().parent_path() / "words").string();
  std::ofstream(words) << "open sesame\n";
  fs::permissions(words, fs::perms(0600));
  const Ran made = setUp("2/3", 3, {"--passphrase-file", words});
  ASSERT_EQ(made.exit, 0) << made.err;
  server_.insert(name(1));
  server_.start();
  server_.expectState("sealed", "shares_needed");
  server_.pull(name(1));
  server_.insert(name(2));
  server_.expectState("sealed", "passphrase_needed");
  server_.pull(name(2));
  EXPECT_EQ(server_.ctl({"unseal", "--passphrase-file", words}).exit, 0);
  server_.expectState("unsealed", "");
}

}  // namespace
}  // namespace tests
