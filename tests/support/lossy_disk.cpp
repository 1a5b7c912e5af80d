#include "tests/support/lossy_disk.h"

#include <gtest/gtest.h>

#include "tests/support/run.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kSize = 192ULL << 20U;  // bytes; as much as is written is taken

}  // namespace

LossyDisk::LossyDisk() : scratch_(memoryDirectory()) {
  fs::create_directory(root());
  std::ignore = run({"truncate", "-s", std::to_string(kSize), file("now.img")});
  // Without lazy_*: nothing writes to it by itself.
  command(
      {"mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", file("now.img")});
  if (unable_.empty()) mount();
}

LossyDisk::~LossyDisk() {
  if (mounted_) unmount();
}

bool LossyDisk::command(const std::vector<std::string>& words) {
  const Ran ran = run(words);
  if (ran.exit != 0) unable_ = words.front() + ": " + ran.err;
  return ran.exit == 0;
}

// noatime: reading writes nothing. A commit of the journal in an hour: only syncs bring something to the
// disk.
bool LossyDisk::mount() {
  mounted_ = command({"mount", "-o", "loop,noatime,commit=3600", file("now.img"), root().string()});
  return mounted_;
}

bool LossyDisk::unmount() {
  mounted_ = !command({"umount", root().string()});
  return !mounted_;
}

void LossyDisk::keep() {
  ASSERT_TRUE(unmount()) << unable_;
  fs::rename(file("now.img"), file("kept.img"));
  begin();
}

void LossyDisk::begin() {
  if (mounted_) {
    ASSERT_TRUE(unmount()) << unable_;
  }
  ASSERT_TRUE(command({"cp", "--sparse=always", file("kept.img"), file("now.img")})) << unable_;
  ASSERT_TRUE(mount()) << unable_;
}

void LossyDisk::cut() {
  ASSERT_TRUE(command({"cp", "--sparse=always", file("now.img"), file("cut.img")})) << unable_;
  ASSERT_TRUE(unmount()) << unable_;
  fs::rename(file("cut.img"), file("now.img"));
  ASSERT_TRUE(mount()) << unable_;
}

}  // namespace tests
