// Each kind of card, read and written, in each manner of talking.
#include "tests/unit/smartcard/card_bench.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

class ProfileTest : public CardBench, public ::testing::WithParamInterface<CardManner> {};

TEST_P(ProfileTest, OpenPgpIsWrittenAndReadBack) {
  use("");
  const auto card = std::make_shared<OpenPgpCard>(GetParam());
  insert(card);
  Typist typist;
  auto got = read(typist);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::Blank) << got.error().what;
  auto written =
      write(typist, packedText('A') + "; " + std::string(250, '.') + "\r\n", hal::Overwrite::Empty);
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_EQ(card->secret, bytesOf(packedText('A')));
  EXPECT_EQ(card->open, bytesOf(ownerLines()));
  got = read(typist);
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(*got, packedText('A'));
  EXPECT_EQ(card->pin.given, typist.questions.size());
  const hal::PinQuestion& asked = typist.questions.back();
  EXPECT_EQ(asked.application, "OpenPGP");
  EXPECT_EQ(asked.card, "OpenPGP 000612345678");
  EXPECT_EQ(asked.triesLeft, 3U);
  ASSERT_TRUE(asked.server && asked.medium);
  EXPECT_EQ(asked.server->text(), kServer);
  EXPECT_EQ(asked.medium->text(), kMedium);
  EXPECT_FALSE(typist.questions.front().server);
  EXPECT_FALSE(card->pin.verified);  // the card was reset
}

TEST_P(ProfileTest, PivIsReadInBothForms) {
  use("");
  const auto card = std::make_shared<PivCard>(GetParam());
  insert(card);
  Typist typist;
  for (const Bytes& value : {bytesOf(packedText('B')), tlv(0x88, bytesOf(packedText('B')))}) {
    card->put(0x5FC109, value);
    const auto got = read(typist);
    ASSERT_TRUE(got) << got.error().what;
    EXPECT_EQ(*got, packedText('B'));
  }
  EXPECT_EQ(typist.questions[0].application, "PIV");
  EXPECT_EQ(typist.questions[0].card, "PIV 30313233343536373839616263646566");
  EXPECT_EQ(typist.questions[0].triesLeft, 3U);
  EXPECT_FALSE(typist.questions[0].server);
  const auto written = write(typist, packedText('C'), hal::Overwrite::Key);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::Unsupported);
  EXPECT_NE(written.error().what.find("yubico-piv-tool"), std::string::npos);
}

TEST_P(ProfileTest, AFileIsWrittenAndReadBack) {
  for (const bool knowsPaths : {true, false}) {
    for (const bool tellsSize : {true, false}) {
      for (const bool withPin : {true, false}) {
        use(withPin ? kFilePinTarget : kFileTarget);
        const auto card = std::make_shared<IsoCard>(GetParam(), 600);
        card->knowsPaths = knowsPaths;
        card->tellsSize = tellsSize;
        if (withPin) card->pin = VirtualPin{"123456"};
        insert(card);
        Typist typist;
        EXPECT_EQ(read(typist).error().reason, Reason::Blank);
        auto written = write(typist, packedText('A'), hal::Overwrite::Empty);
        ASSERT_TRUE(written) << written.error().what;
        auto got = read(typist);
        ASSERT_TRUE(got) << got.error().what;
        EXPECT_EQ(*got, packedText('A'));
        EXPECT_EQ(typist.questions.size(), withPin ? 3U : 0U);
        if (withPin) {
          EXPECT_EQ(typist.questions[0].card, "ISO 7816 8949017200001234");
          EXPECT_EQ(typist.questions[0].triesLeft, 3U);
        }
      }
    }
  }
}

TEST_P(ProfileTest, AFileTellsWhoseKeyItIs) {
  use("?file=4B4D/4B01&info=2F10&pin=81");
  const auto card = std::make_shared<IsoCard>(GetParam());
  card->pin = VirtualPin{"1234"};
  card->files[{0x2F10}] = Bytes(100, std::byte{0xFF});
  insert(card);
  Typist typist("1234");
  auto written = write(typist, packedText('A'), hal::Overwrite::Empty);
  ASSERT_TRUE(written) << written.error().what;
  ASSERT_TRUE(read(typist));
  ASSERT_TRUE(typist.questions.back().server);
  EXPECT_EQ(typist.questions.back().server->text(), kServer);
}

