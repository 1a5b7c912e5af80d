// End to end: kmsd, kmsd-media and kmsctl of the build, the genuine pcscd, and a virtual card.
#include "tests/support/server.h"

#include <gtest/gtest.h>

#include <fstream>

#include "drivers/smartcard/card_text.h"
#include "tests/support/at_terminal.h"
#include "tests/support/disks.h"
#include "tests/virtual/cards/iso_card.h"
#include "tests/virtual/cards/openpgp_card.h"
#include "tests/virtual/pcscd.h"
#include "tests/virtual/vpcd_link.h"

namespace tests {
namespace {

class CardServer : public ::testing::Test {
 protected:
  void SetUp() override {
    server.setUp();
    pcscd.start();
  }
  // The key of the server's disk, put onto the card as the driver writes it.
  void putKey(OpenPgpCard& onto, const Server& of) {
    const std::string key = readKeyText(of.safe() / "key.img");
    const auto packed = drivers::smartcard::cardText(base::asBytes(key));
    ASSERT_TRUE(packed) << packed.error().what;
    onto.secret = bytesOf(packed->text());
    onto.open = bytesOf(drivers::smartcard::openLines(base::asBytes(key)));
  }
  void insert(std::shared_ptr<VirtualCard> inserted) {
    link = std::make_unique<VpcdLink>(pcscd.port(0), std::move(inserted));
  }
  // Until kmsd's commands, which do not wait, find it in the reader.
  void awaitCard() const {
    ASSERT_TRUE(waitUntil([this] {
      return server.kmsd({"medium", "list", "--medium", "card:"}).out.find("it asks for its PIN") !=
             std::string::npos;
    }));
  }
  std::filesystem::path pinFile() const { return server.safe() / "pin"; }
  // Whole or not at all, as kmsd may read it at any moment.
  void writePin(const std::string& pin) {
    const std::filesystem::path made = server.safe() / "pin.new";
    std::ofstream(made) << pin << "\n";
    std::filesystem::permissions(made, std::filesystem::perms(0600));
    std::filesystem::rename(made, pinFile());
  }
  void start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {"--medium", "card:", "--pin-file", pinFile().string()};
    all.insert(all.end(), more.begin(), more.end());
    server.startWith(all);
  }
  std::string detail() const {
    const auto status = server.status();
    const auto* said = status.if_contains("detail");
    return said != nullptr && said->is_string() ? std::string(said->as_string()) : std::string();
  }

