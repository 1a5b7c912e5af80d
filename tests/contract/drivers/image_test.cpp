// What only the image driver has: directories, copies under way, links, locks, permissions, new images.
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "drivers/image/driver.h"
#include "drivers/image/look.h"
#include "hal/base/fd.h"
#include "tests/contract/drivers/disks.h"
#include "tests/support/scratch.h"

#include <fcntl.h>

namespace tests {
namespace {

using base::Code;
using base::Reason;
namespace fs = std::filesystem;

base::Deadline soon() { return base::Deadline::in(std::chrono::seconds(10)); }

class ImageDriverTest : public ::testing::Test {
 protected:
  std::vector<hal::Slot> scan(const std::string& target) {
    auto driver = drivers::image::make(target);
    EXPECT_TRUE(driver);
    auto slots = (*driver)->scan(soon());
    EXPECT_TRUE(slots) << slots.error().what;
    return slots ? std::move(*slots) : std::vector<hal::Slot>{};
  }
  base::Result<std::unique_ptr<hal::Medium>> open(const std::string& target, const std::string& slot,
                                                  hal::Access access) {
    auto driver = drivers::image::make(target);
    if (!driver) return std::move(driver).error();
    hal::NoAsk ask;
    return (*driver)->open({"image", slot}, access, ask, soon());
  }
  std::string at(const std::string& name) const { return (scratch_ / name).string(); }
  std::string directory() const { return scratch_.path().string(); }

