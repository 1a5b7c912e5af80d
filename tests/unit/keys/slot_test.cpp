#include "kms/keys/slot.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/unit/keys/fixture.h"

namespace {

using base::Code;
using base::Reason;
using kms::SlotHeader;
using tests::masterKey;
using tests::secret;
using tests::uuid;

constexpr std::size_t kLogNAt = 10;  // offsets in the header, as kms/FORMATS.md has them
constexpr std::size_t kLabelAt = 80;

SlotHeader cheapHeader() {
  SlotHeader header;
  header.cost = tests::kCheap;
  header.server = uuid(1);
  header.medium = uuid(2);
  header.created = base::Time(std::chrono::seconds(1'800'000'000));
  header.label = "Safe, shelf 2";
  return header;
}

const base::Bytes kRoot(32, std::byte{0x77});

// In kB, from /proc/self/status: the most address space that this process ever had.
long peak() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmPeak:")) return std::stol(line.substr(7));
  return -1;
}

TEST(SlotHeader, ComesBackAsItWas) {
  SlotHeader header = cheapHeader();
  header.passphrase = true;
  header.rootGeneration = 7;
  header.salt.fill(std::byte{9});
  header.label = "\xC3\xA4 24 bytes of label \xE2\x82\xAC";
  ASSERT_LE(header.label.size(), SlotHeader::kLabel);
  const auto bytes = kms::encodeSlotHeader(header);
  ASSERT_TRUE(bytes);
  ASSERT_EQ(bytes->size(), SlotHeader::kSize);
  const auto back = kms::parseSlotHeader(*bytes);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_TRUE(back->passphrase);
  EXPECT_EQ(back->cost.logN, 14);
  EXPECT_EQ(back->server, header.server);
  EXPECT_EQ(back->medium, header.medium);
  EXPECT_EQ(back->salt, header.salt);
  EXPECT_EQ(back->created, header.created);
  EXPECT_EQ(back->rootGeneration, 7U);
  EXPECT_EQ(back->label, header.label);
}

TEST(SlotHeader, RefusesBadLabelsAndCosts) {
  for (const std::string& label : {std::string(25, 'x'), std::string("a\nb"), std::string("\xFF")}) {
    SlotHeader header = cheapHeader();
    header.label = label;
    EXPECT_EQ(kms::encodeSlotHeader(header).error().code, Code::Invalid);
  }
  for (const kms::ScryptCost cost :
       {kms::ScryptCost{13, 8, 1}, kms::ScryptCost{21, 8, 1}, {17, 9, 1}, {17, 8, 2}, {17, 0, 1}}) {
    SlotHeader header = cheapHeader();
    header.cost = cost;
    EXPECT_EQ(kms::encodeSlotHeader(header).error().code, Code::Invalid);
  }
}

TEST(SlotHeader, EachLengthButItsOwnIsDamage) {
  const auto bytes = kms::encodeSlotHeader(cheapHeader());
  ASSERT_TRUE(bytes);
  for (std::size_t size = 0; size < bytes->size(); ++size) {
    const auto parsed = kms::parseSlotHeader(base::BytesView(*bytes).first(size));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().reason, Reason::DatabaseCorrupt);
  }
  base::Bytes longer = *bytes;
  longer.push_back({});
  EXPECT_EQ(kms::parseSlotHeader(longer).error().code, Code::Corrupt);
}

TEST(SlotHeader, WhatIsNewerIsUnsupported) {
  const auto bytes = kms::encodeSlotHeader(cheapHeader());
  ASSERT_TRUE(bytes);
  const std::pair<std::size_t, int> newer[] = {{6, 2}, {8, 2}, {8, 3}, {8, 99}, {9, 2}, {13, 1}};
  for (const auto& [at, value] : newer) {
    base::Bytes altered = *bytes;
    altered[at] = static_cast<std::byte>(value);
    const auto parsed = kms::parseSlotHeader(altered);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, Code::Unsupported) << "byte " << at << ": " << parsed.error().what;
  }
}

TEST(SlotHeader, PaddingAndLabelAreChecked) {
  const auto bytes = kms::encodeSlotHeader(cheapHeader());
  ASSERT_TRUE(bytes);
  for (const std::size_t at : {SlotHeader::kSize - 1, kLabelAt, kLabelAt - 4, std::size_t{71}}) {
    base::Bytes altered = *bytes;
    altered[at] = std::byte{0xFF};
    EXPECT_EQ(kms::parseSlotHeader(altered).error().code, Code::Corrupt) << at;
  }
}

