// After a seal, and after a refused key, no key is anywhere in the memory of this process. That the search
// can find each of them is shown first.
#include <gtest/gtest.h>
#include <malloc.h>

#include <condition_variable>
#include <functional>
#include <thread>

#include "kms/keys/crypto.h"
#include "kms/keys/key_use.h"
#include "kms/keys/keyring.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/keys/memory_search.h"

namespace {

using base::asBytes;
using kms::KeyUse;
using tests::MemorySearch;
using Names = std::set<std::string>;

// Real randomness, and a masked copy of all of it for the search.
class RecordingRng final : public base::Rng {
 public:
  void fill(std::span<std::byte> out) override {
    base::systemRng().fill(out);
    auto& masked = fills_.emplace_back();
    for (const std::byte b : out) masked.push_back(b ^ std::byte{tests::kMask});
  }
  // The newest fill of that many bytes.
  base::SecretBuffer last(std::size_t size) const {
    auto secret = *base::SecretBuffer::create(size);
    for (const base::Bytes& fill : fills_)
      if (fill.size() == size)
        for (std::size_t i = 0; i < size; ++i) secret.bytes()[i] = fill[i] ^ std::byte{tests::kMask};
    return secret;
  }
  void forget() { fills_.clear(); }

 private:
  std::vector<base::Bytes> fills_;
};

void addKey(MemorySearch& search, const std::string& name, base::BytesView key) {
  search.add(name, key);
  auto schedule = *base::SecretBuffer::create(32);
  tests::aesSchedule(key, schedule.bytes());
  search.add(name + " schedule", schedule.bytes());
}

base::SecretBuffer slotKey(const kms::SlotRow& slot, const base::MasterKey& key) {
  auto password = *base::SecretBuffer::create(9);
  std::copy(key.bytes().begin(), key.bytes().end(), password.bytes().begin());
  const auto header = *kms::parseSlotHeader(slot.header);
  return *kms::scrypt(password.bytes(), header.salt, header.cost.logN, 8, 1);
}

// A thread that does what it is told and stays, so that its stack can be searched.
class Worker {
 public:
  ~Worker() {
    run(nullptr);
    thread_.join();
  }
  void run(std::function<void()> job) {
    std::unique_lock lock(mutex_);
    job_ = std::move(job);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !waiting_; });
  }

 private:
  void loop() {
    for (bool more = true; more;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return waiting_; });
      more = job_ != nullptr;
      if (more) job_();
      waiting_ = false;
      changed_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> job_;
  bool waiting_ = false;
  std::thread thread_{[this] { loop(); }};
};

class Wiping : public ::testing::Test {
 protected:
  // A server with one medium; the search knows all its keys, and this object none.
  void SetUp() override {
    const auto key = *base::MasterKey::generate(rng);
    search.add("master", key.bytes());
    ASSERT_TRUE(kms::found(*store, server, {{&key, medium, "x"}}, clock, rng, tests::kCheap));
    const auto slot = firstSlot();
    addKey(search, "slot", slotKey(slot, key).bytes());
    const auto root = *kms::unwrapRoot(slot, key, nullptr);
    addKey(search, "root", root.bytes());
    const auto seal = *kms::deriveKey(root.bytes(), {}, KeyUse::RecordSeal, server);
    addKey(search, "record-seal", seal.bytes());
    const auto audit = *kms::deriveKey(root.bytes(), {}, KeyUse::Audit, server);
    addKey(search, "audit", audit.bytes());
    addKey(search, "first row key", kms::deriveKey(seal.bytes(), epoch(1), KeyUse::Epoch, server)->bytes());
    const auto ring = rng.last(3 * kms::kKeySize);
    addKey(search, "token-mac", ring.bytes().subspan(0, 32));
    addKey(search, "accessor", ring.bytes().subspan(32, 32));
    addKey(search, "index-mac", ring.bytes().subspan(64, 32));
    copyOfKey = *base::MasterKey::fromBytes(key.bytes());
  }
  kms::SlotRow firstSlot() {
    kms::SlotRow slot;
    EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      slot = reader.slots()->at(0);
      return {};
    }));
    return slot;
  }
  base::Bytes epoch(std::int64_t id) {
    base::Bytes salt;
    EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      salt = (*reader.epoch(id))->salt;
      return {};
    }));
    return salt;
  }
  kms::KeyOffer offer(base::MasterKey key) {
    return {std::move(key), kms::MediumRef{server, medium}, std::nullopt, "image:a.img"};
  }
  // Works with every key, in this thread and in another that stays.
  void useAllKeys() {
    const auto work = [this] {
      const auto hold = *vault.hold();
      const auto row = *hold->seal(kms::Table::Users, 1, 1, asBytes("a row of the table"));
      EXPECT_TRUE(hold->open(kms::Table::Users, row));
      EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
        EXPECT_TRUE(hold->open(kms::Table::Keyring, **reader.get(kms::Table::Keyring, 1)));
        return {};
      }));
      EXPECT_EQ(hold->sequenceOf(hold->accessor(9)), 9);
      hold->tokenMac(asBytes("token"));
      hold->auditMac(asBytes("a checkpoint"));
      hold->indexMac(kms::Index::UserName, asBytes("alice"));
    };
    work();
    worker.run(work);
  }

  RecordingRng rng;
  tests::Scratch scratch;
  tests::FixedClock clock;
  base::Uuid server = tests::uuid(100);
  base::Uuid medium = tests::uuid(1);
  std::unique_ptr<kms::Store> store = *kms::createSqliteStore(scratch / "kms.db");
  kms::Vault vault{*store, server, rng};
  std::optional<base::MasterKey> copyOfKey;
  MemorySearch search;
  Worker worker;
};

