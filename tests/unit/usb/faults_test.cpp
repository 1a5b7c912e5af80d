// Every fault at every transfer: the answer is the key or a clear error, in time, and the stick is given
// back.
#include <set>

#include "hal/base/utf8.h"
#include "tests/unit/usb/stick_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using std::chrono::milliseconds;

class StickFaultTest : public StickTest, public ::testing::WithParamInterface<Trouble> {};

bool hangs(Trouble trouble) { return trouble == Trouble::Hang; }

INSTANTIATE_TEST_SUITE_P(Each, StickFaultTest, ::testing::ValuesIn(kTroubles),
                         [](const auto& each) { return "Trouble" + std::to_string(int(each.param)); });

const usb::scsi::Sense kMediumError{usb::scsi::Key::MediumError, 0x11, 0};

TEST_P(StickFaultTest, OnceAtEachTransfer) {
  const auto one = plugged();
  ASSERT_EQ(read(kSlot), kStickKey);
  const unsigned transfers = one->transfers();
  ASSERT_GT(transfers, 20U);
  unsigned sound = 0;
  for (unsigned at = 1; at <= transfers; at += hangs(GetParam()) ? 7 : 1) {
    const auto fresh = stick();
    bus_.pull(one);
    bus_.plug(fresh);
    ASSERT_EQ(names(all()).size(), 1U);
    fresh->plan(GetParam(), at, false, kMediumError);
    const auto by = base::Deadline::in(hangs(GetParam()) ? milliseconds(100) : milliseconds(5000));
    const std::string got = read(kSlot, by);
    EXPECT_LT(base::Deadline::Steady::now() - by.at(), milliseconds(3000)) << "at " << at;
    if (got == kStickKey) ++sound;
    if (GetParam() == Trouble::Yank) {
      EXPECT_TRUE(got.starts_with("1/")) << got;  // NotFound
    }
    if (hangs(GetParam()) && got != kStickKey) {
      EXPECT_TRUE(got.starts_with("5/")) << got;  // Timeout
    }
    EXPECT_TRUE(fresh->asFound()) << "at " << at << ": " << got;
    // What can be plugged in again works again.
    if (GetParam() != Trouble::Yank) {
      fresh->plan(Trouble::None, 0);
      EXPECT_EQ(read(kSlot), kStickKey) << "after trouble at " << at;
    }
    bus_.pull(fresh);
  }
  // What the standard has a recovery for is recovered from.
  const std::set<Trouble> recovered = {Trouble::Stall,       Trouble::WrongTag,  Trouble::Signature,
                                       Trouble::PhaseError,  Trouble::BadStatus, Trouble::LongStatus,
                                       Trouble::HugeResidue, Trouble::Overflow,  Trouble::Busy};
  if (recovered.contains(GetParam())) {
    EXPECT_GT(sound, transfers * 3 / 4);
  }
}

TEST_P(StickFaultTest, WithoutAnEnd) {
  for (const unsigned at : {1U, 2U, 3U, 8U, 19U}) {
    const auto one = plugged();
    one->plan(GetParam(), at, true, kMediumError);
    const auto by = base::Deadline::in(hangs(GetParam()) ? milliseconds(200) : milliseconds(5000));
    const std::string got = read(kSlot, by);
    if (!hangs(GetParam())) {
      EXPECT_FALSE(by.expired()) << "tries are bounded: " << got;
    }
    EXPECT_NE(got, kStickKey);
    EXPECT_GT(got.size(), 20U) << got;
    EXPECT_LT(one->transfers(), 200U);
    EXPECT_TRUE(one->asFound());
    bus_.pull(one);
  }
}

using StickAnswerTest = StickTest;

TEST_F(StickAnswerTest, AttentionIsTriedAgain) {
  const auto one = plugged();
  one->units[0].attentions = 3;
  EXPECT_EQ(read(kSlot), kStickKey);
}

TEST_F(StickAnswerTest, EndlessAttentionEnds) {
  const auto one = plugged();
  one->units[0].attentions = 1000000;
  const auto got = open(kSlot);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::Io);
  EXPECT_GT(one->units[0].attentions, 999000U);
}

