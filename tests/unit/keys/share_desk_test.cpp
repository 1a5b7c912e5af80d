// Which keys are made of the shares that were read, and the slot of a split key.
#include "kms/keys/share_desk.h"

#include <gtest/gtest.h>

#include "hal/base/shamir.h"
#include "kms/keys/slot.h"
#include "tests/unit/keys/fixture.h"

namespace {

using kms::ShareDesk;
using kms::ShareSet;
using tests::masterKey;
using tests::uuid;

struct Split {
  Split(unsigned threshold, unsigned total, unsigned seed = 1)
      : key(masterKey(seed)),
        shares(*base::splitSecret(key.bytes(), threshold, total, base::systemRng())),
        set{uuid(50 + seed), threshold, total, ""} {}
  base::MasterKey value(unsigned number) const {
    return *base::MasterKey::fromBytes(shares[number - 1].bytes().first<base::MasterKey::kSize>());
  }
  kms::ReadShare read(unsigned number, const std::string& where = "here") const {
    return {value(number), static_cast<std::uint8_t>(number), set.id, where};
  }
  kms::ReadShare wrong(unsigned number, const std::string& where = "here") const {
    return {masterKey(99), static_cast<std::uint8_t>(number), set.id, where};
  }
  kms::ReadShare typed(unsigned number) const {
    return {value(number), static_cast<std::uint8_t>(number), std::nullopt, "typed"};
  }
  bool made(const ShareDesk& desk, const std::vector<std::size_t>& choice) const {
    return base::equalConstantTime(desk.join(choice)->bytes(), key.bytes());
  }

