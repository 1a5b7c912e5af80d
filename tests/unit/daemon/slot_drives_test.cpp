// Media in drives, and media that go while they are written, in the commands that make media and change keys.
#include <random>

#include "tests/support/at_terminal.h"
#include "tests/support/disks.h"
#include "tests/support/kill_at.h"
#include "tests/support/loop_drive.h"
#include "tests/support/setting.h"
#include "tests/support/share_disks.h"
#include "tests/unit/daemon/slot_host.h"

namespace tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

constexpr const char* kOthers = "nor does any copy of them: ";

class SlotDrives : public SlotHost {
 protected:
  // An image of its own for the drive.
  fs::path disk(const std::string& name) {
    if (!fs::exists(path(name))) makeZeros(path(name), 1'474'560);
    return path(name);
  }
  std::function<std::string()> swapTo(const std::string& name) {
    return [this, name] {
      EXPECT_TRUE(drive_.insert(disk(name)));
      return std::string();
    };
  }
  LoopDrive drive_;
};

TEST_F(SlotDrives, OneDriveForTheOtherMediumAndTheOneThatIsRekeyed) {
  if (!drive_.insert(disk("key.img"))) GTEST_SKIP() << "no loop device here";
  const std::string old = mediumId("key.img");
  const auto rekey = command(on({"rekey", drive_.uri(), "--medium", drive_.uri()}));
  drive_.insert(disk("spare.img"));
  const Ran alone = run(rekey);
  EXPECT_EQ(alone.exit, 2) << alone.err;
  EXPECT_THAT(alone.err, HasSubstr("swapping disks needs a terminal"));
  const Ran done = runAtTerminal(rekey, {{"gets another key, and press Enter: ", swapTo("key.img")}});
  EXPECT_EQ(done.exit, 0) << done.out;
  drive_.eject();
  EXPECT_NE(mediumId("key.img"), old);
  EXPECT_EQ(opens("key.img"), 0);
  EXPECT_EQ(opens("spare.img"), 0);
  EXPECT_THAT(slots(), Not(HasSubstr("\"root_generation\":1")));
}

TEST_F(SlotDrives, AFurtherDiskInTheOnlyDrive) {
  if (!drive_.insert(disk("key.img"))) GTEST_SKIP() << "no loop device here";
  const auto add = command(on({"medium", "add", drive_.uri(), "--medium", drive_.uri()}));
  const Ran same = runAtTerminal(add, {{"press Enter: ", say("")}});
  EXPECT_NE(same.exit, 0) << same.out;
  EXPECT_EQ(slotCount(), 2U);
  const Ran done = runAtTerminal(add, {{"press Enter: ", swapTo("third.img")}});
  EXPECT_EQ(done.exit, 0) << done.out;
  // For the next one: each that stays, one after another in the same drive.
  const Ran rotated = runAtTerminal(command(on({"rotate", "--medium", drive_.uri()})),
                                    {{kOthers, swapTo("key.img")}, {kOthers, swapTo("spare.img")}});
  EXPECT_EQ(rotated.exit, 0) << rotated.out;
  drive_.eject();
  for (const char* name : {"key.img", "spare.img", "third.img"}) EXPECT_EQ(opens(name), 0) << name;
}

TEST_F(SlotDrives, AWriteProtectedDiskInADrive) {
  if (!drive_.insert(disk("key.img"), true)) GTEST_SKIP() << "no loop device here";
  refused({"rekey", drive_.uri(), "--medium", image("spare.img")}, 6, "write-protected");
  ASSERT_TRUE(drive_.insert(disk("third.img"), true));
  refused({"medium", "add", drive_.uri(), "--medium", image("spare.img")}, 6, "write-protected");
  const Ran copied = kmsd({"medium", "copy", image("key.img"), drive_.uri()});
  EXPECT_EQ(copied.exit, 6) << copied.err;
  EXPECT_THAT(copied.err, HasSubstr("write-protected"));
}

