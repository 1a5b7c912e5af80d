// Shares and passphrases at a terminal: several disks in one drive, typed shares, a printed one.
#include <gtest/gtest.h>

#include "tests/support/at_terminal.h"
#include "tests/support/loop_drive.h"
#include "tests/support/server.h"
#include "tests/support/share_disks.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPressEnter = "press Enter: ";
constexpr const char* kTypeKey = "(2:...): ";

class AtTerminal : public ::testing::Test {
 protected:
  AtTerminal() {
    fs::create_directory(server_.drive());
    fs::create_directory(server_.safe());
  }
  fs::path image(unsigned number) const { return server_.safe() / (std::to_string(number) + ".img"); }
  void setUpShares() {
    std::vector<std::string> command = {"setup", "--data-dir", server_.data(), "--shares", "2/3"};
    for (unsigned i = 1; i <= 3; ++i)
      command.insert(command.end(), {"--medium", "image:" + image(i).string()});
    ASSERT_EQ(server_.kmsd(command).exit, 0);
  }

  Server server_;
};

TEST_F(AtTerminal, ThreeDisksInOneDrive) {
  LoopDrive drive;
  for (unsigned i = 1; i <= 3; ++i) makeZeros(image(i), 1'474'560);
  if (!drive.insert(image(1))) GTEST_SKIP() << "no loop device here";
  const auto insert = [&](unsigned number) {
    return [&, number] {
      EXPECT_TRUE(drive.insert(image(number)));
      return std::string();
    };
  };
  const Ran made =
      runAtTerminal({server_.program("kmsd"), "setup", "--data-dir", server_.data().string(), "--no-ca",
                     "--shares", "2/3", "--medium", drive.uri()},
                    {{kPressEnter, insert(1)},
                     {kPressEnter, insert(1)},  // not swapped: it is refused, and asked for again
                     {kPressEnter, insert(2)},
                     {kPressEnter, insert(3)}});
  ASSERT_EQ(made.exit, 0) << made.out;
  EXPECT_NE(made.out.find("holds a share of the same key already"), std::string::npos) << made.out;
  drive.eject();
  for (unsigned i = 1; i <= 3; ++i) EXPECT_TRUE(pwdOn(image(i)).starts_with(std::to_string(i) + ":"));

  ASSERT_TRUE(drive.insert(image(3)));
  server_.startWith({"--medium", drive.uri()});
  server_.expectState("sealed", "shares_needed");
  ASSERT_TRUE(drive.insert(image(1)));
  server_.expectState("unsealed", "");
  EXPECT_EQ(server_.stop(), 0);
}

TEST_F(AtTerminal, AreAddedInTheDriveOfTheDiskThatOpensTheServer) {
  LoopDrive drive;
  const Ran first = server_.kmsd(
      {"setup", "--data-dir", server_.data().string(), "--no-ca", "--medium", "image:" + image(9).string()});
  ASSERT_EQ(first.exit, 0) << first.err;
  const std::string opener = fileOn(image(9)).identity->medium.text();
  for (unsigned i = 1; i <= 2; ++i) makeZeros(image(i), 1'474'560);
  if (!drive.insert(image(9))) GTEST_SKIP() << "no loop device here";
  const auto insert = [&](unsigned number) {
    return [&, number] {
      EXPECT_TRUE(drive.insert(image(number)));
      return std::string();
    };
  };
  const Ran made = runAtTerminal({server_.program("kmsd"), "medium", "add", drive.uri(), "--data-dir",
                                  server_.data().string(), "--shares", "2/2", "--medium", drive.uri()},
                                 {{kPressEnter, say("")},  // the opener is in it still
                                  {kPressEnter, insert(2)},
                                  {kPressEnter, insert(1)}});
  ASSERT_EQ(made.exit, 0) << made.out;
  EXPECT_NE(made.out.find("the medium that opened the server"), std::string::npos) << made.out;
  drive.eject();
  EXPECT_EQ(fileOn(image(9)).identity->medium.text(), opener);

  ASSERT_TRUE(drive.insert(image(1)));
  server_.startWith({"--medium", drive.uri()});
  server_.expectState("sealed", "shares_needed");
  ASSERT_TRUE(drive.insert(image(2)));
  server_.expectState("unsealed", "");
}

