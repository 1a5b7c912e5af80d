// A new root key: which media open then, what the old one still opens, and that no call which fails leaves
// anything but the state before or the state after.
#include "kms/keys/rotation.h"

#include "kms/keys/audit_note.h"
#include "kms/keys/slot_choice.h"
#include "kms/keys/slot_facts.h"
#include "tests/support/faulty_store.h"
#include "tests/unit/keys/rotation_fixture.h"

namespace {

using base::Code;
using tests::Founded;
using tests::uuid;

constexpr std::int64_t kRows = 5;
constexpr unsigned kFirst = Founded::kFirst;
constexpr unsigned kSecond = Founded::kSecond;

class RotationTest : public ::testing::Test {
 protected:
  RotationTest() { tests::fill(f, kRows); }
  // How many rows the root key that this medium opens in `old` opens in `today`, and how many there are.
  std::pair<std::size_t, std::size_t> opened(kms::Store& old, kms::Store& today, unsigned medium) {
    const auto slot = kms::openSlot(old, f.server, f.offer(medium, medium));
    EXPECT_TRUE(slot);
    std::pair<std::size_t, std::size_t> count{0, 0};
    for (const auto generation : {slot->rootGeneration, slot->rootGeneration + 1}) {
      auto epochs = kms::Epochs::create(slot->root.bytes(), generation, f.server);
      EXPECT_TRUE(today.read([&](kms::StoreReader& reader) { return epochs->loadUpTo(reader, 1000); }));
      kms::RowCipher cipher(*epochs);
      std::vector<kms::Table> tables(std::begin(tests::kSealedTables), std::end(tests::kSealedTables));
      tables.push_back(kms::Table::Keyring);
      for (const kms::Table table : tables) {
        for (kms::SealedRow row : tests::rowsOf(today, table)) {
          row.generation = generation;
          count.first += cipher.open(table, row) ? 1 : 0;
          ++count.second;
        }
      }
    }
    return count;
  }

  Founded f;
};

TEST_F(RotationTest, TheMediaThatStayOpenAllThatWasThere) {
  ASSERT_TRUE(tests::renew(*f.store, f, {kFirst, kSecond}));
  for (const unsigned medium : {kFirst, kSecond}) tests::expectWhole(*f.store, f, medium, kRows);
  const auto slots = *kms::slotFacts(*f.store);
  for (const auto& slot : slots) EXPECT_EQ(slot.header->rootGeneration, 2U);
}

TEST_F(RotationTest, EachGetsAFreshSaltAndKeepsWhatIsKnownOfIt) {
  const auto before = *kms::slotFacts(*f.store);
  ASSERT_TRUE(tests::renew(*f.store, f, {kFirst, kSecond}));
  const auto after = *kms::slotFacts(*f.store);
  ASSERT_EQ(after.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after[i].id, before[i].id);
    EXPECT_EQ(after[i].header->medium, before[i].header->medium);
    EXPECT_EQ(after[i].header->label, before[i].header->label);
    EXPECT_EQ(after[i].header->created, before[i].header->created);
    EXPECT_NE(after[i].header->salt, before[i].header->salt);
  }
  EXPECT_NE(after[0].header->salt, after[1].header->salt);
}

TEST_F(RotationTest, AMediumThatWasNotShownOpensNothing) {
  ASSERT_TRUE(tests::renew(*f.store, f, {kSecond}));
  kms::Vault vault(*f.store, f.server, base::systemRng());
  const auto refused = vault.unseal(f.offer(kFirst, kFirst));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, base::Reason::KeyMismatch);
  EXPECT_FALSE(vault.unseal(f.typed(kFirst)));
  tests::expectWhole(*f.store, f, kSecond, kRows);
}

TEST_F(RotationTest, AnOldCopyAndARetiredMediumDoNotOpenTodaysData) {
  std::filesystem::copy_file(f.scratch / "kms.db", f.scratch / "old.db");
  if (std::filesystem::exists(f.scratch / "kms.db-wal"))
    std::filesystem::copy_file(f.scratch / "kms.db-wal", f.scratch / "old.db-wal");
  const auto old = *kms::openSqliteStore(f.scratch / "old.db");
  const auto [before, all] = opened(*old, *f.store, kFirst);
  EXPECT_EQ(before, all / 2) << "what the test opens with must open today's data until they are renewed";

  ASSERT_TRUE(tests::renew(*f.store, f, {kSecond}));
  EXPECT_GT(opened(*old, *f.store, kFirst).first, 0U) << "rows that are not yet sealed anew";
  ASSERT_TRUE(tests::resealAll(*f.store, f, kSecond));
  EXPECT_EQ(opened(*old, *f.store, kFirst).first, 0U);
  tests::expectWhole(*f.store, f, kSecond, kRows);
  tests::expectWhole(*old, f, kFirst, kRows);  // which only that old state is
}

