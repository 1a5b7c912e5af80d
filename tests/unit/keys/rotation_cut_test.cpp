// The power goes at each write of a renewal of the root key, and of what follows it: there is always one
// state, of before or after, that the media of that state open wholly; and what was begun can be ended.
#include <iostream>
#include <random>

#include "tests/support/power_cut.h"
#include "tests/support/setting.h"
#include "tests/unit/keys/rotation_fixture.h"

namespace {

namespace fs = std::filesystem;
using tests::Founded;
using tests::PowerCut;

constexpr std::int64_t kRows = 3;
constexpr unsigned kFirst = Founded::kFirst;
constexpr unsigned kSecond = Founded::kSecond;

class RotationCutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::cout << "seed " << seed_ << "\n";
    tests::fill(f, kRows);
    f.store.reset();
    keep();
    disk_.emplace();
  }
  void TearDown() override { f.store.reset(); }

  fs::path file(const char* suffix) const { return f.scratch.path() / (std::string("kms.db") + suffix); }
  // The state to begin each round with.
  void keep() { fs::copy_file(file(""), file(".begin"), fs::copy_options::overwrite_existing); }
  void begin() {
    for (const char* suffix : {"-wal", "-shm"}) fs::remove(file(suffix));
    fs::copy_file(file(".begin"), file(""), fs::copy_options::overwrite_existing);
    disk_->allSynced();
  }
  base::Result<void> open() {
    auto opened = kms::openSqliteStore(file(""));
    if (!opened) return std::move(opened).error();
    f.store = *std::move(opened);
    return {};
  }
  // Cuts at the n-th write of `work`; false when it was done before.
  template <class Work>
  bool cut(std::uint64_t n, Work work) {
    begin();
    disk_->cutAt(n);
    auto done = open();
    if (done) done = work();
    f.store.reset();
    const bool wasCut = disk_->isCut();
    EXPECT_TRUE(wasCut || done) << done.error().what;
    disk_->restore(static_cast<PowerCut::Unsynced>(n % 3), dice_);
    const auto opened = open();
    EXPECT_TRUE(opened) << opened.error().what;
    return wasCut && opened;
  }
  // Every one, or as many as the long run asks for, each at a random write.
  template <class Round>
  void everyCut(Round round) {
    std::uint64_t last = 0;
    for (std::uint64_t n = 1; !HasFailure(); ++n) {
      SCOPED_TRACE("cut at write " + std::to_string(n));
      if (!round(n)) break;
      last = n;
      ASSERT_LT(n, 2000U);
    }
    const auto more = tests::setting("KEYDISK_SLOT_CUTS", 0, 0);
    for (std::uint64_t i = 0; i < more && !HasFailure(); ++i) {
      const std::uint64_t n = 1 + dice_() % last;
      SCOPED_TRACE("cut at write " + std::to_string(n));
      round(n);
    }
    std::cout << last << " writes, " << last + more << " cuts\n";
    EXPECT_GT(last, 10U);
  }

  const std::uint64_t seed_ = tests::setting("KEYDISK_SEED", std::random_device()(), std::random_device()());
  std::mt19937_64 dice_{seed_};
  Founded f;
  std::optional<PowerCut> disk_;  // while no database is open
};

TEST_F(RotationCutTest, OfTheRenewal) {
  bool wasOld = false;
  bool wasNew = false;
  everyCut([&](std::uint64_t n) {
    const bool more = cut(n, [&] { return tests::renew(*f.store, f, {kSecond}); });
    if (!f.store) return false;
    const auto slots = f.slots();
    const bool isNew = slots.size() == 1;
    (isNew ? wasNew : wasOld) = true;
    EXPECT_EQ(slots.size(), isNew ? 1U : 2U);
    tests::expectWhole(*f.store, f, isNew || n % 2 == 0 ? kSecond : kFirst, kRows);
    kms::Vault vault(*f.store, f.server, base::systemRng());
    if (isNew) {
      EXPECT_FALSE(vault.check(f.offer(kFirst, kFirst)));
    }
    f.store.reset();
    return more;
  });
  EXPECT_TRUE(wasOld && wasNew);
}

TEST_F(RotationCutTest, OfSealingTheRowsAnew) {
  begin();
  ASSERT_TRUE(open());
  ASSERT_TRUE(tests::renew(*f.store, f, {kSecond}));
  f.store.reset();
  keep();
  everyCut([&](std::uint64_t n) {
    const bool more = cut(n, [&] { return tests::resealAll(*f.store, f, kSecond); });
    if (!f.store) return false;
    tests::expectWhole(*f.store, f, kSecond, kRows);
    const auto ended = tests::resealAll(*f.store, f, kSecond);
    EXPECT_TRUE(ended) << ended.error().what;
    for (const kms::Table table : tests::kSealedTables)
      for (const auto& row : tests::rowsOf(*f.store, table)) EXPECT_EQ(row.generation, 2U);
    f.store.reset();
    return more;
  });
}

}  // namespace
