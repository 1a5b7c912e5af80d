// Media get new keys on a disk whose power goes, together with the server's, at each write: then some medium
// opens the server, and the one that was written never less than it did before.
#include "daemon/slot_change.h"

#include <iostream>
#include <random>

#include "hal/key_disk.h"
#include "kms/keys/slot_facts.h"
#include "tests/support/power_cut.h"
#include "tests/support/setting.h"
#include "tests/unit/hal/memory_device.h"
#include "tests/unit/keys/rotation_fixture.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFloppy = 1474560;
constexpr unsigned kFirst = Founded::kFirst;
constexpr unsigned kSecond = Founded::kSecond;

base::Deadline soon() { return base::Deadline::in(std::chrono::seconds(60)); }

// A disk in a drive. `gone` is called when its power goes.
class DiskWriter final : public kmsd::KeyWriter {
 public:
  DiskWriter(
      MemoryDevice& device, hal::Overwrite consent, std::function<void()> gone = [] {})
      : device_(device), consent_(consent), gone_(std::move(gone)) {}

  base::Result<void> write(base::BytesView text) override {
    auto done = hal::writeKeyDisk(device_, text, consent_, soon());
    if (!done) gone_();
    if (pulled) return base::Error{base::Code::NotFound, "the disk was pulled"};
    return done;
  }
  base::Result<base::SecretBuffer> readBack() override {
    if (pulled) return base::Error{base::Code::NotFound, "there is no disk"};
    if (lies) return base::SecretBuffer::copyOf(base::asBytes(std::string(512, 'x')));
    return hal::readKeyDisk(device_, soon());
  }

  bool lies = false;
  bool pulled = false;  // when it had been written

 private:
  MemoryDevice& device_;
  const hal::Overwrite consent_;
  const std::function<void()> gone_;
};

class SlotChangeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    device_.emplace(kFloppy);
    f.store.reset();
    fs::copy_file(file(""), file(".begin"));
    disk_.emplace();
    ASSERT_TRUE(open());
  }
  void TearDown() override { f.store.reset(); }

  fs::path file(const char* suffix) const { return f.scratch.path() / (std::string("kms.db") + suffix); }
  base::Result<void> open() {
    auto opened = kms::openSqliteStore(file(""));
    if (!opened) return std::move(opened).error();
    f.store = *std::move(opened);
    return {};
  }
  void begin() {
    f.store.reset();
    for (const char* suffix : {"-wal", "-shm"}) fs::remove(file(suffix));
    fs::copy_file(file(".begin"), file(""), fs::copy_options::overwrite_existing);
    disk_->allSynced();
  }
  kmsd::NewMedium wanted() const { return {f.server, "third", nullptr, kCheap}; }
  // The first medium, as setup made it.
  void putFirst(MemoryDevice& device) {
    const hal::KeyFile key{
        masterKey(kFirst), hal::MediumIdentity{f.server, uuid(kFirst), "first", f.clock.now()}, false, {}};
    const auto text = hal::formatKeyFile(key);
    ASSERT_TRUE(hal::writeKeyDisk(device, text->bytes(), hal::Overwrite::Empty, soon()));
  }
  // Whether what lies on the disk opens the server.
  bool opens(MemoryDevice& device) {
    const auto text = hal::readKeyDisk(device, soon());
    if (!text) return false;
    auto key = hal::parseKeyFile(text->bytes());
    if (!key) return false;
    kms::KeyOffer offer{std::move(key->key), kms::MediumRef{key->identity->server, key->identity->medium},
                        std::nullopt, "disk"};
    return bool(kms::Vault(*f.store, f.server, base::systemRng()).check(offer));
  }
  // The same command once more, with the disk as it is: ends or takes back what was begun.
  base::Result<kmsd::Settled> again(MemoryDevice& device) {
    const auto text = hal::readKeyDisk(device, soon());
    if (!text) return base::Error(text.error());
    const auto key = hal::parseKeyFile(text->bytes());
    if (!key) return base::Error(key.error());
    auto copy = base::MasterKey::fromBytes(key->key.bytes());
    const kms::KeyOffer offer{*std::move(copy), kms::MediumRef{key->identity->server, key->identity->medium},
                              std::nullopt, "disk"};
    const auto desk = kms::SlotDesk::open(*f.store, f.server, offer, f.clock, base::systemRng());
    if (!desk) return base::Error(desk.error());
    return kmsd::settleRekey(*desk, key->identity->medium, {along_, along_, along_});
  }
  // Two slots, as before and after; the disk opens.
  void expectSettled(MemoryDevice& device) {
    const auto settled = again(device);
    ASSERT_TRUE(settled) << settled.error().what;
    EXPECT_EQ(f.slots().size(), 2U);
    EXPECT_TRUE(opens(device) && opens(kSecond));
    EXPECT_EQ(again(device)->left, kmsd::RekeyLeft::Nothing);
  }
  bool opens(unsigned medium) {
    return bool(kms::Vault(*f.store, f.server, base::systemRng()).check(f.offer(medium, medium)));
  }
  base::Result<void> add(kmsd::KeyWriter& writer, unsigned by = kFirst) {
    auto desk = deskOf(*f.store, f, by);
    if (!desk) return std::move(desk).error();
    auto made = kmsd::addMedium(*desk, wanted(), writer, along_);
    if (!made) return std::move(made).error();
    return {};
  }
  base::Result<void> rekey(kmsd::KeyWriter& writer) {
    auto desk = deskOf(*f.store, f, kFirst);
    if (!desk) return std::move(desk).error();
    auto made = kmsd::rekeyMedium(*desk, uuid(kFirst), wanted(), writer, {along_, along_, along_});
    if (!made) return std::move(made).error();
    return {};
  }
  // The power of the server goes at its n-th write, and that of the disk with it. True: it went.
  template <class Work>
  bool cutServer(std::uint64_t n, Work work) {
    begin();
    disk_->cutAt(n);
    auto done = open();
    if (done) done = work();
    return afterwards(done, n);
  }
  bool afterwards(const base::Result<void>& done, std::uint64_t n) {
    f.store.reset();
    const bool wasCut = disk_->isCut();
    EXPECT_TRUE(wasCut || done) << done.error().what;
    disk_->restore(static_cast<PowerCut::Unsynced>(n % 3), dice_);
    const auto opened = open();
    EXPECT_TRUE(opened) << opened.error().what;
    return wasCut && opened;
  }

  std::mt19937_64 dice_{setting("KEYDISK_SEED", std::random_device()(), std::random_device()())};
  Founded f;
  std::optional<MemoryDevice> device_;
  std::optional<PowerCut> disk_;
  int alongs_ = 0;
  const kmsd::AlongOf along_ = [this](const base::Uuid&) -> kms::SlotDesk::Along {
    return [this](kms::Txn&) {
      alongs_ = 1;
      return base::Result<void>();
    };
  };
};

