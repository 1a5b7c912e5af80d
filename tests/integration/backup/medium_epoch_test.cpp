// kmsd run --medium-epoch with the real programs: what is written onto the medium, and what it refuses.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/backup/hosts.h"
#include "tests/support/disks.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

class MediumEpoch : public Hosts {
 protected:
  fs::path inserted() const { return old_.drive() / "key.img"; }
  void start(std::vector<std::string> more = {}) {
    more.insert(more.begin(), "--medium-epoch");
    old_.start(more);
  }
  void startOpen() {
    start();
    old_.expectState("unsealed", "");
  }
  // Where two images differ: the sectors.
  static std::vector<std::size_t> sectors(const std::string& a, const std::string& b) {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i)
      if ((i >= a.size() || i >= b.size() || a[i] != b[i]) && (all.empty() || all.back() != i / 512))
        all.push_back(i / 512);
    return all;
  }
  void copyData(const fs::path& to) {
    fs::remove_all(to);
    fs::copy(old_.data(), to, fs::copy_options::recursive);
  }
  // With what was noted on it.
  void takeOut(const std::string& name) {
    fs::copy_file(old_.drive() / name, old_.safe() / name, fs::copy_options::overwrite_existing);
    old_.pull(name);
  }
  void bringBack(const fs::path& from) {
    fs::remove_all(old_.data());
    fs::copy(from, old_.data(), fs::copy_options::recursive);
  }
};

TEST_F(MediumEpoch, WithoutTheOptionNothingIsWritten) {
  old_.insert("key.img");
  const std::string before = slurp(inserted());
  old_.start();
  old_.expectState("unsealed", "");
  EXPECT_TRUE(old_.status().at("medium_epoch").is_null());
  ASSERT_EQ(old_.stop(), 0);
  EXPECT_EQ(slurp(inserted()), before);
}

TEST_F(MediumEpoch, EachUnsealingWritesOneOfTwoSectors) {
  old_.insert("key.img");
  // Behind boot sector, FATs, directory and the key: sectors 34 and 35 of a 1.44 MB volume.
  for (unsigned round = 0; round < 3; ++round) {
    const std::string before = slurp(inserted());
    startOpen();
    EXPECT_TRUE(says(field(old_, "medium_epoch"), "Written last: medium "));
    EXPECT_TRUE(says(field(old_, "medium_epoch"), "wind that back"));
    EXPECT_TRUE(says(old_.ctl({"status"}).out, "noted"));
    ASSERT_EQ(old_.stop(), 0);
    EXPECT_EQ(sectors(before, slurp(inserted())), std::vector<std::size_t>{34 + round % 2});
  }
}

TEST_F(MediumEpoch, AnOlderCopyOfTheDataIsRefused) {
  old_.insert("key.img");
  startOpen();
  ASSERT_ENDS(old_.ctl({"user", "add", "alice"}), 0);
  ASSERT_EQ(old_.stop(), 0);
  copyData(old_.safe() / "copy");
  startOpen();
  ASSERT_ENDS(old_.ctl({"user", "add", "bob"}), 0);
  ASSERT_EQ(old_.stop(), 0);
  startOpen();
  ASSERT_EQ(old_.stop(), 0);
  bringBack(old_.safe() / "copy");
  start();
  old_.expectState("sealed", "backup_older");
  EXPECT_TRUE(says(field(old_, "detail"), "older copy"));
  EXPECT_NE(old_.ctl({"unseal"}).exit, 0);
  ASSERT_ENDS(old_.ctl({"unseal", "--accept-older"}), 0);
  old_.expectState("unsealed", "");
  EXPECT_EQ(old_.ctl({"user", "show", "bob"}).exit, 1);
  EXPECT_EQ(old_.ctl({"audit", "verify", "--store"}).exit, 0);
  ASSERT_EQ(old_.stop(), 0);
  startOpen();
}

TEST_F(MediumEpoch, WritingIsNoRemovalOfTheMedium) {
  old_.insert("key.img");
  start({"--on-removal", "seal"});
  old_.expectState("unsealed", "");
  const auto since = field(old_, "since");
  // Looks come every few seconds: a stop that was no removal, and then a real one.
  ASSERT_FALSE(waitUntil([&] { return field(old_, "state") != "unsealed"; }, std::chrono::seconds(8)));
  EXPECT_EQ(field(old_, "since"), since);
  old_.pull("key.img");
  old_.expectState("sealed", "medium_removed");
}