INSTANTIATE_TEST_SUITE_P(Manners, ProfileTest,
                         ::testing::Values(CardManner{false, false, 256}, CardManner{true, false, 256},
                                           CardManner{false, true, 256}, CardManner{false, false, 40},
                                           CardManner{true, false, 17}),
                         [](const auto& each) {
                           return std::string(each.param.t0 ? "T0" : "T1") +
                                  (each.param.extended ? "Extended" : "Short") +
                                  std::to_string(each.param.part);
                         });

class ChoiceTest : public CardBench {
 protected:
  static std::string textOf(base::Result<std::string> got) { return got ? *got : got.error().what; }
};

TEST_F(ChoiceTest, OverwritesOnlyWithConsent) {
  use("");
  const auto card = std::make_shared<OpenPgpCard>();
  insert(card);
  Typist typist;
  card->secret = bytesOf("Dear reader");
  auto written = write(typist, packedText('A'), hal::Overwrite::Empty);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().reason, Reason::MediumHoldsFiles);
  card->secret.clear();
  card->open = bytesOf("my telephone number");
  EXPECT_EQ(write(typist, packedText('A'), hal::Overwrite::Empty).error().reason, Reason::MediumHoldsFiles);
  EXPECT_EQ(card->open, bytesOf("my telephone number"));
  ASSERT_TRUE(write(typist, packedText('A'), hal::Overwrite::Files));
  for (const auto consent : {hal::Overwrite::Empty, hal::Overwrite::Files})
    EXPECT_EQ(write(typist, packedText('B'), consent).error().reason, Reason::MediumHoldsKey);
  EXPECT_EQ(card->secret, bytesOf(packedText('A')));
  ASSERT_TRUE(write(typist, packedText('B'), hal::Overwrite::Key));
  EXPECT_EQ(card->secret, bytesOf(packedText('B')));
  // A key typed by hand has no owner, and the old one's name goes.
  ASSERT_TRUE(write(typist, "[config]\r\npwd=04HMASW9NF6YY4\r\n", hal::Overwrite::Key));
  EXPECT_EQ(card->open, bytesOf("\n"));
}

TEST_F(ChoiceTest, OtherContentIsToldApartFromNone) {
  use(kFileTarget);
  const auto card = std::make_shared<IsoCard>();
  insert(card);
  Typist typist;
  std::ranges::copy(bytesOf("A letter"), card->key().begin());
  EXPECT_EQ(read(typist).error().reason, Reason::NotFat);
  card->key() = Bytes(512, std::byte{0});
  EXPECT_EQ(read(typist).error().reason, Reason::Blank);
}

TEST_F(ChoiceTest, ATextThatIsTooLongOrAFileThatIsTooSmall) {
  use(kFileTarget);
  insert(std::make_shared<IsoCard>(CardManner{}, 100));
  Typist typist;
  auto written = write(typist, packedText('A'), hal::Overwrite::Empty);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().reason, Reason::MediumTooSmall);
  const auto card = std::make_shared<IsoCard>(CardManner{}, 100);
  card->tellsSize = false;
  insert(card);
  EXPECT_EQ(write(typist, packedText('A'), hal::Overwrite::Empty).error().reason, Reason::MediumTooSmall);
  insert(std::make_shared<IsoCard>());
  written = write(typist, packedText('A') + "more=" + std::string(60, 'x') + "\r\n", hal::Overwrite::Empty);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().what.find("240"), std::string::npos) << written.error().what;
}

// Two applications in one card: OpenPGP first, unless the other shows a key, and one by name.
class TwoInOne final : public VirtualCard {
 public:
  OpenPgpCard pgp;
  PivCard piv;

 protected:
  Answer process(const Apdu& apdu) override {
    Bytes bytes = joined({bigEndian(apdu.cla, 1), bigEndian(apdu.ins, 1), bigEndian(apdu.p(), 2)});
    if (!apdu.data.empty()) bytes = joined({bytes, bigEndian(apdu.data.size(), 1), apdu.data});
    if (apdu.expect) bytes.push_back(static_cast<std::byte>(*apdu.expect & 0xFFU));
    if (apdu.ins == 0xA4) at_ = apdu.data.front() == std::byte{0xD2} ? static_cast<VirtualCard*>(&pgp) : &piv;
    Bytes reply = at_->transmit(bytes);
    const unsigned sw =
        std::to_integer<unsigned>(reply[reply.size() - 2]) << 8U | std::to_integer<unsigned>(reply.back());
    reply.pop_back();
    reply.pop_back();
    return {static_cast<std::uint16_t>(sw), reply};
  }
  void forget() override {
    pgp.reset();
    piv.reset();
  }

