// Shares and passphrases at a terminal: several disks in one drive, typed shares, a printed one.
#include <gtest/gtest.h>

#include "tests/support/at_terminal.h"
#include "tests/support/disks.h"
#include "tests/support/server.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPressEnter = "press Enter: ";
constexpr const char* kTypeKey = "(2:...): ";

std::string pwdOn(const fs::path& image) {
  const std::string text = readKeyText(image);
  const std::size_t at = text.find("pwd=") + 4;
  return text.substr(at, text.find_first_of("\r\n", at) - at);
}

std::function<std::string()> say(std::string text) {
  return [text = std::move(text)] { return text; };
}

// A drive: a loop device, with one image or another in it.
class LoopDrive {
 public:
  LoopDrive() {
    const Ran free = run({"losetup", "-f"});
    device_ = free.out.substr(0, free.out.find('\n'));
  }
  ~LoopDrive() { eject(); }
  LoopDrive(const LoopDrive&) = delete;
  LoopDrive& operator=(const LoopDrive&) = delete;

  bool insert(const fs::path& image) {
    eject();
    inserted_ = run({"losetup", device_, image.string()}).exit == 0;
    return inserted_;
  }
  void eject() {
    if (std::exchange(inserted_, false)) run({"losetup", "-d", device_});
  }
  std::string uri() const { return "floppy:" + device_; }

 private:
  std::string device_;
  bool inserted_ = false;
};

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

TEST_F(AtTerminal, SharesAreTypedUntilTheyAreEnough) {
  setUpShares();
  server_.start();
  const Ran ran = runAtTerminal(
      {server_.program("kmsctl"), "--server", "unix:" + server_.socket().string(), "unseal", "--type"},
      {{kTypeKey, say(pwdOn(image(3)))}, {kTypeKey, say(pwdOn(image(2)))}});
  EXPECT_EQ(ran.exit, 0) << ran.out;
  EXPECT_NE(ran.out.find("1 of 2"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find(pwdOn(image(3))), std::string::npos) << "it is shown while it is typed";
  server_.expectState("unsealed", "");
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