TEST_F(SlotChangeTest, AnAddedMediumOpensBesideTheOthers) {
  DiskWriter writer(*device_, hal::Overwrite::Empty);
  const auto added = add(writer);
  ASSERT_TRUE(added) << added.error().what;
  EXPECT_TRUE(opens(*device_));
  EXPECT_TRUE(opens(kFirst) && opens(kSecond));
  EXPECT_EQ(alongs_, 1);
}

TEST_F(SlotChangeTest, AMediumThatGivesBackAnotherTextGetsNoSlot) {
  DiskWriter writer(*device_, hal::Overwrite::Empty);
  writer.lies = true;
  const auto added = add(writer);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, base::Code::Io);
  EXPECT_EQ(f.slots().size(), 2U);
}

TEST_F(SlotChangeTest, ARekeyedMediumOpensAndItsCopiesDoNot) {
  putFirst(*device_);
  MemoryDevice copy(device_->content);
  EXPECT_TRUE(opens(copy));
  DiskWriter writer(*device_, hal::Overwrite::Key);
  const auto done = rekey(writer);
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_TRUE(opens(*device_));
  EXPECT_FALSE(opens(copy));
  EXPECT_FALSE(opens(kFirst));
  EXPECT_TRUE(opens(kSecond));
  EXPECT_EQ(f.slots().size(), 2U);
}

TEST_F(SlotChangeTest, ARekeyThatCannotWriteLeavesAllAsItWas) {
  putFirst(*device_);
  device_->writesLeft = 0;
  DiskWriter writer(*device_, hal::Overwrite::Key);
  EXPECT_FALSE(rekey(writer));
  EXPECT_TRUE(opens(*device_) && opens(kFirst) && opens(kSecond));
  EXPECT_EQ(f.slots().size(), 2U);
}