  Scratch scratch_;
};

// Acts as a user without rights, for as long as it lives.
class AsNobody {
 public:
  AsNobody() : changed_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
  ~AsNobody() {
    if (changed_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  bool changed_;
};

TEST(ImageName, CountsOnlyVisibleImagesWithReadableNames) {
  for (const char* name : {"a.img", "A.IMG", "a b.Img", "ä.img", "a.img.img"}) {
    EXPECT_TRUE(drivers::image::isImageName(name)) << name;
  }
  for (const char* name :
       {"", ".img", ".a.img", "a.img~", "a.iso", "img", "a/b.img", "a\n.img", "\xff.img"}) {
    EXPECT_FALSE(drivers::image::isImageName(name)) << name;
  }
}

TEST(ImageUri, RefusesWhatIsNoPath) {
  for (const std::string& target :
       {std::string(), std::string("a\nb"), std::string("a\0b", 3), std::string("\xff")}) {
    auto driver = drivers::image::make(target);
    ASSERT_FALSE(driver);
    EXPECT_EQ(driver.error().code, Code::Invalid);
  }
}

TEST_F(ImageDriverTest, DirectoryListsItsImagesByName) {
  for (const char* name : {"b.img", "a.IMG", "c.txt", ".d.img"}) writeFile(scratch_ / name, "x");
  fs::create_directory(scratch_ / "e.img");
  const auto slots = scan(directory() + "//");
  ASSERT_EQ(slots.size(), 2U);
  EXPECT_EQ(slots[0].id.uri(), "image:" + at("a.IMG"));
  EXPECT_EQ(slots[1].id.uri(), "image:" + at("b.img"));
  EXPECT_TRUE(slots[0].present && slots[1].present);
}

TEST_F(ImageDriverTest, DirectoryIsBounded) {
  for (int i = 0; i < 70; ++i) writeFile(scratch_ / (std::to_string(100 + i) + ".img"), "x");
  const auto slots = scan(directory());
  ASSERT_EQ(slots.size(), drivers::image::kMaxImages + 1);
  EXPECT_EQ(slots[0].id.slot, directory());
  ASSERT_TRUE(slots[0].error);
  EXPECT_NE(slots[0].error->what.find("more than 64"), std::string::npos);
  EXPECT_FALSE(slots[0].present);
  EXPECT_EQ(slots[1].id.slot, at("100.img"));
  EXPECT_EQ(slots.back().id.slot, at("163.img"));
}

TEST_F(ImageDriverTest, LinksAndSpecialFilesInADirectoryAreNothing) {
  const Scratch elsewhere;
  writeFile(elsewhere / "real.img", diskBytes(Disk::Key, keyText('A')));
  fs::create_symlink(elsewhere / "real.img", scratch_ / "link.img");
  fs::create_symlink("/dev/zero", scratch_ / "zero.img");
  ASSERT_EQ(::mkfifo(at("fifo.img").c_str(), 0600), 0);
  EXPECT_TRUE(scan(directory()).empty());
  for (const char* name : {"link.img", "zero.img", "fifo.img"}) {
    auto medium = open(directory(), at(name), hal::Access::Read);
    ASSERT_FALSE(medium) << name;
    EXPECT_EQ(medium.error().code, Code::NotFound);
  }
  // Named by the administrator, a link is followed.
  auto medium = open(at("link.img"), at("link.img"), hal::Access::Read);
  ASSERT_TRUE(medium) << medium.error().what;
  EXPECT_TRUE((*medium)->readKeyFile(soon()));
}

TEST_F(ImageDriverTest, NamedSpecialFileIsRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo(at("fifo.img").c_str(), 0600), 0);
  for (const std::string& target : {at("fifo.img"), std::string("/dev/zero")}) {
    const auto slots = scan(target);
    ASSERT_EQ(slots.size(), 1U);
    EXPECT_FALSE(slots[0].present);
    EXPECT_TRUE(slots[0].error);
    EXPECT_FALSE(open(target, target, hal::Access::Write));
  }
}

TEST_F(ImageDriverTest, CopyUnderWayIsNotInserted) {
  const std::string path = at("copy.img");
  std::atomic<bool> done = false;
  writeFile(path, "x");
  std::thread copy([&] {
    std::ofstream out(path, std::ios::binary | std::ios::app);
    while (!done) {
      out << "x" << std::flush;
      std::this_thread::yield();
    }
  });
  auto driver = drivers::image::make(directory());
  ASSERT_TRUE(driver);
  auto slots = (*driver)->scan(soon());
  hal::NoAsk ask;
  auto medium = (*driver)->open({"image", path}, hal::Access::Read, ask, soon());
  done = true;
  copy.join();
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 1U);
  EXPECT_FALSE(slots->front().present);
  ASSERT_FALSE(medium);
  EXPECT_EQ(medium.error().reason, Reason::MediumBusy);
  // When it has settled, the waiter hears of it and the scan shows it.
  auto heard = (*driver)->waitForChange(soon(), {});
  ASSERT_TRUE(heard);
  EXPECT_TRUE(*heard);
  slots = (*driver)->scan(soon());
  ASSERT_TRUE(slots);
  EXPECT_TRUE(slots->front().present);
}

TEST_F(ImageDriverTest, ScanKeepsItsDeadline) {
  writeFile(scratch_ / "a.img", "x");
  auto driver = drivers::image::make(directory());
  ASSERT_TRUE(driver);
  auto slots = (*driver)->scan(base::Deadline::in(std::chrono::milliseconds(20)));
  ASSERT_FALSE(slots);
  EXPECT_EQ(slots.error().code, Code::Timeout);
}

TEST_F(ImageDriverTest, DirectoryThatComesLaterIsHeardOf) {
  auto driver = drivers::image::make(at("later"));
  ASSERT_TRUE(driver);
  auto slots = (*driver)->scan(soon());
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 1U);
  EXPECT_FALSE(slots->front().present);
  fs::create_directory(scratch_ / "later");
  writeFile(scratch_ / "later" / "a.img", "x");
  auto heard = (*driver)->waitForChange(soon(), {});
  ASSERT_TRUE(heard);
  EXPECT_TRUE(*heard);
  slots = (*driver)->scan(soon());
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 1U);
  EXPECT_TRUE(slots->front().present);
}

TEST_F(ImageDriverTest, NewImageIsPrivateAndAlone) {
  const std::string path = at("new.img");
  auto medium = open(path, path, hal::Access::Write);
  ASSERT_TRUE(medium) << medium.error().what;
  EXPECT_TRUE(fs::is_empty(scratch_.path()));  // opening makes nothing
  EXPECT_FALSE((*medium)->readKeyFile(soon()));
  auto written = (*medium)->writeKeyFile(base::asBytes(keyText('A')), hal::Overwrite::Empty, soon());
  ASSERT_TRUE(written) << written.error().what;
  struct stat made {};
  ASSERT_EQ(::stat(path.c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777, 0600U);
  EXPECT_EQ(made.st_size, 1'474'560);
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch_.path()), {}), 1);
  EXPECT_TRUE((*medium)->readKeyFile(soon()));
}

