// Slots are added, proved and dropped; what each refusal says, and that nothing was done then.
#include "kms/keys/slot_desk.h"

#include <gtest/gtest.h>

#include "kms/keys/slot_facts.h"
#include "kms/keys/vault.h"
#include "tests/support/faulty_store.h"
#include "tests/unit/keys/fixture.h"

namespace {

using base::Code;
using tests::Founded;
using tests::kCheap;
using tests::masterKey;
using tests::uuid;

constexpr unsigned kThird = 3;

const kms::SlotDesk::Along kNothing = [](kms::Txn&) { return base::Result<void>(); };

class SlotDeskTest : public ::testing::Test {
 protected:
  kms::SlotDesk desk() {
    auto opened = kms::SlotDesk::open(*f.store, f.server, f.offer(Founded::kFirst, Founded::kFirst), f.clock,
                                      base::systemRng());
    EXPECT_TRUE(opened) << opened.error().what;
    return *std::move(opened);
  }
  kms::SlotRow wrapped(const kms::SlotDesk& from, unsigned medium, unsigned key) {
    const auto master = masterKey(key);
    return *from.wrap({&master, uuid(medium), "third"}, kCheap);
  }
  bool opens(unsigned medium, unsigned key) {
    return bool(kms::Vault(*f.store, f.server, base::systemRng()).check(f.offer(medium, key)));
  }

  Founded f;
};

TEST_F(SlotDeskTest, AFurtherMediumOpensOnceItsSlotIsAdded) {
  const auto from = desk();
  const auto row = wrapped(from, kThird, kThird);
  EXPECT_FALSE(opens(kThird, kThird)) << "before it was added";
  EXPECT_TRUE(from.prove(row, masterKey(kThird), nullptr));
  bool along = false;
  const auto added = from.add(row, [&](kms::Txn&) {
    along = true;
    return base::Result<void>();
  });
  ASSERT_TRUE(added) << added.error().what;
  EXPECT_TRUE(along);
  for (const unsigned medium : {Founded::kFirst, Founded::kSecond, kThird})
    EXPECT_TRUE(opens(medium, medium));
}

TEST_F(SlotDeskTest, AnotherKeyDoesNotProve) {
  const auto from = desk();
  const auto proved = from.prove(wrapped(from, kThird, kThird), masterKey(9), nullptr);
  ASSERT_FALSE(proved);
  EXPECT_EQ(proved.error().reason, base::Reason::KeyMismatch);
}

TEST_F(SlotDeskTest, AMediumHasOneSlot) {
  const auto from = desk();
  const auto added = from.add(wrapped(from, Founded::kSecond, kThird), kNothing);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::Conflict);
  EXPECT_EQ(f.slots().size(), 2U);
}

TEST_F(SlotDeskTest, WhatFailsAlongUndoesTheSlot) {
  const auto from = desk();
  const auto fails = [](kms::Txn&) -> base::Result<void> { return base::Error{Code::Io, "no"}; };
  EXPECT_FALSE(from.add(wrapped(from, kThird, kThird), fails));
  EXPECT_FALSE(from.drop(uuid(Founded::kSecond), fails));
  EXPECT_EQ(f.slots().size(), 2U);
}

TEST_F(SlotDeskTest, ADroppedMediumOpensNothingAndItsNumberNeverComesBack) {
  const auto from = desk();
  ASSERT_TRUE(from.drop(uuid(Founded::kSecond), kNothing));
  EXPECT_FALSE(opens(Founded::kSecond, Founded::kSecond));
  ASSERT_TRUE(from.add(wrapped(from, kThird, kThird), kNothing));
  ASSERT_TRUE(from.drop(uuid(kThird), kNothing));
  ASSERT_TRUE(from.add(wrapped(from, 4, 4), kNothing));
  EXPECT_EQ(f.slots().back().id, 4) << "3 was the third medium's";
}

TEST_F(SlotDeskTest, TheLastOneStays) {
  const auto from = desk();
  ASSERT_TRUE(from.drop(uuid(Founded::kSecond), kNothing));
  const auto dropped = from.drop(uuid(Founded::kFirst), kNothing);
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().code, Code::Denied);
  EXPECT_NE(dropped.error().what.find("last one"), std::string::npos) << dropped.error().what;
  EXPECT_TRUE(opens(Founded::kFirst, Founded::kFirst));
  EXPECT_EQ(from.drop(uuid(77), kNothing).error().code, Code::NotFound);
}

TEST_F(SlotDeskTest, ASlotThatCannotBeReadIsNoOther) {
  const auto from = desk();
  kms::SlotRow second = f.slots()[1];
  second.header[0] = std::byte{0};
  f.write([&](kms::Txn& txn) -> base::Result<void> {
    auto removed = txn.removeSlot(second.id);
    return removed ? txn.addSlot(second) : std::move(removed);
  });
  EXPECT_EQ(from.drop(uuid(Founded::kFirst), kNothing).error().code, Code::Denied);
}

TEST_F(SlotDeskTest, TheDeskOpensWithAMediumOfThisServerOnly) {
  const auto wrong =
      kms::SlotDesk::open(*f.store, f.server, f.offer(Founded::kFirst, 9), f.clock, base::systemRng());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().reason, base::Reason::KeyMismatch);
  auto offer = f.offer(Founded::kFirst, Founded::kFirst);
  offer.id->server = uuid(200);
  EXPECT_EQ(kms::SlotDesk::open(*f.store, f.server, offer, f.clock, base::systemRng()).error().reason,
            base::Reason::Foreign);
}

TEST_F(SlotDeskTest, NoCallThatFailsLeavesHalfAChange) {
  for (std::uint64_t n = 1;; ++n) {
    tests::FaultyStore faulty(*f.store);
    auto from = kms::SlotDesk::open(faulty, f.server, f.offer(Founded::kFirst, Founded::kFirst), f.clock,
                                    base::systemRng());
    ASSERT_TRUE(from);
    const auto row = wrapped(*from, kThird, kThird);
    faulty.failAt(n);
    const auto added = from->add(row, kNothing);
    faulty.failAt(0);
    EXPECT_EQ(f.slots().size(), added ? 3U : 2U);
    if (added) break;
    ASSERT_LT(n, 100U);
  }
}

TEST_F(SlotDeskTest, AnUnsealingIsNotedAsTheSlotsLastUse) {
  auto facts = *kms::slotFacts(*f.store);
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_FALSE(facts[0].lastUsed || facts[1].lastUsed);
  ASSERT_TRUE(facts[1].header);
  EXPECT_EQ(facts[1].header->label, "second");
  kms::Vault vault(*f.store, f.server, base::systemRng(), f.clock);
  ASSERT_TRUE(vault.unseal(f.offer(Founded::kSecond, Founded::kSecond)));
  vault.seal();
  f.reopen();
  facts = *kms::slotFacts(*f.store);
  EXPECT_FALSE(facts[0].lastUsed);
  EXPECT_EQ(facts[1].lastUsed, f.clock.now());
}

TEST_F(SlotDeskTest, ASlotThatCannotBeReadIsListedWithItsFault) {
  kms::SlotRow first = f.slots()[0];
  first.header[8] = std::byte{7};  // its kind
  f.write([&](kms::Txn& txn) -> base::Result<void> {
    auto removed = txn.removeSlot(first.id);
    return removed ? txn.addSlot(first) : std::move(removed);
  });
  const auto facts = *kms::slotFacts(*f.store);
  EXPECT_FALSE(facts[0].header);
  EXPECT_NE(facts[0].fault.find("kind 7"), std::string::npos) << facts[0].fault;
}

}  // namespace
