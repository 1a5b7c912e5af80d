// A key in shares: they are collected, never mixed with others', and tried until a subset opens.
#include "tests/unit/reader/keeper_bench.h"

namespace {

using base::Code;
using base::Error;
using base::Reason;
using kmsd::OnRemoval;
using tests::disk;
using tests::kMedium;
using tests::kServer;
using tests::kSet;
using tests::Milliseconds;
using tests::shareDisk;
using tests::shareOf;
using tests::uuid;

class KeeperShares : public tests::KeeperBench {
 protected:
  KeeperShares() { sets = {{kSet, 2, 3, "2 of 3 shares"}}; }

  bool says(const std::string& text) {
    return await([&] { return !states.empty() && states.back().detail.find(text) != std::string::npos; });
  }
  void pull(const std::string& slot) {
    drives.pull(slot);
    settle();
  }
  base::Result<void> type(std::uint8_t number, const char* passphrase = nullptr) {
    kmsd::UnsealRequest request;
    request.pwd = *hal::formatPwd(shareOf(number), number);
    if (passphrase != nullptr) request.passphrase = *base::SecretBuffer::copyOf(base::asBytes(passphrase));
    return keeper->unseal(std::move(request));
  }
  bool wasRefused(const std::string& uri, const std::string& text) {
    return await([&] {
      return std::any_of(refusals.begin(), refusals.end(), [&](const auto& refusal) {
        return refusal.first == uri && refusal.second.what.find(text) != std::string::npos;
      });
    });
  }
};

TEST_F(KeeperShares, OneAfterAnotherInOneDriveOpen) {
  start();
  drives.insert("A", shareDisk(1));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  EXPECT_TRUE(says("1 of 2 shares read; insert another one of the set " + kSet.text()));
  EXPECT_EQ(checks, 0) << "a share alone is tried";
  pull("A");
  EXPECT_EQ(keeper->status().reason, Reason::SharesNeeded);
  drives.insert("A", shareDisk(3));
  ASSERT_TRUE(awaitOpen());
  EXPECT_EQ(checks, 1);
  EXPECT_EQ(keeper->status().medium, kSet);
  EXPECT_NE(keeper->status().detail.find("shares 3 (mock:A) and 1 (mock:A)"), std::string::npos)
      << keeper->status().detail;
  EXPECT_TRUE(refusals.empty());
}

TEST_F(KeeperShares, BesideEachOtherAtTheStartOpen) {
  drives.insert("A", shareDisk(2));
  drives.insert("B", shareDisk(3));
  start();
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperShares, TheSameShareAndItsCopyCountOnce) {
  start();
  drives.insert("A", shareDisk(1));
  drives.insert("B", shareDisk(1));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  while (drives.reads() < 2) std::this_thread::yield();
  settle();
  settle();
  EXPECT_EQ(drives.reads(), 2U) << "they are read again and again";
  EXPECT_TRUE(says("1 of 2"));
  pull("A");
  drives.insert("A", shareDisk(1));
  settle();
  EXPECT_EQ(checks, 0);
  EXPECT_FALSE(open);
}

TEST_F(KeeperShares, OfDifferentSetsAreNeverMixed) {
  sets.push_back({uuid('6'), 2, 2, ""});
  start();
  drives.insert("A", shareDisk(1));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  drives.insert("B", shareDisk(2, shareOf(2), 2, uuid('6')));
  ASSERT_TRUE(says(uuid('6').text()));
  EXPECT_EQ(checks, 0);
  pull("B");
  drives.insert("B", shareDisk(2, shareOf(2), 2, uuid('7')));  // of no slot
  ASSERT_TRUE(wasRefused("mock:B", "set " + uuid('7').text()));
  EXPECT_EQ(checks, 0);
  EXPECT_FALSE(open);
  pull("B");
  drives.insert("B", shareDisk(3));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperShares, AnotherServersIsForeign) {
  start();
  drives.insert("A", shareDisk(1, shareOf(1), 2, kSet, uuid('9')));
  ASSERT_TRUE(awaitReason(Reason::Foreign));
  EXPECT_EQ(checks, 0);
}

TEST_F(KeeperShares, AWrongOneIsNamedOnceOneMoreIsThere) {
  start();
  drives.insert("A", shareDisk(1, tests::keyOf('x')));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  drives.insert("B", shareDisk(2));
  ASSERT_TRUE(awaitReason(Reason::KeyMismatch));
  EXPECT_TRUE(says("one of them is wrong"));
  EXPECT_FALSE(open);
  EXPECT_EQ(checks, 1);
  drives.insert("C", shareDisk(3));
  ASSERT_TRUE(awaitOpen());
  EXPECT_TRUE(wasRefused("mock:A", "share 1 of the set"));
  EXPECT_LE(checks, 3);
}

TEST_F(KeeperShares, UnderSealAllMustBeThereAndStay) {
  options.onRemoval = OnRemoval::Seal;
  start();
  drives.insert("A", shareDisk(1));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  pull("A");
  drives.insert("A", shareDisk(2));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  settle();
  EXPECT_FALSE(open) << "one after another";
  drives.insert("B", shareDisk(3));
  ASSERT_TRUE(awaitOpen());
  drives.pull("A");  // not the last one read
  ASSERT_TRUE(awaitReason(Reason::MediumRemoved));
  EXPECT_FALSE(open);
  drives.insert("A", shareDisk(2));  // the other one is still there
  EXPECT_TRUE(awaitOpen());
  drives.pull("B");
  EXPECT_TRUE(awaitReason(Reason::MediumRemoved));
}

TEST_F(KeeperShares, UnderGraceTheLastOneMayComeBack) {
  options.onRemoval = OnRemoval::Grace;
  options.grace = Milliseconds(60'000);
  start();
  drives.insert("A", shareDisk(1));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  pull("A");
  drives.insert("A", shareDisk(2));
  ASSERT_TRUE(awaitOpen());
  pull("A");
  ASSERT_TRUE(says("seals soon"));
  drives.insert("A", shareDisk(1));  // another share is not it
  settle();
  settle();
  EXPECT_TRUE(says("seals soon"));
  pull("A");
  drives.insert("A", shareDisk(2, tests::keyOf('x')));  // nor is what only calls itself so
  settle();
  settle();
  EXPECT_TRUE(says("seals soon"));
  pull("A");
  drives.insert("A", shareDisk(2));
  EXPECT_TRUE(await([&] { return !notes.empty() && notes.back().find("is back") != std::string::npos; }));
  EXPECT_TRUE(open);
}

TEST_F(KeeperShares, AKeyWithAPassphraseMayComeBackUnderGrace) {
  options.onRemoval = OnRemoval::Grace;
  options.grace = Milliseconds(60'000);
  start();
  drives.insert("A", disk('p'));
  ASSERT_TRUE(awaitReason(Reason::PassphraseNeeded));
  kmsd::UnsealRequest request;
  request.passphrase = *base::SecretBuffer::copyOf(base::asBytes("words"));
  ASSERT_TRUE(keeper->unseal(std::move(request)));
  pull("A");
  drives.insert("A", disk('p'));
  EXPECT_TRUE(await([&] { return !notes.empty() && notes.back().find("is back") != std::string::npos; }));
}

TEST_F(KeeperShares, AreTypedOneAfterAnother) {
  start();
  const auto first = type(2);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().reason, Reason::SharesNeeded);
  EXPECT_NE(first.error().what.find("1 of 2"), std::string::npos) << first.error().what;
  EXPECT_EQ(type(2).error().reason, Reason::SharesNeeded) << "it counts once";
  EXPECT_TRUE(type(1));
  EXPECT_TRUE(open);
}

TEST_F(KeeperShares, ATypedOneAndADiskOpen) {
  start();
  drives.insert("A", shareDisk(3));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  EXPECT_TRUE(type(1));
}

TEST_F(KeeperShares, ATypedOneOpensNothingWhereNoKeyIsSplit) {
  sets.clear();
  start();
  const auto typed = type(1);
  ASSERT_FALSE(typed);
  EXPECT_EQ(typed.error().reason, Reason::KeyMismatch);
  EXPECT_EQ(checks, 0);
}

TEST_F(KeeperShares, ThePassphraseIsAskedForWhenEnoughAreThere) {
  splitNeedsPassphrase = true;
  start();
  drives.insert("A", shareDisk(1));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  pull("A");
  drives.insert("A", shareDisk(2));
  ASSERT_TRUE(awaitReason(Reason::PassphraseNeeded));
  pull("A");
  EXPECT_EQ(keeper->status().reason, Reason::PassphraseNeeded);
  kmsd::UnsealRequest request;
  request.passphrase = *base::SecretBuffer::copyOf(base::asBytes("words"));
  EXPECT_TRUE(keeper->unseal(std::move(request)));
  EXPECT_TRUE(open);
}

TEST_F(KeeperShares, ThePassphraseOpensThoughTheLastDiskGoesJustNow) {
  splitNeedsPassphrase = true;
  start();
  drives.insert("A", shareDisk(1));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  pull("A");
  drives.insert("A", shareDisk(2));
  ASSERT_TRUE(awaitReason(Reason::PassphraseNeeded));
  drives.insert("A", Error{Code::NotFound, "there is no disk", Reason::None});  // the list still has it
  settle();
  kmsd::UnsealRequest request;
  request.passphrase = *base::SecretBuffer::copyOf(base::asBytes("words"));
  EXPECT_TRUE(keeper->unseal(std::move(request)));
}

TEST_F(KeeperShares, GuessesAtThePassphraseAreSlowedDown) {
  options.refusalDelayFirst = options.refusalDelayMost = Milliseconds(60'000);
  splitNeedsPassphrase = true;
  start();
  drives.insert("A", shareDisk(1));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  pull("A");
  drives.insert("A", shareDisk(2));
  ASSERT_TRUE(awaitReason(Reason::PassphraseNeeded));
  pull("A");
  const auto guess = [&](const char* words) {
    kmsd::UnsealRequest request;
    request.passphrase = *base::SecretBuffer::copyOf(base::asBytes(words));
    return keeper->unseal(std::move(request));
  };
  EXPECT_EQ(guess("wrong").error().reason, Reason::KeyMismatch);
  const auto again = guess("words");
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().what.find("a moment ago"), std::string::npos) << again.error().what;
}

TEST_F(KeeperShares, AreForgottenWhenNoOtherOneComes) {
  options.sharesKept = Milliseconds(50);
  start();
  drives.insert("A", shareDisk(1));
  ASSERT_TRUE(await([&] { return !notes.empty() && notes.back().find("forgotten") != std::string::npos; }));
  pull("A");
  EXPECT_EQ(keeper->status().reason, Reason::AwaitingMedium);
  drives.insert("A", shareDisk(2));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  EXPECT_FALSE(open);
}

TEST_F(KeeperShares, AfterASealANewOneCallsThoseThatAreThere) {
  start();
  drives.insert("A", shareDisk(1));
  drives.insert("B", shareDisk(2));
  ASSERT_TRUE(awaitOpen());
  keeper->seal();
  settle();
  EXPECT_FALSE(open);
  EXPECT_EQ(keeper->status().reason, Reason::SealedByCommand);
  pull("B");
  settle();
  EXPECT_FALSE(open);
  drives.insert("B", shareDisk(2));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperShares, ADamagedIdentityCountsAsTyped) {
  start();
  std::string text = shareDisk(1);
  text.replace(text.find("label="), 6, "lable=");
  drives.insert("A", text);
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  drives.insert("B", shareDisk(2));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperShares, AWholeKeyOpensMeanwhile) {
  start();
  drives.insert("A", shareDisk(1));
  ASSERT_TRUE(awaitReason(Reason::SharesNeeded));
  drives.insert("B", disk('k'));
  ASSERT_TRUE(awaitOpen());
  EXPECT_EQ(keeper->status().medium, kMedium);
}

}  // namespace
