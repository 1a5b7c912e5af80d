// Which card gets which PIN, and what is remembered of it.
#include "daemon/pin_desk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "hal/base/file.h"
#include "tests/support/scratch.h"

namespace kmsd {
namespace {

using base::Code;
using base::Reason;

constexpr const char* kCard = "openpgp:D2760001240103040006000000050000";

class PinDeskTest : public testing::Test {
 protected:
  void write(const std::string& pin) {
    std::ofstream(pinFile()) << pin << "\n";
    std::filesystem::permissions(pinFile(),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  std::filesystem::path pinFile() const { return scratch_.path() / "pin"; }
  std::filesystem::path ledgerFile() const { return scratch_.path() / "cards"; }
  PinDesk desk(bool withFile = true) {
    return {server_, withFile ? pinFile() : std::filesystem::path(), PinLedger(ledgerFile())};
  }
  hal::PinQuestion ours(std::optional<unsigned> tries = 3) const {
    return {"OpenPGP", kCard, server_, {}, tries};
  }
  hal::PinQuestion strange(std::optional<unsigned> tries = 3) const {
    return {"PIV", "piv:77", {}, {}, tries};
  }
  static PinOrder typed(std::string_view pin, std::string card = {}, bool lastTry = false) {
    return {std::move(*base::SecretBuffer::copyOf(base::asBytes(pin))), std::move(card), lastTry};
  }
  PinOrder* order(PinOrder order) {
    order_ = std::move(order);
    return &order_;
  }
  static std::string text(const base::Result<base::SecretBuffer>& pin) {
    return pin ? std::string(pin->text()) : "none: " + pin.error().what;
  }
  static base::Error wrong() { return {Code::Denied, "the card refused the PIN", Reason::PinWrong}; }

  PinOrder order_;
  const tests::Scratch scratch_;
  const base::Uuid server_ = base::Uuid::generate(base::systemRng());
};

TEST_F(PinDeskTest, GivesTheFilesPinToACardThatShowsThisServer) {
  write("123456");
  auto desk = this->desk();
  desk.begin(nullptr);
  EXPECT_EQ(text(desk.pin(ours())), "123456");
  ASSERT_TRUE(desk.end(nullptr));
  desk.begin(nullptr);
  EXPECT_EQ(text(desk.pin(ours())), "123456");
}

TEST_F(PinDeskTest, GivesAnotherServersCardNothingNotEvenATypedPin) {
  auto desk = this->desk();
  auto question = ours();
  question.server = base::Uuid::generate(base::systemRng());
  desk.begin(order(typed("123456", kCard, true)));
  EXPECT_EQ(desk.pin(question).error().reason, Reason::Foreign);
  ASSERT_TRUE(desk.refusal());
  EXPECT_EQ(desk.refusal()->reason, Reason::Foreign);
}

TEST_F(PinDeskTest, AStrangeCardGetsAPinOnlyByItsNumberAndIsKnownOnceItOpened) {
  write("123456");
  auto desk = this->desk();
  desk.begin(nullptr);
  EXPECT_EQ(desk.pin(strange()).error().reason, Reason::PinWithheld);
  desk.begin(order(typed("1111")));
  EXPECT_NE(desk.pin(strange()).error().what.find("--pin --card 'piv:77'"), std::string::npos);
  desk.begin(order(typed("1111", "piv:78")));
  EXPECT_FALSE(desk.pin(strange()));
  desk.begin(order(typed("1111", "piv:77")));
  EXPECT_EQ(text(desk.pin(strange())), "1111");
  ASSERT_TRUE(desk.end(nullptr));
  {
    auto other = this->desk();
    other.begin(nullptr);
    EXPECT_FALSE(other.pin(strange())) << "its PIN was right, but it has opened nothing yet";
  }
  ASSERT_TRUE(desk.opened());
  auto later = this->desk();
  later.begin(nullptr);
  EXPECT_EQ(text(later.pin(strange())), "123456");
}

TEST_F(PinDeskTest, NeverTriesByItselfWithOneTryLeftOrAnUnknownNumber) {
  write("123456");
  auto desk = this->desk();
  for (const auto tries : {std::optional<unsigned>(1), std::optional<unsigned>()}) {
    desk.begin(nullptr);
    EXPECT_EQ(desk.pin(ours(tries)).error().reason, Reason::PinWithheld);
    desk.begin(order(typed("123456")));
    EXPECT_FALSE(desk.pin(ours(tries)));
    desk.begin(order(typed("123456", {}, true)));
    EXPECT_EQ(text(desk.pin(ours(tries))), "123456");
  }
  desk.begin(order(typed("123456", {}, true)));
  EXPECT_EQ(desk.pin(ours(0)).error().reason, Reason::PinBlocked);
}

TEST_F(PinDeskTest, RemembersARefusedPinAcrossRestartsUntilTheFileChanges) {
  write("000000");
  auto desk = this->desk();
  desk.begin(nullptr);
  ASSERT_TRUE(desk.pin(ours()));
  const auto refused = wrong();
  ASSERT_TRUE(desk.end(&refused));
  auto later = this->desk();
  later.begin(nullptr);
  const auto again = later.pin(ours(2));
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().what.find("2 tries left"), std::string::npos);
  std::filesystem::remove(pinFile());
  write("123456");
  later.begin(nullptr);
  EXPECT_EQ(text(later.pin(ours(2))), "123456");
}

TEST_F(PinDeskTest, AnAdministratorsWordTriesARefusedFileOnceMore) {
  write("000000");
  auto desk = this->desk();
  const auto refused = wrong();
  desk.begin(nullptr);
  ASSERT_TRUE(desk.pin(ours()));
  ASSERT_TRUE(desk.end(&refused));
  desk.begin(order(PinOrder{}));
  EXPECT_EQ(text(desk.pin(ours(2))), "000000");
}

TEST_F(PinDeskTest, AnInterruptedCardCostsNoSecondTry) {
  write("000000");
  const base::Error pulled{Code::NotFound, "the card was pulled"};
  auto desk = this->desk();
  desk.begin(nullptr);
  ASSERT_TRUE(desk.pin(ours(3)));
  ASSERT_TRUE(desk.end(&pulled));
  auto untouched = this->desk();  // the card did not count it: it never heard of it
  untouched.begin(nullptr);
  ASSERT_TRUE(untouched.pin(ours(3)));
  ASSERT_TRUE(untouched.end(&pulled));
  auto counted = this->desk();
  counted.begin(nullptr);
  EXPECT_FALSE(counted.pin(ours(2)));
  auto later = this->desk();
  later.begin(nullptr);
  EXPECT_FALSE(later.pin(ours(2)));
}

TEST_F(PinDeskTest, ATypedPinGoesToOneCardOnly) {
  auto desk = this->desk(false);
  PinOrder* given = order(typed("1111"));
  desk.begin(given);
  ASSERT_TRUE(desk.pin(ours()));
  const auto refused = wrong();
  ASSERT_TRUE(desk.end(&refused));
  desk.begin(given);
  EXPECT_EQ(desk.pin(ours()).error().reason, Reason::PinWithheld);
}

TEST_F(PinDeskTest, AnOrderForOneCardGivesTheFilesPinToNoOther) {
  write("000000");
  auto desk = this->desk();
  PinOrder* given = order(typed("1111", {}, true));
  desk.begin(given);
  EXPECT_EQ(text(desk.pin(ours(1))), "1111");
  const auto refused = wrong();
  ASSERT_TRUE(desk.end(&refused));
  auto other = ours(1);
  other.card = "openpgp:other";
  desk.begin(given);
  EXPECT_EQ(desk.pin(other).error().reason, Reason::PinWithheld) << "its last try would be spent";
}

TEST_F(PinDeskTest, AnOrderThatNamesACardIsForNoOther) {
  write("000000");
  auto desk = this->desk();
  desk.begin(order(typed("1111", "piv:77")));
  EXPECT_EQ(desk.pin(ours()).error().reason, Reason::PinWithheld) << "ours, but another was named";
  desk.begin(order(typed("1111", "piv:77")));
  EXPECT_EQ(text(desk.pin(strange())), "1111");
}

TEST_F(PinDeskTest, ATypedPinThatIsRightDoesNotForgiveTheFiles) {
  write("000000");
  auto desk = this->desk();
  desk.begin(nullptr);
  ASSERT_TRUE(desk.pin(ours(3)));
  const auto refused = wrong();
  ASSERT_TRUE(desk.end(&refused));
  desk.begin(order(typed("123456")));
  ASSERT_TRUE(desk.pin(ours(2)));
  ASSERT_TRUE(desk.end(nullptr));
  desk.begin(nullptr);
  EXPECT_FALSE(desk.pin(ours(3)));
}

TEST_F(PinDeskTest, APinWhoseOutcomeWasLostIsNotTriedOnceATypedOneHasSetTheCountBack) {
  write("000000");
  const base::Error pulled{Code::NotFound, "the card was pulled"};
  auto desk = this->desk();
  desk.begin(nullptr);
  ASSERT_TRUE(desk.pin(ours(3)));
  ASSERT_TRUE(desk.end(&pulled));
  desk.begin(order(typed("123456")));
  ASSERT_TRUE(desk.pin(ours(2)));
  ASSERT_TRUE(desk.end(nullptr));
  desk.begin(nullptr);
  EXPECT_FALSE(desk.pin(ours(3)));
}

TEST_F(PinDeskTest, APinThatBlockedTheCardIsRememberedAsRefused) {
  write("000000");
  const base::Error blocked{Code::Denied, "the card is blocked", Reason::PinBlocked};
  auto desk = this->desk();
  desk.begin(order(PinOrder{std::nullopt, {}, true}));
  ASSERT_TRUE(desk.pin(ours(1)));
  ASSERT_TRUE(desk.end(&blocked));
  desk.begin(nullptr);
  EXPECT_FALSE(desk.pin(ours(3))) << "it was unblocked by other tools";
}

TEST_F(PinDeskTest, OneReadingGetsOnePin) {
  write("123456");
  auto desk = this->desk();
  desk.begin(nullptr);
  ASSERT_TRUE(desk.pin(ours()));
  EXPECT_FALSE(desk.pin(ours()));
}

TEST_F(PinDeskTest, WithoutAFileItSaysWhatToType) {
  auto desk = this->desk(false);
  desk.begin(nullptr);
  const auto pin = desk.pin(ours());
  ASSERT_FALSE(pin);
  EXPECT_EQ(pin.error().reason, Reason::PinNeeded);
  EXPECT_NE(pin.error().what.find("kmsctl unseal --pin"), std::string::npos);
}

TEST_F(PinDeskTest, RefusesAPinFileThatIsOpenToOthersOrNoLine) {
  auto desk = this->desk();
  const auto said = [&] {
    desk.begin(nullptr);
    const auto pin = desk.pin(ours());
    return pin ? std::string() : pin.error().what;
  };
  EXPECT_NE(said().find("No such file"), std::string::npos) << said();
  write("123456");
  std::filesystem::permissions(pinFile(), std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  EXPECT_NE(said().find("chmod 600"), std::string::npos) << said();
  write(std::string(65, '1'));
  EXPECT_NE(said().find("1 to 64"), std::string::npos) << said();
  write("");
  EXPECT_NE(said().find("1 to 64"), std::string::npos) << said();
}

TEST_F(PinDeskTest, ADamagedOrUnwritableLedgerGivesNoPin) {
  write("123456");
  std::ofstream(ledgerFile()) << "known\tpiv:1\n";  // no end: cut off
  auto desk = this->desk();
  desk.begin(nullptr);
  EXPECT_NE(text(desk.pin(ours())).find("damaged"), std::string::npos);
  std::filesystem::remove(ledgerFile());
  std::filesystem::create_directory(ledgerFile());
  auto other = this->desk();
  other.begin(nullptr);
  EXPECT_FALSE(other.pin(ours()));
}

TEST(PinRecords, ReadWhatTheyWriteAndNothingElse) {
  using Kind = PinRecord::Kind;
  const std::vector<PinRecord> records{{Kind::Known, "piv:1", {}, {}},
                                       {Kind::Trying, "iso:2", "/etc/kms/pin 12.5 77", 3},
                                       {Kind::Refused, "openpgp:3", "/etc/kms/pin 12.5 77", {}}};
  const auto text = formatPinRecords(records);
  const auto parsed = parsePinRecords(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, records);
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(parsePinRecords(std::string_view(text).substr(0, size))) << size;
  EXPECT_FALSE(parsePinRecords(text + "known\tx\n"));
  EXPECT_FALSE(parsePinRecords("trying\tx\t-1\ty\nend\n"));
  EXPECT_FALSE(parsePinRecords("known\nend\n"));
}

TEST(PinRecords, AreAsTheFormatsPageShowsThem) {
  std::ifstream page(KEYDISK_SOURCE_DIR "/kms/FORMATS.md");
  std::string line;
  while (std::getline(page, line) && line != "```example cards") {
  }
  std::string text;
  while (std::getline(page, line) && line.starts_with("line: ")) text += line.substr(6) + "\n";
  const auto records = parsePinRecords(text);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 3U);
  EXPECT_EQ((*records)[1].tries, 3U);
  EXPECT_EQ(formatPinRecords(*records), text);
}

TEST_F(PinDeskTest, KeepsABoundedNumberOfCards) {
  PinLedger ledger(ledgerFile());
  ASSERT_TRUE(ledger.load());
  for (std::size_t i = 0; i < PinLedger::kMost + 3; ++i) ASSERT_TRUE(ledger.know("iso:" + std::to_string(i)));
  PinLedger again(ledgerFile());
  ASSERT_TRUE(again.load());
  EXPECT_FALSE(again.known("iso:2"));
  EXPECT_TRUE(again.known("iso:3"));
}

}  // namespace
}  // namespace kmsd