TEST_F(Wiping, SealLeavesNoKey) {
  EXPECT_EQ(search.found(), Names{"master"});
  {
    const auto slot = slotKey(firstSlot(), *copyOfKey);
    const auto cipher = *kms::Gcm::create(slot.bytes());
    EXPECT_EQ(search.found(), (Names{"master", "slot", "slot schedule"}));
  }
  ASSERT_TRUE(vault.unseal(offer(*std::move(copyOfKey))));
  copyOfKey.reset();
  useAllKeys();
  const Names open = search.found();
  for (const char* name : {"root", "record-seal", "first row key", "first row key schedule", "token-mac",
                           "accessor", "accessor schedule", "index-mac", "audit"})
    EXPECT_TRUE(open.contains(name)) << name << " should be found while unsealed";
  for (const char* name : {"master", "slot", "slot schedule"})
    EXPECT_FALSE(open.contains(name)) << name << " is not needed any more";
  vault.seal();
  EXPECT_EQ(search.found(), Names{});
}

TEST_F(Wiping, TheKeyOfThisUnsealingGoesToo) {
  {
    const auto root = *kms::unwrapRoot(firstSlot(), *copyOfKey, nullptr);
    ASSERT_TRUE(vault.unseal(offer(*std::move(copyOfKey))));
    copyOfKey.reset();
    const auto seal = *kms::deriveKey(root.bytes(), {}, KeyUse::RecordSeal, server);
    addKey(search, "row key", kms::deriveKey(seal.bytes(), epoch(2), KeyUse::Epoch, server)->bytes());
  }
  useAllKeys();
  EXPECT_TRUE(search.found().contains("row key schedule"));
  vault.seal();
  EXPECT_EQ(search.found(), Names{});
}

TEST_F(Wiping, ARefusedKeyLeavesNothing) {
  copyOfKey.reset();
  auto wrong = *base::MasterKey::generate(base::systemRng());
  search.add("wrong master", wrong.bytes());
  addKey(search, "wrong slot", slotKey(firstSlot(), wrong).bytes());
  EXPECT_EQ(search.found(), Names{"wrong master"});
  EXPECT_FALSE(vault.unseal(offer(std::move(wrong))));
  EXPECT_EQ(search.found(), Names{});
}

TEST_F(Wiping, ADamagedDatabaseLeavesNothing) {
  ASSERT_TRUE(store->writeAndWait([](kms::Txn& txn) { return txn.erase(kms::Table::Keyring, 1); }));
  EXPECT_EQ(vault.unseal(offer(*std::move(copyOfKey))).error().code, base::Code::Corrupt);
  copyOfKey.reset();
  EXPECT_EQ(search.found(), Names{});
}

TEST_F(Wiping, ACheckLeavesNothing) {
  {
    const auto mine = offer(*std::move(copyOfKey));
    copyOfKey.reset();
    ASSERT_TRUE(vault.check(mine));
    EXPECT_EQ(search.found(), Names{"master"});
  }
  EXPECT_EQ(search.found(), Names{});
}

TEST(AesSchedule, KnownAnswerOfFips197) {
  base::Bytes part(32);
  tests::aesSchedule(tests::fromHex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
                     part);
  EXPECT_EQ(base::toHex(part), "9ba354118e6925afa51a8b5f2067fcdea8b09c1a93d194cdbe49846eb75d5b9a");
}

}  // namespace
