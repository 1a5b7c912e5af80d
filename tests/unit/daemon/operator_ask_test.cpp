// PINs for the commands that make and read media.
#include "daemon/operator_ask.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/scratch.h"

namespace kmsd {
namespace {

using base::Reason;

class OperatorAskTest : public testing::Test {
 protected:
  std::filesystem::path pinFile() const { return scratch_.path() / "pin"; }
  void write(const std::string& pin) {
    std::ofstream(pinFile(), std::ios::binary) << pin;
    std::filesystem::permissions(pinFile(),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  static hal::PinQuestion card(const std::string& number, std::optional<unsigned> tries) {
    return {"OpenPGP", number, {}, {}, tries};
  }
  static std::string text(const base::Result<base::SecretBuffer>& pin) {
    return pin ? std::string(pin->text()) : "none: " + pin.error().what;
  }
  const tests::Scratch scratch_;
};

TEST_F(OperatorAskTest, GivesTheFilesPinAndKeepsItForTheCardThatTookIt) {
  write("123456\r\n");
  OperatorAsk ask(pinFile());
  EXPECT_EQ(text(ask.pin(card("a", 3))), "123456");
  write("111111");
  EXPECT_EQ(text(ask.pin(card("a", 3))), "123456") << "one command, one PIN for a card";
  EXPECT_EQ(text(ask.pin(card("b", 3))), "111111");
}

TEST_F(OperatorAskTest, AsksAnewWhereTheCardHasFewerTriesThanBefore) {
  write("123456");
  OperatorAsk ask(pinFile());
  EXPECT_EQ(text(ask.pin(card("a", 3))), "123456");
  write("111111");
  EXPECT_EQ(text(ask.pin(card("a", 2))), "111111");
}

TEST_F(OperatorAskTest, NeverTriesTheFilesPinWhereAWrongOneWouldBlock) {
  write("123456");
  OperatorAsk ask(pinFile());
  for (const auto tries : {std::optional<unsigned>(1), std::optional<unsigned>()}) {
    const auto pin = ask.pin(card("a", tries));
    ASSERT_FALSE(pin);
    EXPECT_EQ(pin.error().reason, Reason::PinWithheld);
    EXPECT_NE(pin.error().what.find("type it at a terminal"), std::string::npos) << pin.error().what;
  }
  EXPECT_EQ(ask.pin(card("a", 0)).error().reason, Reason::PinBlocked);
}

TEST_F(OperatorAskTest, TakesOneLineFromAFileThatNobodyElseReads) {
  OperatorAsk ask(pinFile());
  for (const std::string bad :
       {"", "\n", "12\n34", "1234567890123456789012345678901234567890123456789012345678901234567"}) {
    write(bad);
    EXPECT_EQ(ask.pin(card("a", 3)).error().code, base::Code::Invalid) << bad;
  }
  write("123456");
  std::filesystem::permissions(pinFile(), std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  EXPECT_NE(text(ask.pin(card("a", 3))).find("chmod 600"), std::string::npos);
  OperatorAsk absent(scratch_.path() / "absent");
  EXPECT_EQ(absent.pin(card("a", 3)).error().code, base::Code::NotFound);
}

TEST_F(OperatorAskTest, WithNeitherFileNorTerminalNobodyCanBeAsked) {
  OperatorAsk ask;
  EXPECT_EQ(ask.pin(card("a", 3)).error().code, base::Code::Unavailable);
}

TEST_F(OperatorAskTest, ASightGivesNoPinAndTellsWhoAsked) {
  PinSight sight;
  EXPECT_EQ(text(sight.pin(card("a", 1))), "none: it asks for its PIN (OpenPGP, 1 try left)");
  const auto asked = sight.take();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->card, "a");
  EXPECT_FALSE(sight.take());
}

}  // namespace
}  // namespace kmsd
