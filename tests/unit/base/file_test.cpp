#include "hal/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <fstream>

#include "hal/base/clock.h"
#include "tests/support/scratch.h"

namespace base {
namespace {

void put(const std::filesystem::path& path, std::string_view text) { std::ofstream(path) << text; }

TEST(File, ReadsWithinItsBound) {
  const tests::Scratch scratch;
  put(scratch / "f", "12345");
  const auto whole = readSmallFile(scratch / "f", 5);
  ASSERT_TRUE(whole);
  EXPECT_EQ(*whole, "12345");
  const auto larger = readSmallFile(scratch / "f", 4);
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().code, Code::Invalid);
  const auto absent = readSmallFile(scratch / "none", 4);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::NotFound);
}

TEST(File, ABoundAboveAllMemoryCostsNone) {
  constexpr std::size_t kMost = std::size_t{1} << 50U;
  const tests::Scratch scratch;
  put(scratch / "f", "12345");
  EXPECT_EQ(*readSmallFile(scratch / "f", kMost), "12345");
  EXPECT_GT(readSmallFile("/proc/self/smaps", kMost)->size(), 4096U);  // whose size stat does not tell
}

TEST(File, ASecretLosesItsFinalLineEndOnly) {
  const tests::Scratch scratch;
  for (const char* text : {"1234", "1234\n", "1234\r\n"}) {
    put(scratch / "pin", text);
    const auto pin = readSecretFile(scratch / "pin", 4);
    ASSERT_TRUE(pin) << text;
    EXPECT_EQ(pin->text(), "1234");
  }
  put(scratch / "pin", "1234\n\n");
  EXPECT_FALSE(readSecretFile(scratch / "pin", 4));
  put(scratch / "pin", "");
  EXPECT_TRUE(readSecretFile(scratch / "pin", 4)->empty());
}

TEST(File, WritesWholeWithItsModeAndLeavesNoTemporary) {
  const tests::Scratch scratch;
  ASSERT_TRUE(writeFileDurably(scratch / "f", asBytes("old"), 0600));
  ASSERT_TRUE(writeFileDurably(scratch / "f", asBytes("new"), 0600));
  EXPECT_EQ(*readSmallFile(scratch / "f", 10), "new");
  struct stat status {};
  ASSERT_EQ(::stat((scratch / "f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_FALSE(std::filesystem::exists(scratch / "f.new"));
  const auto lost = writeFileDurably(scratch / "no" / "f", asBytes("x"), 0600);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::NotFound);
}

TEST(File, ErrorsOfTheSystemHaveTheCodeThatFits) {
  EXPECT_EQ(systemError("x", ENOENT).code, Code::NotFound);
  EXPECT_EQ(systemError("x", ENOMEDIUM).code, Code::NotFound);
  EXPECT_EQ(systemError("x", EACCES).code, Code::Denied);
  EXPECT_EQ(systemError("x", EROFS).code, Code::Denied);
  EXPECT_EQ(systemError("x", EBUSY).code, Code::Unavailable);
  EXPECT_EQ(systemError("x", EIO).code, Code::Io);
  EXPECT_EQ(systemError("cannot open f", EIO).what, "cannot open f: Input/output error");
}

TEST(Deadline, EndsAndNeverHasLessThanNothingLeft) {
  using std::chrono::milliseconds;
  const auto past = Deadline::in(milliseconds(-5));
  const auto later = Deadline::in(milliseconds(60000));
  EXPECT_TRUE(past.expired());
  EXPECT_EQ(past.remaining(), milliseconds(0));
  EXPECT_FALSE(later.expired());
  EXPECT_GT(later.remaining(), milliseconds(50000));
  EXPECT_TRUE(later.sooner(past).expired());
}

}  // namespace
}  // namespace base
