// CMP and those who want more of it than is theirs: what a message off the wire does again, what strangers
// make the server do, and what a user asks for too often.
#include "kms/pki/cmp_budget.h"
#include "kms/pki/cmp_oids.h"
#include "tests/unit/pki/cmp_say.h"

namespace tests {
namespace {

using namespace kms::pki;

class CmpHostile : public CmpWire {
 protected:
  Wire stranger(std::uint64_t iterations) const {
    auto wire = asAlice(CmpBody::Genm, informationOf({}));
    wire.user = "nobody";
    wire.iterations = iterations;
    return wire;
  }
};

TEST_F(CmpHostile, AMessageOfLongAgoRenewsNothing) {
  const auto own = newKey();
  const auto certificate = enrolled(own);
  const auto next = newKey();
  for (const CmpBody type : {CmpBody::Kur, CmpBody::Cr}) {
    auto renewal = asHolder(type, crmfOf(next, "alice"), own, certificate);
    for (const auto off : {std::chrono::hours(-2), std::chrono::hours(2)}) {
      renewal.time = clock.now() + off;
      const auto heard = say(renewal);
      EXPECT_EQ(heard.failure, failure(CmpFailure::BadTime));
      EXPECT_TRUE(heard.certificate.empty());
    }
  }
  EXPECT_EQ(certificatesOf("alice").size(), 1U);
  EXPECT_FALSE(say(asHolder(CmpBody::Kur, crmfOf(next, "alice"), own, certificate)).failure);
}

// What a thief has of a key that was reported does not come back by a renewal that was sent before.
TEST_F(CmpHostile, ACompromisedKeyGetsNoOtherCertificate) {
  const auto own = newKey();
  const auto certificate = enrolled(own);
  const auto stolen = newKey();
  auto renewal = asHolder(CmpBody::Kur, crmfOf(stolen, "alice"), own, certificate);
  renewal.implicitConfirm = true;
  const auto first = say(renewal);
  ASSERT_FALSE(first.failure);
  auto rr = asHolder(CmpBody::Rr, revocationOf(first.certificate, RevocationReason::KeyCompromise), own,
                     certificate);
  ASSERT_FALSE(say(rr).failure);
  const auto again = say(renewal);
  EXPECT_EQ(again.failure, failure(CmpFailure::BadCertTemplate));
  EXPECT_TRUE(again.certificate.empty());
  secret = token("alice");
  EXPECT_EQ(say(asAlice(CmpBody::Ir, crmfOf(stolen, "alice"))).failure, failure(CmpFailure::BadCertTemplate));
  EXPECT_FALSE(say(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice"))).failure);
  EXPECT_EQ(certificatesOf("alice").size(), 3U);
}

TEST_F(CmpHostile, StrangersGetAShareOfTheTimeOnly) {
  // Whoever knows his secret is no stranger.
  for (int i = 0; i < 6; ++i) {
    auto good = asAlice(CmpBody::Genm, informationOf({}));
    good.iterations = kMostIterations;
    EXPECT_FALSE(say(good).failure) << i;
  }
  for (std::uint64_t spent = 0; spent < CmpBudget::kMost; spent += kMostIterations)
    EXPECT_EQ(say(stranger(kMostIterations)).failure, failure(CmpFailure::BadMessageCheck)) << spent;
  const auto heard = say(stranger(kMostIterations));
  EXPECT_TRUE(isSigned(heard));
  EXPECT_EQ(heard.failure, failure(CmpFailure::SystemUnavail));
  EXPECT_FALSE(say(asAlice(CmpBody::Genm, informationOf({}))).failure) << "500 iterations are always done";
  clock.advance(std::chrono::seconds(1));
  for (std::uint64_t spent = 0; spent < CmpBudget::kPerSecond; spent += kMostIterations)
    EXPECT_EQ(say(stranger(kMostIterations)).failure, failure(CmpFailure::BadMessageCheck)) << spent;
  EXPECT_EQ(say(stranger(kMostIterations)).failure, failure(CmpFailure::SystemUnavail));
}

TEST(CmpBudgetTest, FillsWithTimeAndNoFurther) {
  FakeClock clock;
  CmpBudget budget(clock);
  EXPECT_TRUE(budget.take(CmpBudget::kMost));
  EXPECT_FALSE(budget.take(CmpBudget::kCheap + 1));
  EXPECT_TRUE(budget.take(CmpBudget::kCheap));
  budget.giveBack(CmpBudget::kMost);
  budget.giveBack(CmpBudget::kMost);
  EXPECT_TRUE(budget.take(CmpBudget::kMost));
  EXPECT_FALSE(budget.take(CmpBudget::kCheap + 1));
  clock.advance(std::chrono::hours(1000));
  EXPECT_TRUE(budget.take(CmpBudget::kMost));
  EXPECT_FALSE(budget.take(CmpBudget::kCheap + 1));
  clock.advance(-std::chrono::hours(1));
  EXPECT_FALSE(budget.take(CmpBudget::kCheap + 1)) << "a clock that goes back fills nothing";
  clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(budget.take(CmpBudget::kPerSecond));
}

TEST_F(CmpHostile, WhatIsAskedForTwiceIsNotTold) {
  const auto heard = say(asAlice(CmpBody::Genm, informationOf({oid::kCurrentCrl, oid::kCurrentCrl})));
  EXPECT_EQ(heard.failure, failure(CmpFailure::BadDataFormat));
  EXPECT_LT(heard.raw.size(), 1000U);
}

TEST(DerLengths, OfLongListsAreWhole) {
  for (const std::size_t size : {0x7FU, 0x80U, 0xFFU, 0x100U, 0xFFFFU, 0x10000U, 0xFFFFFFU, 0x1000000U}) {
    Der der;
    der.element(kOctetString, base::Bytes(size));
    const auto head = der.size() - size;
    EXPECT_EQ(head, size < 0x80 ? 2U : size < 0x100 ? 3U : size < 0x10000 ? 4U : size < 0x1000000 ? 5U : 6U);
    std::size_t read = 0;
    for (std::size_t i = 2; i < head; ++i) read = read << 8U | std::to_integer<std::size_t>(der.view()[i]);
    EXPECT_EQ(head == 2 ? std::to_integer<std::size_t>(der.view()[1]) : read, size);
  }
}

}  // namespace
}  // namespace tests