TEST_F(StickAnswerTest, BecomingReadyIsWaitedFor) {
  const auto one = plugged();
  one->units[0].becomingReady = 20;
  one->units[0].descriptorSense = true;
  EXPECT_EQ(read(kSlot), kStickKey);
}

TEST_F(StickAnswerTest, NeverReadyEnds) {
  const auto one = plugged();
  one->units[0].becomingReady = 1000000;
  const auto got = open(kSlot);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::Unavailable);
}

TEST_F(StickAnswerTest, EachSenseHasItsError) {
  const std::pair<usb::scsi::Sense, Code> cases[] = {
      {{usb::scsi::Key::NotReady, 0x3A, 0}, Code::NotFound},
      {{usb::scsi::Key::NotReady, 0x04, 0x02}, Code::Unavailable},
      {{usb::scsi::Key::MediumError, 0x11, 0}, Code::Io},
      {{usb::scsi::Key::HardwareError, 0x44, 0}, Code::Io},
      {{usb::scsi::Key::IllegalRequest, 0x21, 0}, Code::Unsupported},
      {{usb::scsi::Key::DataProtect, 0x27, 0}, Code::Denied},
      {{usb::scsi::Key(0xD), 0, 0}, Code::Io}};
  for (const auto& [sense, code] : cases) {
    const auto one = plugged();
    auto medium = open(kSlot);
    ASSERT_TRUE(medium);
    one->plan(Trouble::Check, 1, true, sense);
    const auto text = (*medium)->readKeyFile(soon());
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, code) << text.error().what;
    medium = base::Error{};
    bus_.pull(one);
  }
}

TEST_F(StickAnswerTest, RecoveredAndAbortedAreNoFailure) {
  plugged()->plan(Trouble::Check, 6, false, {usb::scsi::Key::AbortedCommand, 0, 0});
  EXPECT_EQ(read(kSlot), kStickKey);
}

TEST_F(StickAnswerTest, ResetRecoveryIsTheStandards) {
  const auto one = plugged();
  one->plan(Trouble::PhaseError, 5);
  EXPECT_EQ(read(kSlot), kStickKey);
  EXPECT_EQ(one->resets(), 1U);
}

TEST_F(StickAnswerTest, AStickThatStallsAtGetMaxLunHasOneUnit) {
  plugged()->stallsMaxLun = true;
  EXPECT_EQ(read(kSlot), kStickKey);
}

// A read that was given up must not leave the device in the middle of a command.
TEST_F(StickAnswerTest, AHungStickIsResetBeforeItIsGivenBack) {
  const auto one = plugged();
  one->plan(Trouble::Hang, 12);
  const std::string got = read(kSlot, base::Deadline::in(milliseconds(150)));
  EXPECT_TRUE(got.starts_with("5/")) << got;
  EXPECT_EQ(one->resets(), 1U);
  EXPECT_TRUE(one->asFound());
  EXPECT_EQ(read(kSlot), kStickKey);
}

TEST_F(StickAnswerTest, RefusalsOfTheBus) {
  const std::tuple<usb::Fault, Code, Reason> cases[] = {
      {usb::Fault::Busy, Code::Unavailable, Reason::MediumBusy},
      {usb::Fault::NotPermitted, Code::Denied, Reason::MediumNotPermitted},
      {usb::Fault::Gone, Code::NotFound, Reason::None},
      {usb::Fault::Failed, Code::Io, Reason::None}};
  for (const auto& [fault, code, reason] : cases) {
    for (const auto where :
         {&ScriptedStick::openFault, &ScriptedStick::detachFault, &ScriptedStick::claimFault}) {
      const auto one = plugged();
      (*one).*where = fault;
      const auto got = open(kSlot);
      ASSERT_FALSE(got);
      EXPECT_EQ(got.error().code, code) << got.error().what;
      EXPECT_EQ(got.error().reason, reason);
      EXPECT_TRUE(one->asFound());
      bus_.pull(one);
    }
  }
}

}  // namespace
}  // namespace tests
