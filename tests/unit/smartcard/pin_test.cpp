// The rules for PINs: tries are read first, one VERIFY for each answer, to the card that was asked for only.
#include "tests/unit/smartcard/card_bench.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

class PinTest : public CardBench {
 protected:
  PinTest() {
    use("");
    card->open = bytesOf(ownerLines());
    card->secret = bytesOf(packedText('A'));
    insert(card);
  }
  std::shared_ptr<OpenPgpCard> card = std::make_shared<OpenPgpCard>();
};

TEST_F(PinTest, AWrongPinTellsTheTriesLeft) {
  for (const bool tells : {true, false}) {  // by 63Cx, or by 6982 and object C4
    card->pin.left = 3;
    card->pin.tellsTries = tells;
    Typist typist("654321");
    auto got = read(typist);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().reason, Reason::PinWrong);
    EXPECT_NE(got.error().what.find("2 tries are left"), std::string::npos) << got.error().what;
    EXPECT_EQ(got.error().what.find("654321"), std::string::npos);
    EXPECT_EQ(card->pin.left, 2U);
    got = read(typist);
    EXPECT_NE(got.error().what.find("1 try is left"), std::string::npos) << got.error().what;
    EXPECT_EQ(typist.questions.back().triesLeft, 2U);
  }
  EXPECT_EQ(card->pin.given, 4U);
}

TEST_F(PinTest, TheLastTryIsTheAskersToGive) {
  card->pin.left = 1;
  Typist typist("654321");
  typist.refusal = base::Error{Code::Denied, "one try is left", Reason::PinNeeded};
  auto got = read(typist);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::PinNeeded);
  EXPECT_EQ(typist.questions.at(0).triesLeft, 1U);
  EXPECT_EQ(card->pin.given, 0U);
  typist.refusal.reset();
  got = read(typist);
  EXPECT_EQ(got.error().reason, Reason::PinBlocked) << got.error().what;
  EXPECT_EQ(card->pin.left, 0U);
}

TEST_F(PinTest, ABlockedCardIsNotAskedFor) {
  card->pin.left = 0;
  Typist typist;
  EXPECT_EQ(read(typist).error().reason, Reason::PinBlocked);
  EXPECT_TRUE(typist.questions.empty());

  use(kFilePinTarget);
  const auto file = std::make_shared<IsoCard>();
  file->pin = VirtualPin{"123456", 3, 0};
  insert(file);
  EXPECT_EQ(read(typist).error().reason, Reason::PinBlocked);
  EXPECT_TRUE(typist.questions.empty());
}

TEST_F(PinTest, TriesThatCannotBeReadAreToldAsSuch) {
  card->tellsStatus = false;
  card->pin.tellsTries = false;
  Typist typist("654321");
  const auto got = read(typist);
  ASSERT_EQ(typist.questions.size(), 1U);
  EXPECT_FALSE(typist.questions[0].triesLeft);
  EXPECT_TRUE(typist.questions[0].card.empty());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::PinWrong);
  EXPECT_NE(got.error().what.find("does not tell"), std::string::npos);

  use(kFilePinTarget);
  const auto file = std::make_shared<IsoCard>();
  file->pin = VirtualPin{"123456", 3, 3, false};
  insert(file);
  EXPECT_EQ(read(typist).error().reason, Reason::PinWrong);
  EXPECT_FALSE(typist.questions.back().triesLeft);
}

TEST_F(PinTest, APinThatNoCardCanHaveIsNotGiven) {
  for (const std::string_view pin : {"", "12345"}) {
    Typist typist{std::string(pin)};
    const auto got = read(typist);
    ASSERT_FALSE(got) << pin;
    EXPECT_EQ(got.error().reason, Reason::PinNeeded);
  }
  EXPECT_EQ(card->pin.given, 0U);
  const auto piv = std::make_shared<PivCard>();
  piv->put(0x5FC109, bytesOf(packedText('A')));
  insert(piv);
  Typist typist("123456789");
  EXPECT_EQ(read(typist).error().reason, Reason::PinNeeded);
  EXPECT_EQ(piv->pin.given, 0U);
}