TEST_F(RotationTest, RowsAreSealedAnewAndTheOldKeyGoes) {
  ASSERT_TRUE(tests::renew(*f.store, f, {kFirst, kSecond}));
  EXPECT_TRUE(*kms::Resealer::due(*f.store));
  EXPECT_EQ(tests::renew(*f.store, f, {kFirst, kSecond}).error().code, Code::Conflict) << "one at a time";
  ASSERT_TRUE(tests::resealAll(*f.store, f, kSecond));
  EXPECT_FALSE(*kms::Resealer::due(*f.store));
  for (const kms::Table table : tests::kSealedTables)
    for (const auto& row : tests::rowsOf(*f.store, table)) EXPECT_EQ(row.generation, 2U);
  const auto slot = kms::openSlot(*f.store, f.server, f.offer(kFirst, kFirst));
  std::vector<kms::FormerRoot> former;
  ASSERT_TRUE(kms::openKeyring(*f.store, f.server, slot->root.bytes(), 2, &former));
  ASSERT_EQ(former.size(), 1U);
  EXPECT_TRUE(former[0].seal.empty());
  EXPECT_EQ(former[0].audit.size(), 32U);
}

TEST_F(RotationTest, TwiceAndTheKeysOfBothAreKept) {
  for (std::uint32_t generation = 2; generation <= 3; ++generation) {
    ASSERT_TRUE(tests::renew(*f.store, f, {kFirst, kSecond}));
    ASSERT_TRUE(tests::resealAll(*f.store, f, kSecond));
  }
  tests::expectWhole(*f.store, f, kFirst, kRows);
  kms::Vault vault(*f.store, f.server, base::systemRng());
  ASSERT_TRUE(vault.unseal(f.offer(kFirst, kFirst)));
  EXPECT_EQ((*vault.hold())->formerAuditMacs(base::asBytes("x")).size(), 2U);
  EXPECT_EQ((*vault.hold())->rootGeneration(), 3U);
}

TEST_F(RotationTest, WhileRowsAreLeftTheServerWorks) {
  ASSERT_TRUE(tests::renew(*f.store, f, {kFirst, kSecond}));
  {
    kms::Vault vault(*f.store, f.server, base::systemRng());
    ASSERT_TRUE(vault.unseal(f.offer(kFirst, kFirst)));
    const auto keys = vault.hold();
    const auto plain = tests::plainOf(kms::Table::Users, kRows + 1);
    const auto row = (*keys)->seal(kms::Table::Users, kRows + 1, 3, base::asBytes(plain));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->generation, 2U);
    f.write([&](kms::Txn& txn) { return txn.put(kms::Table::Users, *row); });
    f.write([&](kms::Txn& txn) { return txn.erase(kms::Table::Users, kRows + 1); });
  }
  ASSERT_TRUE(tests::resealAll(*f.store, f, kSecond));
  tests::expectWhole(*f.store, f, kFirst, kRows);
}

TEST_F(RotationTest, ARowOfTheOldKeyIsDamageAfterItsEnd) {
  const auto old = tests::rowsOf(*f.store, kms::Table::Tokens).front();
  ASSERT_TRUE(tests::renew(*f.store, f, {kFirst}));
  ASSERT_TRUE(tests::resealAll(*f.store, f, kFirst));
  kms::Vault vault(*f.store, f.server, base::systemRng());
  ASSERT_TRUE(vault.unseal(f.offer(kFirst, kFirst)));
  const auto opened = (*vault.hold())->open(kms::Table::Tokens, old);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, base::Reason::DatabaseCorrupt);
}

TEST_F(RotationTest, AWrongKeyOrNoMediumChangesNothing) {
  const auto before = f.slots();
  auto desk = tests::deskOf(*f.store, f);
  const auto wrong = tests::masterKey(9);
  const auto right = tests::masterKey(kFirst);
  const auto refused =
      kms::renewRoot(*desk, {{uuid(kFirst), &right, nullptr}, {uuid(kSecond), &wrong, nullptr}}, {},
                     tests::kCheap, tests::kNothingAlong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, base::Reason::KeyMismatch);
  EXPECT_EQ(kms::renewRoot(*desk, {}, {}, tests::kCheap, tests::kNothingAlong).error().code, Code::Denied);
  EXPECT_EQ(f.slots()[0].wrapped, before[0].wrapped);
  EXPECT_FALSE(*kms::Resealer::due(*f.store));
}

