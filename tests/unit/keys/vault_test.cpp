#include "kms/keys/vault.h"

#include <gtest/gtest.h>

#include "tests/unit/keys/fixture.h"

namespace {

using base::Code;
using base::Reason;
using tests::Founded;
using tests::masterKey;
using tests::uuid;

class VaultTest : public ::testing::Test {
 protected:
  // Every refusal: what it is, what it says, and that nothing was opened or written.
  void expectRefused(kms::KeyOffer offer, Code code, Reason reason, std::string_view says) {
    const std::int64_t epochs = lastEpoch();
    const auto opened = vault.unseal(std::move(offer));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code);
    EXPECT_EQ(opened.error().reason, reason);
    EXPECT_NE(opened.error().what.find(says), std::string::npos) << opened.error().what;
    EXPECT_TRUE(vault.sealed());
    EXPECT_EQ(lastEpoch(), epochs);
  }
  std::int64_t lastEpoch() const {
    std::int64_t last = 0;
    EXPECT_TRUE(f.store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      while (*reader.epoch(last + 1)) ++last;
      return {};
    }));
    return last;
  }
  void alterSlot(std::size_t which, std::size_t at, std::byte value) {
    kms::SlotRow slot = f.slots()[which];
    slot.header[at] = value;
    f.write([&](kms::Txn& txn) -> base::Result<void> {
      auto removed = txn.removeSlot(slot.id);
      return removed ? txn.addSlot(slot) : std::move(removed);
    });
  }
  kms::KeyOffer right() const { return f.offer(Founded::kFirst, Founded::kFirst); }

  Founded f;
  kms::Vault vault{*f.store, f.server, base::systemRng()};
};

TEST_F(VaultTest, EachMediumOpensByItsOwnKey) {
  for (const unsigned medium : {Founded::kFirst, Founded::kSecond}) {
    EXPECT_TRUE(vault.sealed());
    const auto opened = vault.unseal(f.offer(medium, medium));
    ASSERT_TRUE(opened) << opened.error().what;
    EXPECT_EQ(*opened, uuid(medium));
    EXPECT_FALSE(vault.sealed());
    EXPECT_TRUE(vault.hold());
    vault.seal();
  }
}

TEST_F(VaultTest, ATypedKeyIsTriedOnEachSlot) {
  const auto opened = vault.unseal(f.typed(Founded::kSecond));
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_EQ(*opened, uuid(Founded::kSecond));
}

TEST_F(VaultTest, AKeyOpensItsOwnSlotOnly) {
  expectRefused(f.offer(Founded::kFirst, Founded::kSecond), Code::Denied, Reason::KeyMismatch,
                "the key on image:a.img does not open this database");
}

TEST_F(VaultTest, WrongTypedKey) {
  expectRefused(f.typed(9), Code::Denied, Reason::KeyMismatch,
                "the key on prompt: does not open this database");
}

TEST_F(VaultTest, AnotherServersMedium) {
  kms::KeyOffer offer = right();
  offer.id->server = uuid(200);
  expectRefused(
      std::move(offer), Code::NotMine, Reason::Foreign,
      "this disk belongs to server " + uuid(200).text() + ", not to this one (" + f.server.text() + ")");
}

TEST_F(VaultTest, ARetiredMediumOfOurs) {
  expectRefused(f.offer(9, Founded::kFirst), Code::Denied, Reason::KeyMismatch, "it was retired");
}

TEST_F(VaultTest, SealedMeansSealed) {
  const auto hold = vault.hold();
  ASSERT_FALSE(hold);
  EXPECT_EQ(hold.error().reason, Reason::Sealed);
  ASSERT_TRUE(vault.unseal(right()));
  vault.seal();
  vault.seal();
  EXPECT_FALSE(vault.hold());
}

TEST_F(VaultTest, UnsealingTwiceIsAConflict) {
  ASSERT_TRUE(vault.unseal(right()));
  const auto again = vault.unseal(right());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::Conflict);
  EXPECT_FALSE(vault.sealed());
}

TEST_F(VaultTest, CheckChangesNothing) {
  const std::int64_t epochs = lastEpoch();
  EXPECT_EQ(*vault.check(right()), uuid(Founded::kFirst));
  EXPECT_EQ(vault.check(f.typed(9)).error().reason, Reason::KeyMismatch);
  EXPECT_TRUE(vault.sealed());
  ASSERT_TRUE(vault.unseal(right()));
  EXPECT_EQ(*vault.check(f.typed(Founded::kSecond)), uuid(Founded::kSecond));
  EXPECT_FALSE(vault.sealed());
  EXPECT_EQ(lastEpoch(), epochs + 1);
}

// It is its own medium's: who has another one opens the server with it.
TEST_F(VaultTest, ADamagedSlotIsDamageAndNotAbsence) {
  alterSlot(0, 0, std::byte{'X'});
  for (const bool typed : {false, true})
    expectRefused(typed ? f.typed(Founded::kFirst) : right(), Code::Denied, Reason::KeyMismatch,
                  "key slot of the database is damaged");
  EXPECT_TRUE(vault.check(f.typed(Founded::kSecond)));
  EXPECT_TRUE(vault.unseal(f.offer(Founded::kSecond, Founded::kSecond))) << "the sound slot still opens";
}

TEST_F(VaultTest, ASlotWhoseKeyIsCutStopsNoOther) {
  kms::SlotRow cut = f.slots().front();
  cut.wrapped.pop_back();
  f.write([&](kms::Txn& txn) -> base::Result<void> {
    auto removed = txn.removeSlot(cut.id);
    return removed ? txn.addSlot(cut) : std::move(removed);
  });
  expectRefused(right(), Code::Denied, Reason::KeyMismatch, "its wrapped key is cut");
  EXPECT_TRUE(vault.check(f.typed(Founded::kSecond)));
}