TEST_F(PinTest, NobodyToAskMeansNoTry) {
  hal::NoAsk nobody;
  auto medium = driver->open(slot(), hal::Access::Read, nobody, soon());
  ASSERT_FALSE(medium);
  EXPECT_EQ(medium.error().reason, Reason::PinNeeded);
  EXPECT_EQ(card->pin.given, 0U);
}

TEST_F(PinTest, ASecondReadingAsksAgain) {
  Typist typist;
  auto medium = driver->open(slot(), hal::Access::Read, typist, soon());
  ASSERT_TRUE(medium);
  EXPECT_EQ(card->pin.given, 0U);
  EXPECT_TRUE((*medium)->readKeyFile(soon()));
  EXPECT_TRUE((*medium)->readKeyFile(soon()));
  EXPECT_EQ(typist.questions.size(), 2U);
  EXPECT_EQ(card->pin.given, 2U);
}

TEST_F(PinTest, TheCardIsNotHeldWhileAPersonTypes) {
  Typist typist;
  typist.before = [this] { EXPECT_EQ(world->handles(), 0U); };
  EXPECT_TRUE(read(typist));
  EXPECT_EQ(world->handles(), 0U);
}

// A person's minutes are not the card's: the deadline begins anew behind the question.
TEST_F(PinTest, TypingTakesItsTime) {
  Typist typist;
  typist.before = [] {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, std::chrono::milliseconds(1200), [] { return false; });
  };
  auto medium = driver->open(slot(), hal::Access::Read, typist, base::Deadline::in(std::chrono::seconds(1)));
  ASSERT_TRUE(medium) << medium.error().what;
  EXPECT_TRUE((*medium)->readKeyFile(soon()));
}

TEST_F(PinTest, AnExchangedCardIsAskedForAnew) {
  const auto other = std::make_shared<OpenPgpCard>(CardManner{}, 0x99999999);
  other->secret = bytesOf(packedText('B'));
  other->pin.value = "222222";
  Typist typist;
  typist.before = [&] {
    if (typist.questions.size() == 1) insert(other);
    if (typist.questions.size() == 2)
      typist.refusal = base::Error{Code::Denied, "not this one", Reason::Foreign};
  };
  const auto got = read(typist);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::Foreign);
  ASSERT_EQ(typist.questions.size(), 2U);
  EXPECT_EQ(typist.questions[1].card, "OpenPGP 000699999999");
  EXPECT_FALSE(typist.questions[1].server);
  EXPECT_EQ(card->pin.given, 0U);
  EXPECT_EQ(other->pin.given, 0U);
}

// Pulled and put back it may have been in another's hands: the same number is not enough.
TEST_F(PinTest, TheSameCardPutBackIsAskedForAnew) {
  Typist typist;
  typist.before = [&] {
    if (typist.questions.size() == 1) insert(card);
  };
  EXPECT_TRUE(read(typist));
  EXPECT_EQ(typist.questions.size(), 2U);
  EXPECT_EQ(card->pin.given, 1U);
}

TEST_F(PinTest, TriesThatChangedMeanwhileAreAskedAnew) {
  Typist typist;
  typist.before = [&] {
    if (typist.questions.size() == 1) card->pin.left = 1;
    if (typist.questions.size() == 2)
      typist.refusal = base::Error{Code::Denied, "one left", Reason::PinNeeded};
  };
  EXPECT_FALSE(read(typist));
  EXPECT_EQ(typist.questions.back().triesLeft, 1U);
  EXPECT_EQ(card->pin.given, 0U);
}

TEST_F(PinTest, ACardThatIsExchangedForEverEnds) {
  Typist typist;
  typist.before = [&] { insert(card); };
  const auto got = read(typist);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::NotFound);
  EXPECT_LE(typist.questions.size(), 4U);
  EXPECT_EQ(card->pin.given, 0U);
}

}  // namespace
}  // namespace tests
