// kmsd run --medium-epoch over disks that other tools made, and over drives that fail while they are written.
#include <signal.h>

#include <random>

#include "tests/integration/backup/hosts.h"
#include "tests/support/disks.h"
#include "tests/support/injection.h"
#include "tests/support/loop_drive.h"
#include "tests/support/setting.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSector = 512;

class EpochDisk : public Hosts {
 protected:
  fs::path image(const std::string& name) const { return old_.safe() / name; }
  void mtools(const std::vector<std::string>& command, const std::string& input = {}) const {
    const Ran ran = run(command, input);
    ASSERT_EQ(ran.exit, 0) << command[0] << ": " << ran.err;
  }
  // KMSEPOCH.BIN, as mtools write it; `at`: where the volume begins.
  void setAside(const fs::path& to, const std::string& at = "0") const {
    mtools({"mcopy", "-i", to.string() + "@@" + at, "-", "::KMSEPOCH.BIN"}, std::string(2 * kSector, '\0'));
  }
  std::string epochFile(const fs::path& on, const std::string& at = "0") const {
    return run({"mtype", "-i", on.string() + "@@" + at, "::KMSEPOCH.BIN"}).out;
  }
  std::string keyText() const { return readKeyText(image("key.img")); }
  static std::vector<std::size_t> changed(const std::string& a, const std::string& b) {
    EXPECT_EQ(a.size(), b.size());
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); i += kSector)
      if (a.compare(i, kSector, b, i, kSector) != 0) all.push_back(i / kSector);
    return all;
  }
  void startOver(const std::string& uri) {
    old_.startWith({"--medium", uri, "--medium-epoch"});
    old_.expectState("unsealed", "");
  }
  std::string note() const { return field(old_, "medium_epoch"); }
};

TEST_F(EpochDisk, OneSectorOfTheFileChangesAndNothingElse) {
  struct Kind {
    const char* name;
    int bits;
    const char* table;
  };
  for (const Kind kind : {Kind{"12", 12, ""}, Kind{"16", 16, ""}, Kind{"32", 32, ""}, Kind{"mbr", 16, "dos"},
                          Kind{"gpt", 32, "gpt"}}) {
    SCOPED_TRACE(kind.name);
    const fs::path path = old_.drive() / (std::string(kind.name) + ".img");
    const bool whole = std::string(kind.table).empty();
    const std::string at = whole ? "0" : "1048576";
    const fs::path made = image(path.filename().string());
    if (whole) makeFat(made, kind.bits, keyText());
    if (!whole) makePartitioned(made, kind.table, kind.bits, keyText());
    mtools({"mcopy", "-i", made.string() + "@@" + at, "-", "::OTHER.TXT"}, std::string(3000, 'o'));
    setAside(made, at);
    old_.insert(made.filename().string());
    std::string before = slurp(path);
    for (unsigned round = 0; round < 3; ++round) {
      startOver("image:" + old_.drive().string());
      EXPECT_TRUE(says(note(), "Written last: medium "));
      ASSERT_EQ(old_.stop(), 0);
      const std::string after = slurp(path);
      const auto sectors = changed(before, after);
      ASSERT_EQ(sectors.size(), 1U) << round;
      // What changed is what mtools find in the file.
      const std::string record = after.substr(sectors[0] * kSector, kSector);
      EXPECT_TRUE(record.starts_with("KMSEPOCH"));
      EXPECT_EQ(epochFile(path, at).substr(round % 2 * kSector, kSector), record);
      before = after;
    }
    EXPECT_EQ(run({"mtype", "-i", path.string() + "@@" + at, "::KMSPWD.INI"}).out, keyText());
    if (whole) {
      EXPECT_EQ(run({"fsck.fat", "-n", path.string()}).exit, 0);
    }
    old_.pull(path.filename().string());
  }
}

TEST_F(EpochDisk, OnADriveOfTheKernels) {
  LoopDrive drive;
  makeDiskette(image("disk.img"), keyText());
  setAside(image("disk.img"));
  if (!drive.insert(image("disk.img"))) GTEST_SKIP() << "no loop device here";
  const std::string before = slurp(image("disk.img"));
  startOver(drive.uri());
  EXPECT_TRUE(says(note(), drive.uri()));
  EXPECT_TRUE(says(note(), "Written last: medium "));
  drive.eject();  // pulled behind it: the server stays open
  ASSERT_EQ(old_.stop(), 0);
  const auto sectors = changed(before, slurp(image("disk.img")));
  ASSERT_EQ(sectors.size(), 1U);
  EXPECT_TRUE(epochFile(image("disk.img")).starts_with("KMSEPOCH"));
  EXPECT_EQ(run({"fsck.fat", "-n", image("disk.img").string()}).exit, 0);
}