TEST_F(ImageDriverTest, NewImageInADirectoryNeedsAnImageName) {
  EXPECT_TRUE(open(directory(), at("new.img"), hal::Access::Write));
  for (const std::string& slot :
       {at("new.txt"), at(".new.img"), at("../new.img"), directory() + "/a/b.img"}) {
    EXPECT_FALSE(open(directory(), slot, hal::Access::Write)) << slot;
  }
}

TEST_F(ImageDriverTest, NewImageNeverReplacesWhatCameMeanwhile) {
  const std::string path = at("new.img");
  auto medium = open(path, path, hal::Access::Write);
  ASSERT_TRUE(medium);
  writeFile(path, "another's");
  auto written = (*medium)->writeKeyFile(base::asBytes(keyText('A')), hal::Overwrite::Key, soon());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::Conflict);
  EXPECT_EQ(readFile(path), "another's");
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch_.path()), {}), 1);
}

TEST_F(ImageDriverTest, FailedNewImageLeavesNothing) {
  auto medium = open(at("new.img"), at("new.img"), hal::Access::Write);
  ASSERT_TRUE(medium);
  const std::string tooLong(100'000, 'x');
  EXPECT_FALSE((*medium)->writeKeyFile(base::asBytes(tooLong), hal::Overwrite::Empty, soon()));
  EXPECT_TRUE(fs::is_empty(scratch_.path()));

  medium = open(at("no/such/new.img"), at("no/such/new.img"), hal::Access::Write);
  ASSERT_TRUE(medium);
  auto written = (*medium)->writeKeyFile(base::asBytes(keyText('A')), hal::Overwrite::Empty, soon());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::NotFound);
}

TEST_F(ImageDriverTest, LockedImageIsBusy) {
  const std::string path = at("a.img");
  writeFile(path, diskBytes(Disk::Blank, ""));
  const base::Fd other(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_SH), 0);
  EXPECT_TRUE(open(path, path, hal::Access::Read));  // two may read
  auto medium = open(path, path, hal::Access::Write);
  ASSERT_FALSE(medium);
  EXPECT_EQ(medium.error().code, Code::Unavailable);
  EXPECT_EQ(medium.error().reason, Reason::MediumBusy);
}

TEST_F(ImageDriverTest, MissingRightsSayWhatToDo) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to act as a user without rights";
  const std::string path = at("a.img");
  writeFile(path, diskBytes(Disk::Key, keyText('A')));
  ::chmod(path.c_str(), 0600);
  ::chmod(directory().c_str(), 0755);
  {
    const AsNobody nobody;
    for (const std::string& target : {path, directory()}) {
      const auto slots = scan(target);
      ASSERT_EQ(slots.size(), 1U);
      EXPECT_FALSE(slots[0].present);
      ASSERT_TRUE(slots[0].error);
      EXPECT_EQ(slots[0].error->reason, Reason::MediumNotPermitted);
      auto medium = open(target, path, hal::Access::Read);
      ASSERT_FALSE(medium);
      EXPECT_EQ(medium.error().reason, Reason::MediumNotPermitted);
    }
    auto created = open(at("new.img"), at("new.img"), hal::Access::Write);
    ASSERT_TRUE(created);
    auto written = (*created)->writeKeyFile(base::asBytes(keyText('A')), hal::Overwrite::Empty, soon());
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().reason, Reason::MediumNotPermitted);
  }
  ::chmod(path.c_str(), 0644);
  const AsNobody nobody;
  EXPECT_TRUE(scan(path)[0].present);
  EXPECT_TRUE(scan(path)[0].writeProtected);
  auto medium = open(path, path, hal::Access::Write);
  ASSERT_FALSE(medium);
  EXPECT_EQ(medium.error().reason, Reason::MediumReadOnly);
}

TEST_F(ImageDriverTest, DirectoryWithoutRightsIsAnError) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to act as a user without rights";
  ::chmod(directory().c_str(), 0700);
  const AsNobody nobody;
  const auto slots = scan(directory());
  ASSERT_EQ(slots.size(), 1U);
  ASSERT_TRUE(slots[0].error);
  EXPECT_EQ(slots[0].error->reason, Reason::MediumNotPermitted);
}

}  // namespace
}  // namespace tests