TEST_F(MediumEpoch, ACopyOfTheMediumKnowsWhatItSawItself) {
  ASSERT_ENDS(old_.kmsd({"medium", "copy", disk(old_), disk(old_, "copy.img")}), 0);
  old_.insert("key.img");
  startOpen();
  ASSERT_EQ(old_.stop(), 0);
  takeOut("key.img");
  copyData(old_.safe() / "copy");
  old_.insert("copy.img");
  for (int round = 0; round < 2; ++round) {
    startOpen();
    ASSERT_EQ(old_.stop(), 0);
  }
  takeOut("copy.img");
  bringBack(old_.safe() / "copy");
  old_.insert("copy.img");
  start();
  old_.expectState("sealed", "backup_older");
  ASSERT_EQ(old_.stop(), 0);
  old_.pull("copy.img");
  // The other one was in the safe meanwhile. It knows less, and says nothing false.
  old_.insert("key.img");
  startOpen();
}

TEST_F(MediumEpoch, AMediumThatWasWoundBackOpensAndGoesOn) {
  old_.insert("key.img");
  startOpen();
  ASSERT_EQ(old_.stop(), 0);
  takeOut("key.img");
  for (int round = 0; round < 2; ++round) {
    old_.insert("key.img");  // always the first state of it
    startOpen();
    EXPECT_TRUE(says(field(old_, "medium_epoch"), "Written last: medium "));
    ASSERT_EQ(old_.stop(), 0);
    old_.pull("key.img");
  }
}

TEST_F(MediumEpoch, RecordsOfAnotherServerCountForNothing) {
  new_.setUp();
  new_.insert("key.img");
  for (int round = 0; round < 2; ++round) {
    new_.start({"--medium-epoch"});
    new_.expectState("unsealed", "");
    ASSERT_EQ(new_.stop(), 0);
  }
  const std::string theirs = slurp(new_.drive() / "key.img").substr(34 * 512, 1024);
  ASSERT_TRUE(theirs.starts_with("KMSEPOCH") && theirs.substr(512).starts_with("KMSEPOCH"));
  old_.insert("key.img");
  overwrite(inserted(), 34 * 512, theirs);
  startOpen();
  EXPECT_TRUE(says(field(old_, "medium_epoch"), "Written last: medium "));
  ASSERT_EQ(old_.stop(), 0);
  EXPECT_EQ(sectors(theirs, slurp(inserted()).substr(34 * 512, 1024)), std::vector<std::size_t>{0});
}

TEST_F(MediumEpoch, ANewRootKeyBeginsAnewAndTheDataBeforeItAreOlder) {
  old_.insert("key.img");
  for (int round = 0; round < 2; ++round) {
    startOpen();
    ASSERT_EQ(old_.stop(), 0);
  }
  copyData(old_.safe() / "copy");
  const std::string before = slurp(inserted());
  ASSERT_ENDS(old_.kmsd({"rotate", "--data-dir", old_.data(), "--medium", "image:" + inserted().string(),
                         "--medium", disk(old_, "spare.img")}),
              0);
  EXPECT_EQ(slurp(inserted()), before) << "the medium keeps its key";
  startOpen();  // what the medium says is of the root key before: it counts for nothing
  ASSERT_EQ(old_.stop(), 0);
  EXPECT_EQ(sectors(before, slurp(inserted())).size(), 1U);
  startOpen();
  ASSERT_EQ(old_.stop(), 0);

  bringBack(old_.safe() / "copy");  // the same medium opens its slot there
  start();
  old_.expectState("sealed", "backup_older");
  ASSERT_ENDS(old_.ctl({"unseal", "--accept-older"}), 0);
  old_.expectState("unsealed", "");
  ASSERT_EQ(old_.stop(), 0);
  startOpen();
}

TEST_F(MediumEpoch, MediaThatCannotBeWrittenOpenAndAreTold) {
  old_.insert("key.img");
  // One that was made without the file: its entry in the directory is deleted.
  const int fd = ::open(inserted().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::pwrite(fd, "\xE5", 1, 19 * 512 + 2 * 32), 1);
  ASSERT_EQ(::close(fd), 0);
  startOpen();
  EXPECT_TRUE(says(field(old_, "medium_epoch"), "made without KMSEPOCH.BIN"));
  EXPECT_TRUE(says(field(old_, "medium_epoch"), "No medium was written"));
  ASSERT_EQ(old_.stop(), 0);
  old_.pull("key.img");
  old_.insert("key.img");
  const std::string before = slurp(inserted());
  ASSERT_EQ(::chmod(inserted().c_str(), 0400), 0);
  startOpen();
  if (::geteuid() != 0) {  // root writes it all the same
    EXPECT_TRUE(says(field(old_, "medium_epoch"), "Not noted on the medium"));
    EXPECT_EQ(slurp(inserted()), before);
  }
}

}  // namespace
}  // namespace tests