TEST_F(SlotChangeTest, ADiskThatIsPulledWhenItWasWrittenKeepsItsNewKey) {
  putFirst(*device_);
  DiskWriter writer(*device_, hal::Overwrite::Key);
  writer.pulled = true;
  const auto done = rekey(writer);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find("both keys count"), std::string::npos) << done.error().what;
  EXPECT_TRUE(opens(*device_) && opens(kFirst) && opens(kSecond));
  const auto facts = *kms::slotFacts(*f.store);
  ASSERT_EQ(facts.size(), 3U);
  EXPECT_EQ(facts[2].replaces, facts[0].id);
  EXPECT_EQ(again(*device_)->left, kmsd::RekeyLeft::Ended);
  EXPECT_FALSE(opens(kFirst));
  expectSettled(*device_);
}

TEST_F(SlotChangeTest, AnAddThatIsCutAtEachWriteOfTheDisk) {
  std::size_t cut = 0;
  for (;; ++cut) {
    SCOPED_TRACE("cut at write " + std::to_string(cut));
    begin();
    ASSERT_TRUE(open());
    MemoryDevice device(kFloppy);
    device.writesLeft = cut;
    DiskWriter writer(device, hal::Overwrite::Empty, [this] { disk_->cutAt(1); });
    const auto done = add(writer);
    f.store.reset();
    disk_->restore(static_cast<PowerCut::Unsynced>(cut % 3), dice_);
    ASSERT_TRUE(open());
    EXPECT_TRUE(opens(cut % 2 == 0 ? kFirst : kSecond));
    EXPECT_EQ(f.slots().size(), done ? 3U : 2U);
    if (done) {
      EXPECT_TRUE(opens(device));
    }
    if (done || HasFailure()) break;
  }
  EXPECT_GT(cut, 3U);
}

TEST_F(SlotChangeTest, AnAddThatIsCutAtEachWriteOfTheServer) {
  for (std::uint64_t n = 1; !HasFailure(); ++n) {
    SCOPED_TRACE("cut at write " + std::to_string(n));
    MemoryDevice device(kFloppy);
    DiskWriter writer(device, hal::Overwrite::Empty);
    const bool wasCut = cutServer(n, [&] { return add(writer); });
    EXPECT_TRUE(opens(n % 2 == 0 ? kFirst : kSecond));
    if (f.slots().size() == 3) {
      EXPECT_TRUE(opens(device));
    }
    if (!wasCut) break;
    ASSERT_LT(n, 200U);
  }
}

// The only medium that anybody has: its own copies and the second one do not count here.
TEST_F(SlotChangeTest, ARekeyThatIsCutAtEachWriteLeavesAMediumThatOpens) {
  MemoryDevice first(kFloppy);
  putFirst(first);
  const auto rounds = 1 + setting("KEYDISK_SLOT_CUTS", 0, 0);
  std::uint64_t last = 0;
  for (std::uint64_t n = 1; !HasFailure(); ++n) {
    SCOPED_TRACE("cut at write " + std::to_string(n));
    MemoryDevice device(first.content);
    DiskWriter writer(device, hal::Overwrite::Key);
    const bool wasCut = cutServer(n, [&] { return rekey(writer); });
    EXPECT_TRUE(opens(device));
    expectSettled(device);
    if (!wasCut) break;
    last = n;
    ASSERT_LT(n, 400U);
  }
  for (std::uint64_t i = 1; i < rounds && !HasFailure(); ++i) {
    const std::uint64_t n = 1 + dice_() % last;
    SCOPED_TRACE("cut at write " + std::to_string(n));
    MemoryDevice device(first.content);
    DiskWriter writer(device, hal::Overwrite::Key);
    cutServer(n, [&] { return rekey(writer); });
    EXPECT_TRUE(opens(device));
    expectSettled(device);
  }
  for (std::size_t cut = 0; cut < 2; ++cut) {  // of the disk, which is written once
    begin();
    ASSERT_TRUE(open());
    MemoryDevice device(first.content);
    device.writesLeft = cut;
    DiskWriter writer(device, hal::Overwrite::Key, [this] { disk_->cutAt(1); });
    EXPECT_EQ(afterwards(rekey(writer), cut), cut == 0);
    EXPECT_TRUE(opens(device));
    expectSettled(device);
  }
  std::cout << last << " writes of the server, " << last + rounds - 1 << " cuts\n";
}

}  // namespace
}  // namespace tests