TEST_F(EpochDisk, AWriteProtectedDiskOpensAndItsRecordCounts) {
  LoopDrive drive;
  makeDiskette(image("disk.img"), keyText());
  setAside(image("disk.img"));
  if (!drive.insert(image("disk.img"))) GTEST_SKIP() << "no loop device here";
  fs::copy(old_.data(), image("copy"), fs::copy_options::recursive);
  startOver(drive.uri());
  ASSERT_EQ(old_.stop(), 0);
  const std::string before = slurp(image("disk.img"));
  ASSERT_TRUE(drive.insert(image("disk.img"), true));
  startOver(drive.uri());
  EXPECT_TRUE(says(note(), "Not noted on the medium in " + drive.uri()));
  EXPECT_TRUE(says(note(), "write-protected"));
  ASSERT_EQ(old_.stop(), 0);
  fs::remove_all(old_.data());
  fs::copy(image("copy"), old_.data(), fs::copy_options::recursive);
  old_.startWith({"--medium", drive.uri(), "--medium-epoch"});
  old_.expectState("sealed", "backup_older");
  ASSERT_EQ(old_.stop(), 0);
  EXPECT_EQ(slurp(image("disk.img")), before);
}

TEST_F(EpochDisk, AFileInPiecesIsLeftAlone) {
  makeDiskette(image("disk.img"), "");
  mtools({"mcopy", "-i", image("disk.img").string(), "-", "::GAP"}, "x");
  mtools({"mcopy", "-i", image("disk.img").string(), "-", "::KMSPWD.INI"}, keyText());
  mtools({"mdel", "-i", image("disk.img").string(), "::GAP"});
  setAside(image("disk.img"));
  const Ran where = run({"mshowfat", "-i", image("disk.img").string(), "::KMSEPOCH.BIN"});
  ASSERT_TRUE(says(where.out, "<2>")) << "it is not in pieces";
  old_.insert("disk.img");
  const std::string before = slurp(image("disk.img"));
  startOver("image:" + old_.drive().string());
  EXPECT_TRUE(says(note(), "not two sectors in one piece"));
  ASSERT_EQ(old_.stop(), 0);
  EXPECT_EQ(slurp(old_.drive() / "disk.img"), before);
}

class FailingDrive : public EpochDisk, public ::testing::WithParamInterface<const char*> {};

// The disk is pulled when it is about to be written, or says that it was and was not, or the reading process
// dies there: the database has begun its epoch, the medium does not know. It opens, now and at the next
// start.
TEST_P(FailingDrive, DatabaseFirstThenMedium) {
  old_.start({"--medium-epoch"});
  old_.expectState("sealed", "awaiting_medium");
  old_.insert("key.img");
  old_.expectState("unsealed", "");
  ASSERT_EQ(old_.ctl({"seal"}).exit, 0);
  const std::string before = slurp(old_.drive() / "key.img");
  {
    const Injection fault(old_.readerPid(), std::string("pwrite64:") + GetParam());
    if (!fault.works()) GTEST_SKIP() << "strace may not trace here";
    ASSERT_ENDS(old_.ctl({"unseal"}), 0);
    EXPECT_TRUE(says(note(), "Not noted on the medium in"));
    EXPECT_TRUE(says(note(), "Written last: medium ")) << "the one before";
    EXPECT_EQ(slurp(old_.drive() / "key.img"), before);
  }
  ASSERT_ENDS(old_.ctl({"user", "add", "alice"}), 0);
  EXPECT_EQ(old_.stop(SIGKILL), 128 + SIGKILL);
  old_.start({"--medium-epoch"});
  old_.expectState("unsealed", "");
  EXPECT_TRUE(says(note(), "Written last: medium "));
  EXPECT_FALSE(says(note(), "Not noted"));
  EXPECT_EQ(old_.ctl({"user", "show", "alice"}).exit, 0);
}

INSTANTIATE_TEST_SUITE_P(All, FailingDrive,
                         ::testing::Values("error=EIO", "error=ENXIO", "retval=512", "signal=KILL"),
                         [](const auto& fault) {
                           std::string name(fault.param);
                           std::erase(name, '=');
                           return name;
                         });

TEST_F(EpochDisk, KilledAtAnyMomentTheNextStartOpens) {
  const auto seed = setting("KEYDISK_SEED", std::random_device()(), std::random_device()());
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 dice(seed);
  old_.insert("key.img");
  const auto kills = setting("KEYDISK_EPOCH_KILLS", 6, 2);
  for (std::uint64_t i = 0; i < kills; ++i) {
    old_.start({"--medium-epoch"});
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(dice() % 1500);
    while (std::chrono::steady_clock::now() < end) waitTurn();
    EXPECT_EQ(old_.stop(SIGKILL), 128 + SIGKILL);
    old_.start({"--medium-epoch"});
    old_.expectState("unsealed", "");
    EXPECT_TRUE(says(note(), "Written last: medium ")) << "seed " << seed;
    ASSERT_EQ(old_.stop(), 0);
  }
}

}  // namespace
}  // namespace tests
