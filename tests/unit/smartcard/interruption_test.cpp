// A card that leaves, is reset or is torn at every APDU: an error in time, and never a second try.
#include <memory>

#include "tests/unit/smartcard/card_bench.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

enum class Kind { OpenPgp, Piv, File };

class InterruptionTest : public CardBench, public ::testing::WithParamInterface<Kind> {
 protected:
  InterruptionTest() { use(GetParam() == Kind::File ? kFilePinTarget : ""); }

  // A fresh card with a key, and the counter of its PIN.
  std::pair<std::shared_ptr<VirtualCard>, VirtualPin*> fresh() {
    if (GetParam() == Kind::OpenPgp) {
      const auto card = std::make_shared<OpenPgpCard>();
      card->open = bytesOf(ownerLines());
      card->secret = bytesOf(packedText('A'));
      return {card, &card->pin};
    }
    if (GetParam() == Kind::Piv) {
      const auto card = std::make_shared<PivCard>();
      card->put(0x5FC109, bytesOf(packedText('A')));
      return {card, &card->pin};
    }
    const auto card = std::make_shared<IsoCard>();
    card->pin = VirtualPin{"123456"};
    std::ranges::copy(bytesOf(packedText('A')), card->key().begin());
    return {card, &*card->pin};
  }
  // How many APDUs one reading takes.
  unsigned whole() {
    const auto [card, pin] = fresh();
    insert(card);
    Typist typist;
    EXPECT_TRUE(read(typist));
    return card->apdus();
  }
};

TEST_P(InterruptionTest, PulledAtEveryApduCostsAtMostTheTryThatWasGiven) {
  const unsigned count = whole();
  ASSERT_GT(count, 6U);
  unsigned lost = 0;
  for (unsigned at = 0; at < count; ++at) {
    for (const bool acts : {false, true}) {
      for (const char* typed : {"123456", "654321"}) {
        const auto [card, pin] = fresh();
        card->faults().pulledAt = at;
        card->faults().actsBefore = acts;
        insert(card);
        Typist typist(typed);
        const auto got = read(typist);
        if (std::string(typed) == "654321" && got.error().reason == Reason::PinWrong)
          continue;  // it came first
        ASSERT_FALSE(got) << at;
        EXPECT_TRUE(got.error().code == Code::NotFound || got.error().code == Code::Io)
            << at << got.error().what;
        EXPECT_LE(pin->given, 1U) << at;
        EXPECT_GE(pin->left, 2U) << at;
        EXPECT_EQ(world->handles(), 0U);
        if (pin->left == 2) ++lost;
      }
    }
  }
  EXPECT_EQ(lost, 1U);  // the wrong PIN whose answer was cut off
}

// Readers are known that end the APDU with no bytes, or with a failure that tells nothing.
TEST_P(InterruptionTest, APullThatIsNoticedLateIsNotTheCardsFault) {
  const unsigned count = whole();
  for (const auto outcome : {drivers::smartcard::Pcsc::Ok, drivers::smartcard::Pcsc::Failed}) {
    world->noticePullsLate(outcome);
    for (unsigned at = 0; at < count; ++at) {
      const auto [card, pin] = fresh();
      card->faults().pulledAt = at;
      insert(card);
      Typist typist;
      const auto got = read(typist);
      ASSERT_FALSE(got) << at;
      EXPECT_EQ(got.error().code, Code::NotFound) << at << got.error().what;
      EXPECT_LE(pin->given, 1U) << at;
    }
  }
}

TEST_P(InterruptionTest, ResetByAnotherAtEveryApduNeverGivesThePinTwice) {
  const unsigned count = whole();
  unsigned good = 0;
  for (unsigned at = 0; at < count; ++at) {
    const auto [card, pin] = fresh();
    insert(card);
    const unsigned from = world->apdus();
    world->beforeApdu([&, from, at](unsigned number) {
      if (number == from + at) world->resetByOther(kReader);
    });
    Typist typist;
    const auto got = read(typist);
    world->beforeApdu(nullptr);
    if (got) ++good;
    EXPECT_LE(pin->given, 1U) << at;
    EXPECT_EQ(pin->left, 3U);
    if (!got) {
      EXPECT_EQ(got.error().code, Code::Conflict) << at << got.error().what;
    }
  }
  EXPECT_GE(good, count - 4);  // before the PIN it is only done anew
}

TEST_P(InterruptionTest, ExchangedAtEveryApduNeverGivesThePinToTheOther) {
  const unsigned count = whole();
  for (unsigned at = 0; at < count; ++at) {
    const auto [card, pin] = fresh();
    const auto [other, otherPin] = fresh();
    otherPin->value = "999999";
    insert(card);
    const unsigned from = world->apdus();
    world->beforeApdu([&, from, at, other = other](unsigned number) {
      if (number == from + at) insert(other);
    });
    Typist typist;
    typist.before = [&] {
      if (world->apdus() > from + at) typist.refusal = base::Error{Code::Denied, "another", Reason::Foreign};
    };
    EXPECT_FALSE(read(typist)) << at;
    world->beforeApdu(nullptr);
    EXPECT_EQ(otherPin->given, 0U) << at;
    EXPECT_LE(pin->given, 1U) << at;
  }
}

TEST_P(InterruptionTest, TheServiceMayEndAtEveryApdu) {
  const unsigned count = whole();
  for (unsigned at = 0; at < count; ++at) {
    const auto [card, pin] = fresh();
    insert(card);
    const unsigned from = world->apdus();
    world->beforeApdu([&, from, at](unsigned number) {
      if (number == from + at) world->stop();
    });
    Typist typist;
    const auto got = read(typist);
    world->beforeApdu(nullptr);
    ASSERT_FALSE(got) << at;
    EXPECT_EQ(got.error().code, Code::Unavailable) << at << got.error().what;
    EXPECT_LE(pin->given, 1U);
    world->start();
    insert(card);
    EXPECT_TRUE(read(typist)) << at;
  }
}

// A torn write leaves the old key, nothing, or the new key; and never names an owner of another key.
TEST_P(InterruptionTest, ATornWriteLeavesNoMixture) {
  if (GetParam() == Kind::Piv) return;  // is not written
  const std::string next = "[config]\r\npwd=04HMASW9NF6YY4\r\n";
  for (unsigned at = 0;; ++at) {
    ASSERT_LT(at, 200U);
    const auto [card, pin] = fresh();
    card->faults().pulledAt = at;
    card->faults().actsBefore = at % 2 == 0;
    insert(card);
    Typist typist;
    const bool written = bool(write(typist, next, hal::Overwrite::Key));
    card->faults() = {};
    insert(card);
    const auto got = read(typist);
    if (got) {
      EXPECT_TRUE(*got == next || *got == packedText('A')) << at << *got;
      const auto owner = typist.questions.back().server;
      if (owner) {
        EXPECT_EQ(*got, packedText('A')) << at;
      }
    } else {
      EXPECT_TRUE(got.error().reason == Reason::Blank || got.error().reason == Reason::NotFat)
          << at << got.error().what;
    }
    if (written) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, InterruptionTest, ::testing::Values(Kind::OpenPgp, Kind::Piv, Kind::File),
                         [](const auto& each) {
                           return each.param == Kind::OpenPgp ? "OpenPgp"
                                  : each.param == Kind::Piv   ? "Piv"
                                                              : "File";
                         });

}  // namespace
}  // namespace tests