  base::MasterKey key;
  std::vector<base::SecretBuffer> shares;
  ShareSet set;
};

bool madeByAny(const Split& split, const ShareDesk& desk) {
  for (const auto& choice : desk.choices(split.set, std::nullopt))
    if (split.made(desk, choice)) return true;
  return false;
}

TEST(ShareDesk, MakesTheKeyOfEnoughAndTriesEachSubsetOnce) {
  const Split split(3, 5);
  ShareDesk desk;
  for (const unsigned number : {5U, 1U}) {
    const auto at = desk.add(split.read(number));
    EXPECT_TRUE(desk.choices(split.set, at).empty());
  }
  auto at = desk.add(split.read(3));
  EXPECT_EQ(desk.count(split.set), 3U);
  ASSERT_EQ(desk.choices(split.set, at).size(), 1U);
  EXPECT_TRUE(split.made(desk, desk.choices(split.set, at).front()));
  at = desk.add(split.read(2));
  EXPECT_EQ(desk.choices(split.set, at).size(), 3U) << "C(3, 2) subsets have the new one";
  EXPECT_EQ(desk.choices(split.set, std::nullopt).size(), 4U);
  for (const auto& choice : desk.choices(split.set, std::nullopt)) EXPECT_TRUE(split.made(desk, choice));
}

TEST(ShareDesk, TheSameShareCountsOnceAndLeavesWithItsLastCopy) {
  const Split split(2, 3);
  ShareDesk desk;
  EXPECT_EQ(desk.add(split.read(1, "A")), desk.add(split.read(1, "B")));
  desk.add(split.typed(1));
  EXPECT_EQ(desk.count(split.set), 1U);
  EXPECT_TRUE(desk.choices(split.set, std::nullopt).empty());
  for (const char* where : {"A", "B"}) {
    EXPECT_TRUE(desk.holds(where));
    desk.forget(where);
    EXPECT_FALSE(desk.empty());
  }
  desk.forget("typed");
  EXPECT_TRUE(desk.empty());
}

TEST(ShareDesk, OneNumberTwiceIsTriedByTurns) {
  const Split split(2, 3);
  ShareDesk desk;
  desk.add(split.wrong(1, "A"));
  desk.add(split.read(1, "B"));
  EXPECT_EQ(desk.count(split.set), 1U) << "two of one number do not make a key";
  EXPECT_TRUE(desk.choices(split.set, std::nullopt).empty());
  const auto at = desk.add(split.read(2, "C"));
  const auto choices = desk.choices(split.set, at);
  ASSERT_EQ(choices.size(), 2U);
  EXPECT_NE(split.made(desk, choices[0]), split.made(desk, choices[1]));
}

TEST(ShareDesk, NamesTheWrongOnes) {
  const Split split(2, 4);
  ShareDesk desk;
  desk.add(split.wrong(1, "A"));
  desk.add(split.read(2, "B"));
  desk.add(split.read(4, "C"));
  for (const auto& choice : desk.choices(split.set, std::nullopt)) {
    if (!split.made(desk, choice)) continue;
    const auto wrong = desk.wrong(split.set, choice);
    ASSERT_TRUE(wrong);
    ASSERT_EQ(wrong->size(), 1U);
    EXPECT_EQ(wrong->front().number, 1);
    EXPECT_EQ(wrong->front().where, "A");
    return;
  }
  FAIL() << "no subset made the key";
}

TEST(ShareDesk, NeverMixesSets) {
  const Split ours(2, 3, 1);
  const Split theirs(2, 3, 2);
  ShareDesk desk;
  desk.add(ours.read(1));
  desk.add(theirs.read(2));
  EXPECT_TRUE(desk.choices(ours.set, std::nullopt).empty());
  EXPECT_TRUE(desk.choices(theirs.set, std::nullopt).empty());
  desk.add(theirs.typed(3));  // may be of either
  EXPECT_FALSE(madeByAny(ours, desk));
  EXPECT_TRUE(madeByAny(theirs, desk));
}

TEST(ShareDesk, KeepsAndTriesOnlySoMany) {
  const Split split(8, 16);
  ShareDesk desk;
  for (unsigned number = 1; number <= 16; ++number) desk.add(split.read(number));
  EXPECT_EQ(desk.choices(split.set, std::nullopt).size(), ShareDesk::kTries);
  for (unsigned seed = 0; seed < 2 * ShareDesk::kMost; ++seed)
    desk.add({masterKey(seed), 1, split.set.id, std::to_string(seed)});
  EXPECT_TRUE(desk.full());
  EXPECT_FALSE(desk.holds("0"));
  EXPECT_TRUE(desk.holds(std::to_string(2 * ShareDesk::kMost - 1)));
}

TEST(ShareSlot, IsFoundedListedAndOpensWithTheKeyThatTheSharesMake) {
  tests::Scratch scratch;
  const tests::FixedClock clock;
  auto store = *kms::createSqliteStore(scratch / "kms.db");
  const Split split(2, 3);
  const base::Uuid server = uuid(100);
  const auto plain = masterKey(7);
  const std::vector<kms::NewSlot> slots{{&plain, uuid(7), "whole"},
                                        {&split.key, split.set.id, "2 of 3 shares", nullptr, {0, 2, 3}}};
  ASSERT_TRUE(kms::found(*store, server, slots, clock, base::systemRng(), tests::kCheap));
  const auto sets = kms::shareSets(*store);
  ASSERT_TRUE(sets);
  ASSERT_EQ(sets->size(), 1U);
  EXPECT_EQ(sets->front().id, split.set.id);
  EXPECT_EQ(sets->front().threshold, 2U);
  EXPECT_EQ(sets->front().total, 3U);
  EXPECT_EQ(sets->front().label, "2 of 3 shares");

  kms::Vault vault(*store, server, base::systemRng());
  ShareDesk desk;
  desk.add(split.read(3));
  const auto at = desk.add(split.read(1));
  const auto choice = desk.choices(sets->front(), at).front();
  const auto medium =
      vault.unseal({*desk.join(choice), kms::MediumRef{server, split.set.id}, std::nullopt, "shares"});
  ASSERT_TRUE(medium) << medium.error().what;
  EXPECT_EQ(*medium, split.set.id);
  vault.seal();
  const auto alone =
      vault.unseal({split.value(1), kms::MediumRef{server, split.set.id}, std::nullopt, "one"});
  EXPECT_EQ(alone.error().reason, base::Reason::KeyMismatch);
}

TEST(ShareSlot, OnlySoundSplitsAreWrittenAndRead) {
  kms::SlotHeader header;
  header.cost = tests::kCheap;
  header.server = uuid(1);
  header.medium = uuid(2);
  header.share = {0, 2, 3};
  const auto bytes = kms::encodeSlotHeader(header);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(kms::parseSlotHeader(*bytes)->share, header.share);
  for (const kms::Share bad : {kms::Share{0, 1, 3}, {0, 4, 3}, {0, 0, 3}, {0, 2, 0}, {1, 2, 3}}) {
    header.share = bad;
    EXPECT_FALSE(kms::encodeSlotHeader(header));
    base::Bytes altered = *bytes;
    altered[13] = static_cast<std::byte>(bad.index);
    altered[14] = static_cast<std::byte>(bad.threshold);
    altered[15] = static_cast<std::byte>(bad.total);
    const auto parsed = kms::parseSlotHeader(altered);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, bad.index != 0 ? base::Code::Unsupported : base::Code::Corrupt);
  }
}

}  // namespace