TEST_F(VaultTest, WithNoSoundSlotTheDatabaseIsDamaged) {
  for (std::size_t slot = 0; slot < f.slots().size(); ++slot) alterSlot(slot, 0, std::byte{'X'});
  for (const bool typed : {false, true})
    expectRefused(typed ? f.typed(Founded::kFirst) : right(), Code::Corrupt, Reason::DatabaseCorrupt,
                  "key slot of the database is damaged");
}

TEST_F(VaultTest, ANewerSlotIsSaidToBeNewer) {
  alterSlot(0, 8, std::byte{2});
  expectRefused(right(), Code::Unsupported, Reason::None, "use a newer kmsd");
  EXPECT_TRUE(vault.check(f.typed(Founded::kSecond)));
  for (const kms::SlotRow& slot : f.slots())
    if (slot.header[8] == std::byte{1}) f.write([&](kms::Txn& txn) { return txn.removeSlot(slot.id); });
  expectRefused(f.typed(Founded::kSecond), Code::Unsupported, Reason::None, "use a newer kmsd");
}

TEST_F(VaultTest, NoSlotAtAllIsDamage) {
  for (const kms::SlotRow& slot : f.slots()) f.write([&](kms::Txn& txn) { return txn.removeSlot(slot.id); });
  expectRefused(right(), Code::Corrupt, Reason::DatabaseCorrupt, "no key slot");
}

TEST_F(VaultTest, ADatabaseOfAnotherServer) {
  kms::Vault other(*f.store, uuid(201), base::systemRng());
  const auto opened = other.unseal(f.typed(Founded::kFirst));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, Reason::DatabaseCorrupt);
  EXPECT_NE(opened.error().what.find(f.server.text()), std::string::npos) << opened.error().what;
}

TEST_F(VaultTest, AnAlteredKeyringIsDamage) {
  f.write([](kms::Txn& txn) -> base::Result<void> {
    kms::SealedRow row = **txn.get(kms::Table::Keyring, 1);
    row.sealed[20] ^= std::byte{1};
    return txn.put(kms::Table::Keyring, row);
  });
  expectRefused(right(), Code::Corrupt, Reason::DatabaseCorrupt, "altered or moved");
}

TEST_F(VaultTest, AMissingKeyringIsDamage) {
  f.write([](kms::Txn& txn) { return txn.erase(kms::Table::Keyring, 1); });
  expectRefused(right(), Code::Corrupt, Reason::DatabaseCorrupt, "keyring is gone");
}

TEST_F(VaultTest, AKeyringRowInAnothersPlaceIsDamage) {
  f.write([](kms::Txn& txn) -> base::Result<void> {
    kms::SealedRow row = **txn.get(kms::Table::Keyring, 1);
    row.key = 2;
    return txn.put(kms::Table::Keyring, row);
  });
  expectRefused(right(), Code::Corrupt, Reason::DatabaseCorrupt, "altered or moved");
}

TEST_F(VaultTest, AStoreThatTakesNoEpochDoesNotOpen) {
  // A file that cannot be written: the store reads on, and each write fails.
  struct ReadOnly final : kms::Store {
    explicit ReadOnly(kms::Store& behind) : store(behind) {}
    base::Result<void> read(const ReadJob& job) override { return store.read(job); }
    void write(WriteJob, Done done) override { done(base::Error{Code::Io, "disk full"}); }
    kms::Store& store;
  } readOnly(*f.store);
  kms::Vault stuck(readOnly, f.server, base::systemRng());
  EXPECT_EQ(stuck.unseal(right()).error().code, Code::Io);
  EXPECT_TRUE(stuck.sealed());
}

TEST_F(VaultTest, PassphraseSlots) {
  const tests::Scratch scratch;
  const auto store = *kms::createSqliteStore(scratch / "kms.db");
  const auto phrase = tests::secret("correct horse");
  const auto key = masterKey(3);
  ASSERT_TRUE(kms::found(*store, f.server, {{&key, uuid(3), "x", &phrase}}, f.clock, base::systemRng(),
                         tests::kCheap));
  kms::Vault guarded(*store, f.server, base::systemRng());
  for (const bool typed : {false, true}) {
    const auto offer = [&](std::optional<std::string> with) {
      kms::KeyOffer made = typed ? f.typed(3) : f.offer(3, 3);
      if (with) made.passphrase = tests::secret(*with);
      return made;
    };
    EXPECT_EQ(guarded.unseal(offer(std::nullopt)).error().reason, Reason::PassphraseNeeded);
    EXPECT_EQ(guarded.unseal(offer("")).error().reason, Reason::PassphraseNeeded);
    const auto wrong = guarded.unseal(offer("wrong horse"));
    EXPECT_EQ(wrong.error().reason, Reason::KeyMismatch);
    EXPECT_NE(wrong.error().what.find("the passphrase do not open"), std::string::npos) << wrong.error().what;
    EXPECT_TRUE(guarded.unseal(offer("correct horse")));
    guarded.seal();
  }
}

TEST_F(VaultTest, FoundingTwiceIsRefused) {
  const auto key = masterKey(3);
  const auto again =
      kms::found(*f.store, f.server, {{&key, uuid(3), "x"}}, f.clock, base::systemRng(), tests::kCheap);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::Conflict);
  EXPECT_EQ(f.slots().size(), 2U);
  EXPECT_EQ(kms::found(*f.store, f.server, {}, f.clock, base::systemRng()).error().code, Code::Invalid);
}

}  // namespace