TEST_F(AtTerminal, SharesAreTypedUntilTheyAreEnough) {
  setUpShares();
  server_.start();
  const Ran ran = runAtTerminal(
      {server_.program("kmsctl"), "--server", "unix:" + server_.socket().string(), "unseal", "--type"},
      {{kTypeKey, say(pwdOn(image(3)))},
       {kTypeKey, say(mistyped(pwdOn(image(2))))},
       {kTypeKey, say(pwdOn(image(2)))}});
  EXPECT_EQ(ran.exit, 0) << ran.out;
  EXPECT_NE(ran.out.find("check character does not fit"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("1 of 2"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find(pwdOn(image(3))), std::string::npos) << "it is shown while it is typed";
  server_.expectState("unsealed", "");
}

TEST_F(AtTerminal, ARunThatIsToldNoMoreSaysHowItGoesOn) {
  setUpShares();
  const Ran ran =
      runAtTerminal({server_.program("kmsd"), "run", "--data-dir", server_.data().string(), "--listen",
                     "unix:" + server_.socket().string(), "--medium", "prompt:"},
                    {{"shown): ", say(mistyped(pwdOn(image(1))))},
                     {"Type it again (nothing is shown): ", say("\x03")},
                     {"'kmsctl unseal --type' opens it", say("\x03")}});  // now it ends the server
  EXPECT_EQ(ran.exit, 130) << ran.out;
}

TEST_F(AtTerminal, AShareIsShownWithItsNumberAfterAQuestion) {
  setUpShares();
  const std::vector<std::string> command = {server_.program("kmsd"), "medium", "show",
                                            "image:" + image(2).string()};
  const Ran shown = runAtTerminal(command, "[y/N] ", "y");
  EXPECT_EQ(shown.exit, 0) << shown.out;
  EXPECT_NE(shown.out.find(pwdOn(image(2))), std::string::npos) << shown.out;
  const Ran declined = runAtTerminal(command, "[y/N] ", "n");
  EXPECT_EQ(declined.exit, 6);
  EXPECT_EQ(declined.out.find(pwdOn(image(2))), std::string::npos);
}

TEST_F(AtTerminal, APassphraseIsAskedForTwiceAndAtTheUnsealing) {
  const std::vector<std::string> setup = {server_.program("kmsd"),      "setup",       "--data-dir",
                                          server_.data().string(),      "--no-ca",     "--medium",
                                          "image:" + image(1).string(), "--passphrase"};
  const Ran differs =
      runAtTerminal(setup, {{"shown): ", say("open sesame")}, {"again: ", say("open sesam")}});
  EXPECT_EQ(differs.exit, 2) << differs.out;
  EXPECT_FALSE(fs::exists(image(1)));
  const Ran made = runAtTerminal(setup, {{"shown): ", say("open sesame")}, {"again: ", say("open sesame")}});
  ASSERT_EQ(made.exit, 0) << made.out;
  EXPECT_EQ(made.out.find("sesame"), std::string::npos);

  const std::vector<std::string> check = {
      server_.program("kmsd"),      "medium",     "check",
      "image:" + image(1).string(), "--data-dir", server_.data().string()};
  EXPECT_EQ(server_.kmsd({check.begin() + 1, check.end()}).exit, 3) << "nobody to ask";
  EXPECT_EQ(runAtTerminal(check, "key: ", "open sesame").exit, 0);
  EXPECT_EQ(runAtTerminal(check, "key: ", "open sesam").exit, 4);

  server_.insert("1.img");
  server_.start();
  server_.expectState("sealed", "passphrase_needed");
  const Ran opened =
      runAtTerminal({server_.program("kmsctl"), "--server", "unix:" + server_.socket().string(), "unseal"},
                    "slot: ", "open sesame");
  EXPECT_EQ(opened.exit, 0) << opened.out;
  server_.expectState("unsealed", "");
}

}  // namespace
}  // namespace tests