  Server server;
  Pcscd pcscd;
  const std::shared_ptr<OpenPgpCard> card = std::make_shared<OpenPgpCard>();
  std::unique_ptr<VpcdLink> link;  // pulled first
};

TEST_F(CardServer, OpensWithACardAndAPinFile) {
  putKey(*card, server);
  writePin("123456");
  insert(card);
  start();
  server.expectState("unsealed", "");
  server.stop();
  link.reset();
  EXPECT_EQ(card->pin.given, 1U);
  EXPECT_EQ(card->pin.left, 3U);
}

TEST_F(CardServer, SealsWhenTheCardIsPulledAndOpensWhenItIsBackThoughPcscdDied) {
  putKey(*card, server);
  writePin("123456");
  start({"--on-removal", "seal"});
  server.expectState("sealed", "awaiting_medium");
  insert(card);
  server.expectState("unsealed", "");
  link.reset();
  server.expectState("sealed", "medium_removed");
  pcscd.kill();
  pcscd.start();
  insert(card);
  server.expectState("unsealed", "");
  server.stop();
  link.reset();
  EXPECT_EQ(card->pin.given, 2U);
}

TEST_F(CardServer, AWrongPinFileCostsOneTryAlsoAfterARestart) {
  putKey(*card, server);
  writePin("999999");
  insert(card);
  start();
  server.expectState("sealed", "pin_needed");
  EXPECT_NE(detail().find("2 "), std::string::npos) << detail();
  EXPECT_NE(detail().find("left"), std::string::npos) << detail();
  server.stop();
  start();
  server.expectState("sealed", "pin_needed");
  EXPECT_NE(detail().find("2 tries left"), std::string::npos) << detail();
  link.reset();
  server.expectState("sealed", "awaiting_medium");
  EXPECT_EQ(card->pin.given, 1U);
  EXPECT_EQ(card->pin.left, 2U);
  insert(card);
  server.expectState("sealed", "pin_needed");
  writePin("123456");
  const Ran ran = server.ctl({"unseal"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  server.expectState("unsealed", "");
  server.stop();
  link.reset();
  EXPECT_EQ(card->pin.given, 2U);
  EXPECT_EQ(card->pin.left, 3U);
}

TEST_F(CardServer, ATypedPinOpens) {
  putKey(*card, server);
  insert(card);
  server.startWith({"--medium", "card:"});
  server.expectState("sealed", "pin_needed");
  EXPECT_NE(detail().find("3 tries left"), std::string::npos) << detail();
  const Ran ran = server.ctl({"unseal", "--pin-file", "-"}, "123456\n");
  EXPECT_EQ(ran.exit, 0) << ran.err;
  server.expectState("unsealed", "");
  server.stop();
  link.reset();
  EXPECT_EQ(card->pin.given, 1U);
}

TEST_F(CardServer, APinTypedAtTheTerminalOpensAndIsNotShown) {
  putKey(*card, server);
  insert(card);
  server.startWith({"--medium", "card:"});
  server.expectState("sealed", "pin_needed");
  const std::vector<std::string> unseal = {server.program("kmsctl"), "--server",
                                           "unix:" + server.socket().string(), "unseal"};
  const Ran wrong = runAtTerminal(unseal, "PIN of the card: ", "999999");
  EXPECT_NE(wrong.exit, 0);
  EXPECT_NE(wrong.out.find("2 tries are left"), std::string::npos) << wrong.out;
  const Ran right = runAtTerminal(unseal, "PIN of the card: ", "123456");
  EXPECT_EQ(right.exit, 0) << right.out;
  for (const Ran& ran : {wrong, right})  // with the line's end behind the question, and nothing before it
    EXPECT_NE(ran.out.find("PIN of the card: \r\n"), std::string::npos) << ran.out;
  server.expectState("unsealed", "");
  server.stop();
  link.reset();
  EXPECT_EQ(card->pin.given, 2U);
  EXPECT_EQ(card->pin.left, 3U);
}

TEST_F(CardServer, AnotherServersCardGetsNoPin) {
  Server other;
  other.setUp();
  putKey(*card, other);
  writePin("123456");
  insert(card);
  start();
  server.expectState("sealed", "foreign");
  // The server's own, beside it.
  const auto own = std::make_shared<OpenPgpCard>(CardManner{}, 0x22222222);
  putKey(*own, server);
  VpcdLink second(pcscd.port(1), own);
  server.expectState("unsealed", "");
  server.stop();
  link.reset();
  EXPECT_EQ(card->pin.given, 0U);
  EXPECT_EQ(card->pin.left, 3U);
}

TEST_F(CardServer, ACardThatSaysNothingOfItselfGetsNoPin) {
  putKey(*card, server);
  card->open.clear();
  writePin("123456");
  insert(card);
  start();
  server.expectState("sealed", "pin_needed");
  EXPECT_NE(detail().find("kmsctl unseal --pin --card"), std::string::npos) << detail();
  link.reset();
  server.expectState("sealed", "awaiting_medium");
  EXPECT_EQ(card->pin.given, 0U);
}

TEST_F(CardServer, ACardIsMadeBySetupListedAndCopiedWithOnePinEach) {
  insert(card);
  writePin("123456");
  const std::string data = (server.safe() / "data").string();
  const std::string copy = (server.safe() / "copy.img").string();
  awaitCard();
  const Ran made =
      server.kmsd({"setup", "--data-dir", data, "--medium", "card:", "--pin-file", pinFile().string()});
  ASSERT_EQ(made.exit, 0) << made.err;
  const Ran listed = server.kmsd({"medium", "list", "--medium", "card:", "--json"});
  EXPECT_EQ(listed.exit, 0) << listed.err;
  EXPECT_NE(listed.out.find("it asks for its PIN (OpenPGP, 3 tries left)"), std::string::npos) << listed.out;
  const Ran checked =
      server.kmsd({"medium", "check", "card:", "--data-dir", data, "--pin-file", "-"}, "123456\n");
  EXPECT_EQ(checked.exit, 0) << checked.out << checked.err;
  EXPECT_NE(checked.out.find("It opens the server."), std::string::npos) << checked.out;
  const Ran copied =
      server.kmsd({"medium", "copy", "card:", "image:" + copy, "--pin-file", pinFile().string()});
  ASSERT_EQ(copied.exit, 0) << copied.err;
  const Ran opens = server.kmsd({"medium", "check", "image:" + copy, "--data-dir", data});
  EXPECT_EQ(opens.exit, 0) << opens.out << opens.err;
  link.reset();
  EXPECT_EQ(card->pin.left, 3U);
  writePin("999999");
  insert(card);
  awaitCard();
  const Ran wrong = server.kmsd({"medium", "check", "card:", "--pin-file", pinFile().string()});
  EXPECT_EQ(wrong.exit, 6) << wrong.err;
  EXPECT_NE(wrong.err.find("2 "), std::string::npos) << wrong.err;
  link.reset();
  EXPECT_EQ(card->pin.left, 2U);
}

TEST_F(CardServer, AShareOnACardOpensTogetherWithADisk) {
  insert(card);
  writePin("123456");
  awaitCard();
  const std::string half = (server.safe() / "half.img").string();
  const Ran made = server.kmsd({"medium", "add", "card:", "image:" + half, "--shares", "2/2", "--medium",
                                "image:" + (server.safe() / "key.img").string(), "--data-dir",
                                server.data().string(), "--pin-file", pinFile().string()});
  ASSERT_EQ(made.exit, 0) << made.err;
  const std::vector<std::string> more = {"--on-removal", "seal", "--medium",
                                         "image:" + server.drive().string()};
  start(more);
  server.expectState("sealed", "shares_needed");
  EXPECT_NE(detail().find("1 of 2 shares read"), std::string::npos) << detail();
  server.insert("half.img");
  server.expectState("unsealed", "");
  link.reset();
  server.expectState("sealed", "medium_removed");
  const std::string text(base::asText(card->secret));
  EXPECT_LE(text.size(), 240U);
  EXPECT_NE(text.find("pwd=1:"), std::string::npos) << text;
  EXPECT_EQ(card->pin.left, 3U);
  insert(card);
  server.expectState("unsealed", "");
  server.pull("half.img");
  server.expectState("sealed", "medium_removed");
  server.stop();
}

}  // namespace
}  // namespace tests