 private:
  VirtualCard* at_ = &pgp;
};

TEST_F(ChoiceTest, OneApplicationAndOnlyOneGetsThePin) {
  const auto card = std::make_shared<TwoInOne>();
  insert(card);
  Typist typist;
  card->piv.put(0x5FC109, bytesOf(packedText('P')));
  card->pgp.secret = bytesOf(packedText('O'));
  use("");
  EXPECT_EQ(textOf(read(typist)), packedText('O'));
  EXPECT_EQ(card->pgp.pin.given, 1U);
  EXPECT_EQ(card->piv.pin.given, 0U);
  card->piv.keyNeedsPin = false;  // it shows its key, the other shows nothing
  EXPECT_EQ(textOf(read(typist)), packedText('P'));
  card->pgp.open = bytesOf(ownerLines());
  EXPECT_EQ(textOf(read(typist)), packedText('O'));
  use("?app=piv");
  card->piv.keyNeedsPin = true;
  EXPECT_EQ(textOf(read(typist)), packedText('P'));
  EXPECT_EQ(card->piv.pin.given, 1U);
  card->pgp.open.clear();
  card->pgp.hasPrivate = false;
  use("");
  EXPECT_EQ(textOf(read(typist)), packedText('P'));
}

// A PIV card with a file system of its own, whose master file has a PIN under the same reference.
class PivWithFiles final : public VirtualCard {
 public:
  PivCard piv;
  VirtualPin cardPin{std::string("123456\xFF\xFF")};

 protected:
  Answer process(const Apdu& apdu) override {
    if (apdu.ins == 0xA4 && apdu.p1 != 0x04) {
      if (apdu.p1 != 0) return {0x6A86};  // it knows no paths
      const bool master = apdu.data == bigEndian(0x3F00, 2);
      inApplication_ = inApplication_ && !master;
      return {static_cast<std::uint16_t>(master ? 0x9000 : 0x6A82)};
    }
    if (apdu.ins == 0x20 && !inApplication_) return {cardPin.verify(apdu.data)};
    Bytes bytes = joined({bigEndian(apdu.cla, 1), bigEndian(apdu.ins, 1), bigEndian(apdu.p(), 2)});
    if (!apdu.data.empty()) bytes = joined({bytes, bigEndian(apdu.data.size(), 1), apdu.data});
    if (apdu.expect) bytes.push_back(static_cast<std::byte>(*apdu.expect & 0xFFU));
    const Bytes reply = piv.transmit(bytes);
    const auto end = reply.end() - 2;  // where the status word is
    const unsigned sw = std::to_integer<unsigned>(end[0]) << 8U | std::to_integer<unsigned>(end[1]);
    if (apdu.ins == 0xA4 && sw == 0x9000) inApplication_ = true;
    return {static_cast<std::uint16_t>(sw), Bytes(reply.begin(), end)};
  }
  void forget() override {
    piv.reset();
    inApplication_ = false;
  }

 private:
  bool inApplication_ = false;
};

TEST_F(ChoiceTest, ASearchThatFindsNoFileLeavesThePinToTheApplication) {
  const auto card = std::make_shared<PivWithFiles>();
  card->piv.put(0x5FC109, bytesOf(packedText('P')));
  insert(card);
  Typist typist;
  use(kFileTarget);
  EXPECT_EQ(textOf(read(typist)), packedText('P'));
  EXPECT_EQ(card->piv.pin.given, 1U);
  EXPECT_EQ(card->cardPin.given, 0U);
}

TEST_F(ChoiceTest, ForeignAndLyingCardsAreNoMedium) {
  use(kFilePinTarget);
  Typist typist;
  insert(std::make_shared<ForeignCard>());
  auto got = read(typist);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::Blank);
  EXPECT_EQ(got.error().code, Code::Unsupported);
  for (const unsigned sw : {0x6101U, 0x6C05U, 0x9000U, 0x6283U, 0x0000U, 0xFFFFU, 0x6982U, 0x63C3U}) {
    for (const std::shared_ptr<VirtualCard>& card :
         {std::shared_ptr<VirtualCard>(std::make_shared<OpenPgpCard>()),
          std::shared_ptr<VirtualCard>(std::make_shared<PivCard>()),
          std::shared_ptr<VirtualCard>(std::make_shared<IsoCard>())}) {
      card->faults().says = static_cast<std::uint16_t>(sw);
      insert(card);
      EXPECT_FALSE(read(typist)) << sw;
    }
  }
}

}  // namespace
}  // namespace tests