TEST_F(RotationTest, TheNoteOfTheCheckpointIsUnderTheNewKeyAndCheckedUnderTheOld) {
  auto desk = tests::deskOf(*f.store, f);
  const auto right = tests::masterKey(kFirst);
  kms::AuditHead other;
  other.segment = 1;
  other.number = 7;
  const auto refused =
      kms::renewRoot(*desk, {{uuid(kFirst), &right, nullptr}}, other, tests::kCheap, tests::kNothingAlong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, base::Reason::AuditBroken);
  ASSERT_TRUE(tests::renew(*f.store, f, {kFirst}));
  kms::Vault vault(*f.store, f.server, base::systemRng());
  ASSERT_TRUE(vault.unseal(f.offer(kFirst, kFirst)));
  std::optional<kms::AuditNote> note;
  ASSERT_TRUE(f.store->read([&](kms::StoreReader& reader) -> base::Result<void> {
    note = *reader.auditNote();
    return {};
  }));
  const auto message = kms::auditNoteMessage(f.server, 0, 0, {});
  EXPECT_EQ(note->mac, (*vault.hold())->auditMac(message));
  EXPECT_NE(note->mac, (*vault.hold())->formerAuditMacs(message).front());
}

TEST_F(RotationTest, NoCallThatFailsLeavesHalfAChange) {
  for (std::uint64_t n = 1;; ++n) {
    tests::FaultyStore faulty(*f.store);
    auto desk = tests::deskOf(faulty, f, kSecond);
    ASSERT_TRUE(desk);
    const auto key = tests::masterKey(kSecond);
    faulty.failAt(n);
    const auto done =
        kms::renewRoot(*desk, {{uuid(kSecond), &key, nullptr}}, {}, tests::kCheap, tests::kNothingAlong);
    const auto slots = *kms::slotFacts(*f.store);
    EXPECT_EQ(slots.size(), done ? 1U : 2U);
    EXPECT_EQ(slots.back().header->rootGeneration, done ? 2U : 1U);
    if (done) break;
    ASSERT_LT(n, 200U);
  }
  for (std::uint64_t n = 1;; ++n) {  // and goes on where it was
    kms::Vault vault(*f.store, f.server, base::systemRng());
    ASSERT_TRUE(vault.unseal(f.offer(kSecond, kSecond)));
    tests::FaultyStore faulty(*f.store);
    kms::Resealer resealer(vault, faulty);
    faulty.failAt(n);
    auto left = resealer.step();
    while (left && *left) left = resealer.step();
    if (left) break;
    ASSERT_LT(n, 400U);
    if (n % 20 == 0) tests::expectWhole(*f.store, f, kSecond, kRows);
  }
  tests::expectWhole(*f.store, f, kSecond, kRows);
}

TEST_F(RotationTest, ANewGenerationOfTheTokenKeysLeavesTheOldTokens) {
  kms::Vault vault(*f.store, f.server, base::systemRng());
  ASSERT_TRUE(vault.unseal(f.offer(kFirst, kFirst)));
  const auto token = base::asBytes("a token");
  const auto name = base::asBytes("alice");
  const auto oldMac = (*vault.hold())->tokenMac(token);
  const auto oldAccessor = (*vault.hold())->accessor(41);
  const auto oldName = (*vault.hold())->indexMac(kms::Index::UserName, name);
  const auto generation = kms::renewTokenKeys(
      vault, *f.store, [](kms::Txn&) { return base::Result<std::int64_t>(100); }, f.clock, base::systemRng(),
      tests::kNothingAlong);
  ASSERT_TRUE(generation) << generation.error().what;
  EXPECT_EQ(*generation, 2U);
  vault.seal();
  ASSERT_TRUE(vault.unseal(f.offer(kSecond, kSecond)));
  const auto keys = vault.hold();
  EXPECT_NE((*keys)->tokenMac(token), oldMac);
  EXPECT_NE((*keys)->tokenMacOf(100, token), oldMac);
  EXPECT_EQ((*keys)->tokenMacOf(99, token), oldMac);
  EXPECT_EQ((*keys)->accessor(41), oldAccessor);
  EXPECT_EQ((*keys)->sequenceOf(oldAccessor), 41);
  EXPECT_EQ((*keys)->sequenceOf((*keys)->accessor(100)), 100);
  EXPECT_EQ((*keys)->indexMac(kms::Index::UserName, name), oldName) << "names are found as before";
}

}  // namespace
