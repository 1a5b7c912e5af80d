// A second factor, and a key on paper: typed at terminals, with slips, however it was typed before.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "tests/support/at_terminal.h"
#include "tests/support/server.h"
#include "tests/support/share_disks.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

// "Kühe im Stall": the ü as one character, and as u with two dots behind it.
constexpr const char* kComposed = "K\xC3\xBChe im Stall";
constexpr const char* kDecomposed = "Ku\xCC\x88he im Stall";
constexpr const char* kTypeKey = "(2:...): ";
constexpr const char* kSlot = "slot: ";

class Typed : public ::testing::Test {
 protected:
  Typed() {
    fs::create_directory(server_.drive());
    fs::create_directory(server_.safe());
    words_ = (server_.safe() / "words").string();
    std::ofstream(words_) << kDecomposed << "\n";
    fs::permissions(words_, fs::perms(0600));
  }
  std::string uri(const std::string& name) const { return "image:" + (server_.safe() / name).string(); }
  void setUp(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = {"setup",   "--data-dir", server_.data(),
                                        "--no-ca", "--medium",   uri("key.img")};
    command.insert(command.end(), more.begin(), more.end());
    const Ran made = server_.kmsd(command);
    ASSERT_EQ(made.exit, 0) << made.err;
  }
  void setUpWithWords() { setUp({"--passphrase-file", words_}); }
  std::vector<std::string> kmsd(std::vector<std::string> words) const {
    words.insert(words.begin(), server_.program("kmsd"));
    return words;
  }
  std::vector<std::string> unseal(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {server_.program("kmsctl"), "--server",
                                      "unix:" + server_.socket().string(), "unseal"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::vector<std::string> check(const std::string& name) const {
    return kmsd({"medium", "check", uri(name), "--data-dir", server_.data().string()});
  }
  std::string detail() const { return std::string(server_.status().at("detail").as_string()); }

  Server server_;
  std::string words_;
};

TEST_F(Typed, OneMadeAtATerminalOpensWithTheSameWordsTypedOtherwise) {
  const Ran made = runAtTerminal(kmsd({"setup", "--data-dir", server_.data().string(), "--no-ca", "--medium",
                                       uri("key.img"), "--passphrase"}),
                                 {{"shown): ", say(kDecomposed)}, {"again: ", say(kComposed)}});
  ASSERT_EQ(made.exit, 0) << made.out;
  EXPECT_EQ(made.out.find("Stall"), std::string::npos);
  for (const char* words : {kComposed, kDecomposed})
    EXPECT_EQ(runAtTerminal(check("key.img"), "key: ", words).exit, 0) << words;
  server_.insert("key.img");
  server_.start();
  for (const char* words : {kComposed, kDecomposed}) {
    server_.expectState("sealed", words == kComposed ? "passphrase_needed" : "sealed_by_command");
    const Ran opened = runAtTerminal(unseal(), kSlot, words);
    EXPECT_EQ(opened.exit, 0) << opened.out;
    server_.expectState("unsealed", "");
    EXPECT_EQ(server_.ctl({"seal"}).exit, 0);
  }
  EXPECT_EQ(server_.log().find("Stall"), std::string::npos);
}

TEST_F(Typed, AWrongPassphraseAndAWrongKeyAreToldAlike) {
  setUpWithWords();
  hal::KeyFile wrong = fileOn(server_.safe() / "key.img");
  wrong.key = *base::MasterKey::generate(base::systemRng());
  makeDiskette(server_.safe() / "wrong.img", std::string(hal::formatKeyFile(wrong)->text()));
  server_.insert("key.img");
  server_.start();
  server_.expectState("sealed", "passphrase_needed");
  EXPECT_NE(detail().find("opens only together with its passphrase"), std::string::npos) << detail();
  const auto refused = [&](const std::string& words) {
    Ran ran;
    EXPECT_TRUE(waitUntil([&] {
      ran = server_.ctl({"unseal", "--passphrase-file", "-"}, words + "\n");
      return ran.exit == 4;
    })) << ran.exit
        << ran.err;
    EXPECT_NE(ran.err.find("and the passphrase do not open this database"), std::string::npos) << ran.err;
  };
  refused("Kuehe im Stall");
  server_.pull("key.img");
  server_.insert("wrong.img");
  server_.expectState("sealed", "passphrase_needed");  // nothing tells before scrypt that it is wrong
  refused(kComposed);
  server_.pull("wrong.img");
  server_.insert("key.img");
  EXPECT_TRUE(waitUntil([&] { return server_.ctl({"unseal", "--passphrase-file", words_}).exit == 0; }));
  server_.expectState("unsealed", "");
}

TEST_F(Typed, ACopyOpensWithThePassphraseTooAndRekeyingIsByAnotherMedium) {
  setUpWithWords();
  ASSERT_EQ(server_.kmsd({"medium", "copy", uri("key.img"), uri("copy.img")}).exit, 0);
  EXPECT_EQ(runAtTerminal(check("copy.img"), "key: ", kComposed).exit, 0);
  EXPECT_EQ(runAtTerminal(check("copy.img"), "key: ", "Kuehe im Stall").exit, 4);

  const std::string old = fileOn(server_.safe() / "key.img").identity->medium.text();
  const Ran rekeyed = runAtTerminal(kmsd({"rekey", uri("key.img"), "--data-dir", server_.data().string()}),
                                    {{"Passphrase of ", say(kComposed)}, {"only", say("no")}});
  EXPECT_NE(rekeyed.exit, 0) << rekeyed.out;
  EXPECT_EQ(fileOn(server_.safe() / "key.img").identity->medium.text(), old);

  // A new medium with another passphrase, and the old one goes.
  const Ran added = runAtTerminal(
      kmsd({"medium", "add", uri("next.img"), "--passphrase", "--data-dir", server_.data().string(),
            "--medium", uri("key.img")}),
      {{"Passphrase of ", say(kComposed)}, {"shown): ", say("new words")}, {"again: ", say("new words")}});
  ASSERT_EQ(added.exit, 0) << added.out;
  const Ran retired = runAtTerminal(
      kmsd({"medium", "retire", old, "--data-dir", server_.data().string(), "--medium", uri("next.img")}),
      "Passphrase of ", "new words");
  ASSERT_EQ(retired.exit, 0) << retired.out;
  EXPECT_EQ(runAtTerminal(check("next.img"), "key: ", "new words").exit, 0);
  EXPECT_EQ(server_.kmsd({"medium", "check", uri("copy.img"), "--data-dir", server_.data().string()}).exit,
            4);
}

TEST_F(Typed, AKeyOnPaperIsShownAtATerminalOnlyAndOpensTyped) {
  setUp();
  const std::string pwd = pwdOn(server_.safe() / "key.img");
  const std::vector<std::string> show = {"medium", "show", uri("key.img")};
  const Ran piped = server_.kmsd(show, "y\n");
  EXPECT_EQ(piped.exit, 6) << piped.err;
  EXPECT_EQ((piped.out + piped.err).find(pwd), std::string::npos);
  const Ran declined = runAtTerminal(kmsd(show), "[y/N] ", "");
  EXPECT_EQ(declined.exit, 6);
  EXPECT_EQ(declined.out.find(pwd), std::string::npos);
  const Ran shown = runAtTerminal(kmsd(show), "[y/N] ", "yes");
  EXPECT_EQ(shown.exit, 0);
  EXPECT_NE(shown.out.find(pwd), std::string::npos);

  server_.start();
  std::string swapped = pwd;
  for (std::size_t i = 0; i + 1 < swapped.size(); ++i)
    if (swapped[i] != swapped[i + 1]) {
      std::swap(swapped[i], swapped[i + 1]);
      break;
    }
  const Ran opened =
      runAtTerminal(unseal({"--type"}), {{kTypeKey, say(mistyped(pwd))},
                                         {kTypeKey, say(swapped)},
                                         {kTypeKey, say(pwd.substr(1))},
                                         {kTypeKey, say(pwd.substr(0, 5) + "-" + pwd.substr(5))}});
  EXPECT_EQ(opened.exit, 0) << opened.out;
  EXPECT_NE(opened.out.find("check character does not fit"), std::string::npos) << opened.out;
  EXPECT_NE(opened.out.find("fewer than 14 characters"), std::string::npos) << opened.out;
  EXPECT_EQ(opened.out.find(pwd.substr(6)), std::string::npos) << "it is shown while it is typed";
  server_.expectState("unsealed", "");
  EXPECT_EQ(server_.log().find("was refused"), std::string::npos) << "a slip is no refused key";
}

// kmsd at a terminal of its own, until it is open.
Ran runUntilOpen(const Server& server, const std::vector<TerminalStep>& steps) {
  const fs::path pid = server.safe() / "pid";
  const std::vector<std::string> command = {
      "/bin/sh", "-c",
      "echo $$ > '" + pid.string() + "'; exec '" + server.program("kmsd") + "' run --medium prompt: " +
          "--data-dir '" + server.data().string() + "' --listen 'unix:" + server.socket().string() + "'"};
  bool open = false;
  std::thread end([&] {
    open = waitUntil([&] { return server.ctl({"status"}).out.find("unsealed") != std::string::npos; });
    pid_t process = 0;
    std::ifstream(pid) >> process;
    if (process > 0) ::kill(process, open ? SIGTERM : SIGKILL);
  });
  Ran ran = runAtTerminal(command, steps);
  end.join();
  EXPECT_TRUE(open) << ran.out;
  return ran;
}

TEST_F(Typed, AtTheStartOfTheServerWithASlipAndThePassphrase) {
  setUpWithWords();
  const std::string pwd = pwdOn(server_.safe() / "key.img");
  const Ran ran = runUntilOpen(
      server_, {{"shown): ", say(mistyped(pwd))}, {"shown): ", say(pwd)}, {"shown): ", say(kComposed)}});
  EXPECT_EQ(ran.exit, 0) << ran.out;
  EXPECT_NE(ran.out.find("check character does not fit; a character was mistyped"), std::string::npos)
      << ran.out;
  EXPECT_NE(ran.out.find("Type it again"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find(pwd), std::string::npos);
  EXPECT_EQ(ran.out.find("Stall"), std::string::npos);
}

TEST_F(Typed, SharesAtTheStartOfTheServer) {
  setUp({"--medium", uri("two.img"), "--shares", "2/2"});
  const Ran ran = runUntilOpen(server_, {{"shown): ", say(pwdOn(server_.safe() / "two.img"))},
                                         {"shown): ", say(mistyped(pwdOn(server_.safe() / "key.img")))},
                                         {"shown): ", say(pwdOn(server_.safe() / "key.img"))}});
  EXPECT_EQ(ran.exit, 0) << ran.out;
  EXPECT_NE(ran.out.find("1 of 2 shares read"), std::string::npos) << ran.out;
}

}  // namespace
}  // namespace tests