TEST(Slot, OpensWithItsKeyOnly) {
  const auto row = kms::wrapRoot(cheapHeader(), masterKey(1), nullptr, kRoot, base::systemRng());
  ASSERT_TRUE(row) << row.error().what;
  ASSERT_EQ(row->wrapped.size(), SlotHeader::kWrapped);
  const auto root = kms::unwrapRoot(*row, masterKey(1), nullptr);
  ASSERT_TRUE(root) << root.error().what;
  EXPECT_TRUE(base::equalConstantTime(root->bytes(), kRoot));
  const auto wrong = kms::unwrapRoot(*row, masterKey(2), nullptr);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().reason, Reason::KeyMismatch);
  // A passphrase given with a key that has none is not used.
  const auto unasked = secret("not asked for");
  EXPECT_TRUE(kms::unwrapRoot(*row, masterKey(1), &unasked));
}

TEST(Slot, TwoWrappingsShareNothing) {
  const auto a = kms::wrapRoot(cheapHeader(), masterKey(1), nullptr, kRoot, base::systemRng());
  const auto b = kms::wrapRoot(cheapHeader(), masterKey(1), nullptr, kRoot, base::systemRng());
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->header, b->header);
  EXPECT_NE(a->wrapped, b->wrapped);
}

TEST(Slot, PassphraseIsNeededAndMustBeRight) {
  SlotHeader header = cheapHeader();
  header.passphrase = true;
  const auto right = secret("correct horse");
  const auto other = secret("correct Horse");
  const auto row = kms::wrapRoot(header, masterKey(1), &right, kRoot, base::systemRng());
  ASSERT_TRUE(row) << row.error().what;
  EXPECT_TRUE(kms::unwrapRoot(*row, masterKey(1), &right));
  EXPECT_EQ(kms::unwrapRoot(*row, masterKey(1), &other).error().reason, Reason::KeyMismatch);
  EXPECT_EQ(kms::unwrapRoot(*row, masterKey(2), &right).error().reason, Reason::KeyMismatch);
  EXPECT_EQ(kms::unwrapRoot(*row, masterKey(1), nullptr).error().reason, Reason::PassphraseNeeded);
  EXPECT_EQ(kms::wrapRoot(header, masterKey(1), nullptr, kRoot, base::systemRng()).error().reason,
            Reason::PassphraseNeeded);
}

TEST(Slot, NoByteCanBeAltered) {
  const auto row = kms::wrapRoot(cheapHeader(), masterKey(1), nullptr, kRoot, base::systemRng());
  ASSERT_TRUE(row);
  for (std::size_t at = 0; at < row->header.size() + row->wrapped.size(); ++at) {
    kms::SlotRow altered = *row;
    if (at < row->header.size()) {
      altered.header[at] ^= std::byte{1};
    } else {
      altered.wrapped[at - row->header.size()] ^= std::byte{1};
    }
    const auto root = kms::unwrapRoot(altered, masterKey(1), nullptr);
    ASSERT_FALSE(root) << "byte " << at;
    EXPECT_TRUE(root.error().reason == Reason::KeyMismatch ||
                root.error().reason == Reason::PassphraseNeeded ||
                root.error().reason == Reason::DatabaseCorrupt || root.error().code == Code::Unsupported)
        << root.error().what;
  }
}

TEST(Slot, BoundsAreRefusedBeforeMemoryIsSpent) {
  const auto row = kms::wrapRoot(cheapHeader(), masterKey(1), nullptr, kRoot, base::systemRng());
  ASSERT_TRUE(row);
  const long before = peak();
  ASSERT_GT(before, 0);
  for (unsigned value = 0; value < 256; ++value) {
    for (std::size_t at = kLogNAt; at < kLogNAt + 3; ++at) {
      kms::SlotRow altered = *row;
      altered.header[at] = static_cast<std::byte>(value);
      const bool allowed =
          at == kLogNAt ? value >= 14 && value <= 20 : value == (at == kLogNAt + 1 ? 8U : 1U);
      if (allowed) continue;
      const auto root = kms::unwrapRoot(altered, masterKey(1), nullptr);
      ASSERT_FALSE(root);
      EXPECT_EQ(root.error().code, Code::Corrupt) << at << " " << value;
    }
  }
  EXPECT_LT(peak() - before, 1024) << "kB";
}

}  // namespace
