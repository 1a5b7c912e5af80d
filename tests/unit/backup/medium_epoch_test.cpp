// What is noted on a medium: its form, and what two sectors say after anything that can happen to them.
#include <gtest/gtest.h>

#include "hal/base/rfc3339.h"
#include "hal/epoch_file.h"
#include "kms/backup/medium_epoch.h"
#include "kms/keys/crypto.h"
#include "kms/keys/key_use.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/keys/worked_examples.h"

namespace {

using namespace kms::backup;
using tests::fromHex;

const auto kServer = *base::Uuid::parse("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0");
const auto kMedium = *base::Uuid::parse("11111111-2222-4333-8444-555555555555");

std::array<std::byte, 32> macOver(base::BytesView message) {
  static auto hmac = *kms::Hmac::create(base::Bytes(32, std::byte{7}));
  return hmac.compute(message);
}

MediumRecord made(std::uint64_t number, std::uint64_t epoch, std::uint32_t generation = 1,
                  base::Uuid server = kServer) {
  MediumRecord record{generation, server, kMedium, number, epoch, 40 + epoch, {}, {}, {}};
  record.written = base::Time(std::chrono::seconds(1'770'000'000 + static_cast<long>(number)));
  record.salt.fill(static_cast<std::byte>(epoch));
  record.mac = macOver(signedPart(record));
  return record;
}

base::Bytes both(const base::Bytes& a, const base::Bytes& b) {
  base::Bytes all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}
const base::Bytes kEmpty(kMediumSector);

MediumView view(const base::Bytes& sectors, std::uint32_t generation = 1) {
  auto seen = viewMedium(sectors, kServer, generation, macOver);
  EXPECT_TRUE(seen);
  return *seen;
}

TEST(MediumEpoch, FitsTheFileOnTheMedium) {
  EXPECT_EQ(kMediumSector, hal::kEpochSector);
  EXPECT_EQ(kMediumSectors, hal::kEpochSectors);
  EXPECT_TRUE(base::asText(encodeSector(made(1, 1))).starts_with(hal::kEpochMark));
}

TEST(MediumEpoch, WorkedExample) {
  auto x = tests::workedExample("medium record");
  const auto uuidOf = [&](const char* name) { return *base::Uuid::fromBytes(fromHex(x[name])); };
  MediumRecord record;
  record.rootGeneration = 1;
  record.server = uuidOf("server");
  record.medium = uuidOf("medium");
  record.number = 5;
  record.epoch = 9;
  record.audit = 120;
  record.written = *base::parseTime(x["written"]);
  std::ranges::copy(fromHex(x["salt hash"]), record.salt.begin());
  const auto key = kms::deriveKey(fromHex(x["root"]), {}, kms::KeyUse::Medium, record.server);
  ASSERT_TRUE(key);
  EXPECT_EQ(base::toHex(key->bytes()), x["key"]);
  record.mac = kms::Hmac::create(key->bytes())->compute(signedPart(record));
  EXPECT_EQ(base::toHex(record.mac), x["mac"]);
  const auto sector = encodeSector(record);
  EXPECT_EQ(base::toHex(base::BytesView(sector).first(144)), x["record"]);
  const auto back = parseSector(sector);
  ASSERT_TRUE(back && *back);
  EXPECT_EQ(**back, record);
}

TEST(MediumEpoch, AnyByteChangedIsSeen) {
  const auto sound = encodeSector(made(7, 3));
  for (std::size_t at = 0; at < sound.size(); ++at) {
    for (const unsigned bit : {1U, 0x80U}) {
      auto changed = sound;
      changed[at] ^= static_cast<std::byte>(bit);
      const auto seen = view(both(changed, kEmpty));
      EXPECT_FALSE(seen.newest) << at;
      // Another server's record, or one of another root key, is none of ours.
      EXPECT_TRUE(seen.damaged || seen.later || (at >= 12 && at < 32)) << at;
    }
  }
}

TEST(MediumEpoch, CutAtAnyLengthIsRefused) {
  const auto sound = encodeSector(made(7, 3));
  for (std::size_t size = 0; size < sound.size(); ++size)
    EXPECT_FALSE(parseSector(base::BytesView(sound).first(size))) << size;
  EXPECT_FALSE(viewMedium(sound, kServer, 1, macOver));
}

TEST(MediumEpoch, TheOlderSectorIsNext) {
  EXPECT_FALSE(view(both(kEmpty, kEmpty)).newest);
  EXPECT_EQ(view(both(kEmpty, kEmpty)).next, std::vector<unsigned>{0});
  base::Bytes sectors = both(kEmpty, kEmpty);
  for (std::uint64_t n = 1; n < 9; ++n) {
    const auto seen = view(sectors);
    ASSERT_EQ(seen.next.size(), 1U);
    EXPECT_EQ(seen.newest ? seen.newest->number : 0, n - 1);
    std::ranges::copy(encodeSector(made(n, n + 2)), sectors.begin() + seen.next[0] * kMediumSector);
  }
  EXPECT_EQ(view(sectors).newest->epoch, 10U);
}

// The power goes while the older sector is written: a disk that does not write sectors wholly leaves the new
// bytes up to somewhere, and behind them old ones, or rubbish.
TEST(MediumEpoch, TornAtAnyByteTheOtherCounts) {
  const auto kept = encodeSector(made(8, 5));
  const auto old = encodeSector(made(7, 4));
  const auto fresh = encodeSector(made(9, 6));
  for (const base::Bytes& under : {old, kEmpty, base::Bytes(kMediumSector, std::byte{0xE5})}) {
    for (std::size_t at = 0; at <= kMediumSector; ++at) {
      auto torn = under;
      std::copy_n(fresh.begin(), at, torn.begin());
      for (const bool first : {false, true}) {
        const auto seen = view(first ? both(torn, kept) : both(kept, torn));
        ASSERT_TRUE(seen.newest) << at;
        EXPECT_TRUE(seen.newest->number == 8 || torn == fresh) << at;
        EXPECT_EQ(seen.next, std::vector<unsigned>{torn == fresh ? (first ? 1U : 0U) : (first ? 0U : 1U)});
      }
    }
  }
}

TEST(MediumEpoch, OtherServersAndFormerRootKeysSayNothing) {
  const auto other = *base::Uuid::parse("99999999-2222-4333-8444-555555555555");
  EXPECT_FALSE(view(both(encodeSector(made(3, 9, 1, other)), kEmpty)).newest);
  const auto former = view(both(encodeSector(made(3, 9, 1)), encodeSector(made(4, 10, 2))), 2);
  ASSERT_TRUE(former.newest);
  EXPECT_EQ(former.newest->number, 4U);
  EXPECT_FALSE(former.later);
  EXPECT_EQ(former.next, std::vector<unsigned>{0});
}

TEST(MediumEpoch, ARootKeyOfLaterIsALaterState) {
  const auto one = view(both(encodeSector(made(3, 9, 1)), encodeSector(made(4, 10, 2))), 1);
  EXPECT_TRUE(one.later);
  EXPECT_EQ(one.next, std::vector<unsigned>{1}) << "it must not be found again";
  const auto two = view(both(encodeSector(made(3, 9, 3)), encodeSector(made(4, 10, 2))), 1);
  EXPECT_TRUE(two.later);
  EXPECT_EQ(two.next, (std::vector<unsigned>{0, 1}));
}

}  // namespace
