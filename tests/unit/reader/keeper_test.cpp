#include "daemon/keeper.h"

#include <future>

#include "tests/unit/reader/keeper_bench.h"

namespace {

using base::Code;
using base::Error;
using base::Reason;
using kmsd::OnRemoval;
using tests::disk;
using tests::kBackup;
using tests::kMedium;
using tests::kServer;
using tests::Milliseconds;
using tests::uuid;

class Keeper : public tests::KeeperBench {};

TEST_F(Keeper, WaitsForItsMediumAndNamesIt) {
  start();
  ASSERT_TRUE(awaitReason(Reason::AwaitingMedium));
  const auto status = keeper->status();
  EXPECT_TRUE(status.sealed);
  EXPECT_EQ(status.server, kServer);
  EXPECT_NE(status.detail.find("mock:A, mock:B"), std::string::npos) << status.detail;
}

TEST_F(Keeper, APlaceThatIsForbiddenIsToldOfBeforeOneThatIsNotThere) {
  drives.lose("A", Error{Code::Denied, "the drive may not be opened", Reason::MediumNotPermitted});
  drives.lose("B", Error{Code::NotFound, "no reader is connected", Reason::AwaitingMedium});
  start();
  const auto says = [&](const char* text) {
    return await([&] { return keeper->status().detail.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(says("the drive may not be opened")) << keeper->status().detail;
  drives.lose("A", Error{Code::NotFound, "no drive is connected", Reason::AwaitingMedium});
  EXPECT_TRUE(says("is connected")) << keeper->status().detail;
  drives.lose("B", Error{Code::Denied, "the reader may not be opened", Reason::MediumNotPermitted});
  EXPECT_TRUE(says("the reader may not be opened")) << keeper->status().detail;
}

TEST_F(Keeper, OpensOnInsertion) {
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  const auto status = keeper->status();
  EXPECT_EQ(status.reason, Reason::None);
  EXPECT_EQ(status.medium, kMedium);
  const auto media = keeper->media();
  ASSERT_EQ(media.size(), 2U);
  EXPECT_EQ(media[0].uri, "mock:A");
  EXPECT_EQ(media[0].medium, kMedium);
  EXPECT_EQ(media[0].label, "label");
  EXPECT_EQ(media[1].uri, "mock:B") << "a place without slots is shown empty";
  EXPECT_EQ(media[1].driver, "mock");
  EXPECT_EQ(media[1].slot, "B");
  EXPECT_FALSE(media[1].present);
}

TEST_F(Keeper, OpensWithWhatIsInsertedAtTheStart) {
  drives.insert("A", disk('x', uuid('c'), uuid('9')));
  drives.insert("B", disk('b', kBackup));
  start();
  ASSERT_TRUE(awaitOpen());
  EXPECT_EQ(keeper->status().medium, kBackup);
}

TEST_F(Keeper, ADiskTypedByHandOpens) {
  start();
  drives.insert("A", disk('k', std::nullopt));
  EXPECT_TRUE(awaitOpen());
}

struct Wrong {
  const char* name;
  Reason reason;
  std::variant<std::string, Error> content;
};
class WrongMedium : public tests::KeeperBench, public ::testing::WithParamInterface<Wrong> {};

TEST_P(WrongMedium, StaysSealedWithItsReasonUntilPulled) {
  start();
  std::visit([&](const auto& content) { drives.insert("A", content); }, GetParam().content);
  ASSERT_TRUE(awaitReason(GetParam().reason));
  EXPECT_FALSE(open);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].first, "mock:A");
  EXPECT_FALSE(keeper->media()[0].error.empty());
  const auto tries = drives.reads();
  drives.tell();
  settle();
  EXPECT_EQ(drives.reads(), tries);  // not again until it changes
  drives.pull("A");
  ASSERT_TRUE(awaitReason(Reason::AwaitingMedium));
  drives.insert("A", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongMedium,
    ::testing::Values(
        Wrong{"foreign", Reason::Foreign, disk('f', uuid('c'), uuid('9'))},
        Wrong{"mismatch", Reason::KeyMismatch, disk('x')},
        Wrong{"damagedText", Reason::Damaged, std::string("[config]\r\npwd=00000000000000\r\n")},
        Wrong{"damaged", Reason::Damaged, Error{Code::Corrupt, "damaged", Reason::Damaged}},
        Wrong{"blank", Reason::Blank, Error{Code::NotFound, "no key file", Reason::Blank}},
        Wrong{"unformatted", Reason::Unformatted, Error{Code::Corrupt, "zeros", Reason::Unformatted}},
        Wrong{"notFat", Reason::NotFat, Error{Code::Corrupt, "no FAT", Reason::NotFat}},
        Wrong{"pin", Reason::PinNeeded, Error{Code::Unavailable, "PIN", Reason::PinNeeded}},
        Wrong{"passphrase", Reason::PassphraseNeeded, disk('p')}),
    [](const auto& at) { return std::string(at.param.name); });

TEST_F(Keeper, AForeignDiskIsNamedWithBothServers) {
  start();
  drives.insert("A", disk('f', uuid('c'), uuid('9')));
  ASSERT_TRUE(awaitReason(Reason::Foreign));
  const auto status = keeper->status();
  EXPECT_NE(status.detail.find("belongs to server " + uuid('9').text() + ", not to " + kServer.text()),
            std::string::npos)
      << status.detail;
  EXPECT_EQ(status.event, 5057);
}

TEST_F(Keeper, APassingFailureIsTriedAgain) {
  start();
  drives.insert("A", Error{Code::Io, "a read failed", Reason::None});
  ASSERT_TRUE(await([&] { return refusals.size() == 1; }));
  ASSERT_TRUE(await([&] { return states.back().detail.find("a read failed") != std::string::npos; }));
  EXPECT_EQ(keeper->status().reason, Reason::AwaitingMedium);
  while (drives.reads() < 4) std::this_thread::yield();
  settle();
  EXPECT_EQ(refusals.size(), 1U);  // told once
}

TEST_F(Keeper, AMediumPulledWhileItIsReadIsNotRefused) {
  options.refusalDelayFirst = Milliseconds(60'000);  // until it would be read once more
  start();
  drives.insert("A", Error{Code::NotFound, "there is no disk", Reason::None});
  while (drives.reads() < 1) std::this_thread::yield();
  drives.pull("A");
  settle();
  EXPECT_TRUE(refusals.empty());
  EXPECT_EQ(keeper->status().reason, Reason::AwaitingMedium);
  drives.insert("A", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(Keeper, AMediumThatIsSaidToBeThereAndCannotBeFoundIsTold) {
  start();
  drives.insert("A", Error{Code::NotFound, "there is no disk", Reason::None});
  ASSERT_TRUE(await([&] { return refusals.size() == 1; }));
  while (drives.reads() < 4) std::this_thread::yield();
  settle();
  EXPECT_EQ(refusals.size(), 1U);  // told once
}

TEST_F(Keeper, ADamagedIdentityIsTriedAsTypedByHand) {
  start();
  std::string text = disk('k');
  const auto at = text.find("label=label");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 11, "label=lapel");
  drives.insert("A", text);
  ASSERT_TRUE(awaitOpen());
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("[medium]"), std::string::npos);
}

TEST_F(Keeper, ARefusalDelaysTheNextDiskInThatSlot) {
  options.refusalDelayFirst = Milliseconds(300);
  options.refusalDelayMost = Milliseconds(600);
  start();
  drives.insert("A", disk('x'));
  ASSERT_TRUE(awaitReason(Reason::KeyMismatch));
  const auto refusedAt = std::chrono::steady_clock::now();
  drives.insert("A", disk('k'));
  const auto now = keeper->unseal({});
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().code, Code::Denied);
  EXPECT_NE(now.error().what.find("try again in 1 s"), std::string::npos) << now.error().what;
  ASSERT_TRUE(awaitOpen());
  EXPECT_GE(std::chrono::steady_clock::now() - refusedAt, Milliseconds(250));
}

TEST_F(Keeper, ARefusedMediumIsDelayedInAnotherSlotToo) {
  options.refusalDelayFirst = Milliseconds(300);
  options.refusalDelayMost = Milliseconds(600);
  start();
  drives.insert("A", disk('x'));
  ASSERT_TRUE(awaitReason(Reason::KeyMismatch));
  EXPECT_EQ(checks, 1);
  drives.insert("B", disk('y'));
  ASSERT_TRUE(await([&] { return refusals.size() >= 2; }));
  EXPECT_EQ(checks, 1);  // no scrypt spent on it yet
  EXPECT_TRUE(await([&] { return refusals.size() >= 3; }));
  EXPECT_EQ(checks, 2);
}

TEST_F(Keeper, UnderKeepTheDiskMayGoAndNothingIsRead) {
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  const auto reads = drives.reads();
  drives.pull("A");
  drives.insert("B", disk('x'));
  ASSERT_TRUE(await([&] { return moves == std::vector<std::string>{"+A", "-A", "+B"}; }));
  settle();
  EXPECT_TRUE(open);
  EXPECT_EQ(drives.reads(), reads);
  EXPECT_FALSE(keeper->media()[1].medium);
}

TEST_F(Keeper, UnderSealTheDisksRemovalSealsAndItsReturnOpens) {
  options.onRemoval = OnRemoval::Seal;
  start();
  drives.insert("B", disk('b', kBackup));
  ASSERT_TRUE(awaitOpen());
  drives.insert("A", disk('k'));  // there, but not the one that opened
  drives.pull("B");
  ASSERT_TRUE(awaitReason(Reason::MediumRemoved));
  EXPECT_FALSE(open);
  settle();
  EXPECT_FALSE(open);  // A was there when it was sealed
  drives.insert("B", disk('b', kBackup));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(Keeper, UnderSealASwappedDiskSealsAndIsTried) {
  options.onRemoval = OnRemoval::Seal;
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  drives.insert("A", disk('x', uuid('c'), uuid('9')));
  ASSERT_TRUE(awaitReason(Reason::Foreign));
  EXPECT_FALSE(open);
  EXPECT_TRUE(await([&] {
    return std::any_of(states.begin(), states.end(),
                       [](const auto& s) { return s.reason == Reason::MediumRemoved; }) ||
           states.back().reason == Reason::Foreign;
  }));
}

TEST_F(Keeper, UnderSealARestartOfTheReaderDoesNotSeal) {
  options.onRemoval = OnRemoval::Seal;
  options.outOfSight = std::chrono::seconds(20);
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  drives.drop();
  settle();
  EXPECT_TRUE(open);
  drives.restamp("A");  // the new child counts anew
  settle();
  settle();
  EXPECT_TRUE(open);
  EXPECT_EQ(drives.reads(), 2U);  // it was looked at
  EXPECT_EQ(notes.size(), 1U);
  drives.restamp("A");  // now it is a change that was seen
  EXPECT_TRUE(await([&] { return moves.size() == 3; }));
  EXPECT_TRUE(await([&] {
    return std::any_of(states.begin(), states.end(),
                       [](const auto& s) { return s.sealed && s.since > base::Time{}; }) &&
           opened == 2;
  }));
}

TEST_F(Keeper, UnderSealAReaderThatStaysAwayCountsAsRemoval) {
  options.onRemoval = OnRemoval::Seal;
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  drives.drop();
  EXPECT_TRUE(awaitReason(Reason::MediumRemoved));
}

TEST_F(Keeper, UnderSealADriveThatCannotBeLookedAtCountsAsRemovalAfterAWhile) {
  options.onRemoval = OnRemoval::Seal;
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  drives.lose("A", Error{Code::Io, "the drive fails", Reason::None});
  ASSERT_TRUE(awaitReason(Reason::MediumRemoved));
  drives.lose("A", std::nullopt);  // nobody saw an insertion
  settle();
  EXPECT_FALSE(open);
}

TEST_F(Keeper, UnderSealADriveThatIsUnpluggedWithItsDiskOpensAgainWhenItIsBack) {
  options.onRemoval = OnRemoval::Seal;
  start();
  drives.insert("reader", disk('k'));
  ASSERT_TRUE(awaitOpen());
  drives.replace("reader", "", Error{Code::NotFound, "no reader is connected", Reason::AwaitingMedium});
  ASSERT_TRUE(awaitReason(Reason::MediumRemoved));
  drives.replace("", "reader", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(Keeper, UnderGraceTheSameDiskMayReturnInAnySlot) {
  options.onRemoval = OnRemoval::Grace;
  options.grace = std::chrono::seconds(20);
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  drives.pull("A");
  ASSERT_TRUE(await([&] { return notes.size() == 1; }));
  drives.insert("A", disk('b', kBackup));  // another of ours is not the same
  drives.insert("B", disk('k'));
  ASSERT_TRUE(await([&] { return notes.size() == 2; }));
  EXPECT_TRUE(open);
  EXPECT_EQ(opened, 1);
}

TEST_F(Keeper, UnderGraceAForgedIdentityDoesNotCount) {
  options.onRemoval = OnRemoval::Grace;
  options.grace = Milliseconds(300);
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  drives.pull("A");
  drives.insert("A", disk('x'));  // says it is the medium, with another key
  EXPECT_TRUE(awaitReason(Reason::MediumRemoved));
  EXPECT_EQ(opened, 1);
}

TEST_F(Keeper, UnderGraceSlowSticksDoNotDelayTheSeal) {
  options.onRemoval = OnRemoval::Grace;
  options.grace = Milliseconds(50);
  std::atomic<bool> slow = false;
  drives.readTakes = [&] {  // longer than the grace
    const auto by = base::Deadline::in(Milliseconds(100));
    while (slow && !by.expired()) std::this_thread::yield();
  };
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  for (const char* slot : {"B", "C", "D", "E"}) drives.insert(slot, disk('x', uuid('c'), uuid('9')));
  settle();
  const auto reads = drives.reads();
  slow = true;
  drives.pull("A");
  ASSERT_TRUE(awaitReason(Reason::MediumRemoved));
  EXPECT_EQ(drives.reads(), reads + 1);
}

TEST_F(Keeper, UnderGraceItSealsInTheEnd) {
  options.onRemoval = OnRemoval::Grace;
  options.grace = Milliseconds(50);
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  drives.pull("A");
  EXPECT_TRUE(awaitReason(Reason::MediumRemoved));
  EXPECT_FALSE(open);
}

}  // namespace
