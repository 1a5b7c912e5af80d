// The driver over the genuine pcscd: cards are seen, read and written, in each manner of talking.
#include <gtest/gtest.h>

#include "tests/support/server.h"
#include "tests/virtual/pcsc_bench.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

using PcscTest = PcscBench;
std::string nameOf(const CardManner& manner) {
  if (manner.extended) return "ExtendedLengths";
  if (manner.t0) return "T0";
  return manner.part == 100 ? "AnswersInParts" : "ShortLengths";
}

class PcscManner : public PcscBench, public ::testing::WithParamInterface<CardManner> {};

TEST_F(PcscTest, CardsComeAndGo) {
  pcscd.start();
  use();
  expectPresent(false);
  const auto card = std::make_shared<OpenPgpCard>();
  insert(card);
  const std::string first = look().stamp;
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(look().stamp, first);
  pull();
  EXPECT_TRUE(look().stamp.empty());
  insert(card);
  EXPECT_NE(look().stamp, first);
}

TEST_P(PcscManner, OpenPgpIsWrittenAndRead) {
  pcscd.start();
  use();
  const auto card = std::make_shared<OpenPgpCard>(GetParam());
  insert(card);
  Typist typist;
  EXPECT_EQ(read(typist).error().reason, Reason::Blank);
  const auto written = write(typist, packedText('A'), hal::Overwrite::Empty);
  ASSERT_TRUE(written) << written.error().what;
  const auto got = read(typist);
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(*got, packedText('A'));
  const hal::PinQuestion& asked = typist.questions.back();
  EXPECT_EQ(asked.card, "OpenPGP 000612345678");
  EXPECT_EQ(asked.triesLeft, 3U);
  ASSERT_TRUE(asked.server);
  EXPECT_EQ(asked.server->text(), kServer);
  pull();
  EXPECT_EQ(card->secret, bytesOf(packedText('A')));
  EXPECT_EQ(card->open, bytesOf(ownerLines()));
  EXPECT_EQ(card->pin.given, typist.questions.size());
}

TEST_P(PcscManner, AFileIsWrittenAndRead) {
  pcscd.start();
  use(kFilePinTarget);
  const auto card = std::make_shared<IsoCard>(GetParam());
  card->pin = VirtualPin{"123456"};
  insert(card);
  Typist typist;
  EXPECT_EQ(read(typist).error().reason, Reason::Blank);
  const auto written = write(typist, packedText('B'), hal::Overwrite::Empty);
  ASSERT_TRUE(written) << written.error().what;
  const auto got = read(typist);
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(*got, packedText('B'));
  pull();
  EXPECT_EQ(Bytes(card->key().begin(), card->key().begin() + std::ssize(packedText('B'))),
            bytesOf(packedText('B')));
}

TEST_P(PcscManner, PivIsRead) {
  pcscd.start();
  use();
  const auto card = std::make_shared<PivCard>(GetParam());
  card->put(0x5FC109, bytesOf(packedText('C')));
  insert(card);
  Typist typist;
  const auto got = read(typist);
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(*got, packedText('C'));
  ASSERT_EQ(typist.questions.size(), 1U);
  EXPECT_EQ(typist.questions[0].application, "PIV");
}

INSTANTIATE_TEST_SUITE_P(Manners, PcscManner,
                         ::testing::Values(CardManner{}, CardManner{.extended = true},
                                           CardManner{.part = 100}, CardManner{.t0 = true}),
                         [](const auto& manner) { return nameOf(manner.param); });

TEST_F(PcscTest, AWrongPinTellsTheTriesLeft) {
  pcscd.start();
  use();
  const auto card = std::make_shared<OpenPgpCard>();
  card->secret = bytesOf(packedText('A'));
  insert(card);
  Typist wrong("999999");
  auto got = read(wrong);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::PinWrong);
  EXPECT_NE(got.error().what.find("2"), std::string::npos) << got.error().what;
  got = read(wrong);
  ASSERT_FALSE(got);
  EXPECT_EQ(wrong.questions.back().triesLeft, 2U);
  Typist right;
  got = read(right);
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(right.questions.back().triesLeft, 1U);
  pull();
  EXPECT_EQ(card->pin.given, 3U);
  EXPECT_EQ(card->pin.left, 3U);
}

TEST_F(PcscTest, AStrangeCardGetsNoPin) {
  pcscd.start();
  use();
  const auto card = std::make_shared<ForeignCard>();
  insert(card);
  Typist typist;
  EXPECT_FALSE(read(typist));
  EXPECT_TRUE(typist.questions.empty());
}

TEST_F(PcscTest, EachReaderIsASlotAndTheTargetChooses) {
  pcscd.start();
  use();
  expectPresent(false, 3);
  const auto one = std::make_shared<OpenPgpCard>();
  one->secret = bytesOf(packedText('A'));
  const auto two = std::make_shared<OpenPgpCard>(CardManner{}, 0x22222222);
  two->secret = bytesOf(packedText('B'));
  insert(one, 0);
  insert(two, 3);
  EXPECT_EQ(slots().size(), Pcscd::kSlots);
  EXPECT_FALSE(look(1).present);
  EXPECT_FALSE(look(2).present);
  Typist typist;
  EXPECT_EQ(text(typist, 0), packedText('A'));
  EXPECT_EQ(text(typist, 3), packedText('B'));
  EXPECT_EQ(typist.questions.back().card, "OpenPGP 000622222222");
  use("Keydisk two");
  ASSERT_EQ(slots().size(), 2U);
  EXPECT_EQ(slots()[1].id.slot, Pcscd::reader(3));
  EXPECT_EQ(text(typist, 3), packedText('B'));
  EXPECT_FALSE(read(typist, 0));
}

TEST_F(PcscTest, ACardPulledInTheMiddleOfAReadCostsNoTryTwice) {
  pcscd.start();
  use();
  const auto card = std::make_shared<OpenPgpCard>();
  card->secret = bytesOf(packedText('A'));
  insert(card);
  Typist typist;
  typist.before = [&] {
    pull();
    insert(card);
    typist.before = {};
  };
  ASSERT_TRUE(read(typist));
  EXPECT_EQ(typist.questions.size(), 2U);  // it was asked for anew, and the first PIN went nowhere
  pull();
  EXPECT_EQ(card->pin.given, 1U);
  // It takes the PIN, and is gone before it says so: nothing is tried again.
  const unsigned before = card->apdus();
  insert(card);
  ASSERT_TRUE(read(typist));
  pull();
  const unsigned whole = card->apdus() - before;  // the last two are VERIFY and GET DATA
  card->faults().pulledAt = card->apdus() + whole - 2;
  card->faults().actsBefore = true;
  insert(card);
  EXPECT_FALSE(read(typist));
  ASSERT_TRUE(waitUntil([&] { return links[0]->left(); }));
  pull();
  EXPECT_EQ(card->pin.given, 3U);
}

}  // namespace
}  // namespace tests