// No disk is in the drive, or it is taken out when the one to write is asked for.
TEST_F(SlotDrives, ADiskThatIsPulledWhileItIsRekeyed) {
  if (!drive_.insert(disk("key.img"))) GTEST_SKIP() << "no loop device here";
  drive_.eject();
  const Ran gone = kmsd(on({"rekey", drive_.uri(), "--medium", image("spare.img")}));
  EXPECT_EQ(gone.exit, 5) << gone.err;
  ASSERT_TRUE(drive_.insert(disk("key.img")));
  const auto rekey =
      command(on({"rekey", drive_.uri(), "--medium", drive_.uri(), "--medium", image("spare.img")}));
  const Ran pulled = runAtTerminal(rekey, {{"press Enter: ", [this] {
                                              drive_.eject();
                                              return std::string();
                                            }}});
  EXPECT_EQ(pulled.exit, 5) << pulled.out;
  EXPECT_EQ(slotCount(), 2U);
  EXPECT_EQ(opens("key.img"), 0);
  EXPECT_EQ(opens("spare.img"), 0);
}

// The file of an image goes, or is cut off, at each write of it.
TEST_F(SlotDrives, AMediumThatGoesWhileItIsMade) {
  if (!canTrace()) GTEST_SKIP() << "may not trace another process";
  fs::create_directory(path("drive"));
  const std::string third = path("drive/third.img");
  const std::vector<std::string> copy = command({"medium", "copy", image("key.img"), "image:" + third});
  const std::vector<std::string> add =
      command(on({"medium", "add", "image:" + third, "--medium", image("key.img")}));
  const std::vector<std::string> rekey =
      command(on({"rekey", "image:" + third, "--medium", image("spare.img"), "--no-rotate"}));
  const std::string asItWas = "as-it-was.img";  // when it went
  const auto keep = [&] {
    fs::remove(path(asItWas));
    if (fs::exists(third)) fs::copy_file(third, path(asItWas));
  };
  const std::function<void()> gone = [&] {
    keep();
    for (const auto& file : fs::directory_iterator(path("drive"))) fs::remove(file.path());
  };
  const std::function<void()> cut = [&] {
    keep();
    for (const auto& file : fs::directory_iterator(path("drive"))) fs::resize_file(file.path(), 512);
  };
  const auto begin = [&](bool rekeys) {
    gone();
    fs::remove(path(asItWas));
    fs::remove_all(path("D"));
    run({"cp", "-a", path("kept"), path("D")});
    if (rekeys) done({"medium", "add", "image:" + third, "--medium", image("key.img")});
  };
  run({"cp", "-a", path("D"), path("kept")});
  const auto most = setting("KEYDISK_SLOT_FAULTS", 2, 1);
  std::mt19937_64 dice(setting("KEYDISK_SEED", std::random_device()(), std::random_device()()));
  for (const auto& [words, rekeys] :
       {std::pair(copy, false), std::pair(add, false), std::pair(rekey, true)}) {
    begin(rekeys);
    const KilledRun whole = runKilledAt(words, path("drive"), 0);
    ASSERT_EQ(whole.exit, 0);
    for (std::uint64_t i = 0; i < most && !HasFailure(); ++i) {
      const std::uint64_t n = 1 + dice() % whole.changes;
      SCOPED_TRACE(words[1] + " at change " + std::to_string(n) + " of " + std::to_string(whole.changes));
      begin(rekeys);
      const std::size_t before = slotCount();
      const KilledRun ran = runDisturbedAt(words, path("drive"), n, i % 2 == 0 ? gone : cut);
      if (ran.exit == 0) {
        const bool went = fs::exists(path(asItWas));  // else there was nothing yet that could go
        EXPECT_EQ(opens(went ? asItWas : "drive/third.img"), 0) << "it said that it was done";
      } else {
        EXPECT_TRUE(ran.exit >= 2 && ran.exit <= 9) << ran.exit;  // 2: what is left has no medium's size
        if (!rekeys) {
          EXPECT_EQ(slotCount(), before);
        }
      }
      EXPECT_EQ(opens("key.img"), 0);
      EXPECT_EQ(opens("spare.img"), 0);
    }
  }
}

}  // namespace
}  // namespace tests
