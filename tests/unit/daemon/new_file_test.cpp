// Files that are there whole or not at all, small ones and such as go past the page cache.
#include "daemon/new_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/support/scratch.h"

namespace tests {
namespace {

constexpr std::size_t kLarge = 17 * 1024 * 1024 + 12'345;

base::Bytes someBytes(std::size_t size) {
  base::Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 2654435761U) >> 13U);
  return bytes;
}

std::string contentOf(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// In pieces of no even size.
void writeAll(kmsd::NewFile& file, base::BytesView bytes) {
  while (!bytes.empty()) {
    const std::size_t piece = std::min<std::size_t>(bytes.size(), 100'003);
    ASSERT_TRUE(file.write(bytes.first(piece)));
    bytes = bytes.subspan(piece);
  }
}

void makeIn(const std::filesystem::path& directory, std::size_t told, std::size_t size) {
  const auto path = directory / ("file-" + std::to_string(size));
  const base::Bytes bytes = someBytes(size);
  auto file = kmsd::NewFile::create(path, told);
  ASSERT_TRUE(file);
  writeAll(*file, bytes);
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(std::filesystem::file_size(path), size);
  EXPECT_TRUE(contentOf(path) == base::asText(bytes));
}

TEST(NewFile, HoldsWhatWasWritten) {
  const Scratch scratch;
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, kLarge, std::size_t{18} << 20U})
    makeIn(scratch.path(), size, size);
}

TEST(NewFile, HoldsNoMoreThanWasWritten) {
  const Scratch scratch;
  makeIn(scratch.path(), kLarge, 70'001);
}

TEST(NewFile, GrowsBeyondWhatWasTold) {
  const Scratch scratch;
  makeIn(scratch.path(), kLarge, kLarge + 3'000'000);
}

TEST(NewFile, LeavesNothingWhereItIsGivenUp) {
  const Scratch scratch;
  {
    auto file = kmsd::NewFile::create(scratch / "large", kLarge);
    ASSERT_TRUE(file);
    writeAll(*file, someBytes(kLarge / 2));
  }
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(NewFile, NeverReplacesAnother) {
  const Scratch scratch;
  auto file = kmsd::NewFile::create(scratch / "mine", kLarge);
  ASSERT_TRUE(file);
  std::ofstream(scratch / "mine") << "first";
  ASSERT_TRUE(file->write(someBytes(10)));
  auto named = file->commit();
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, base::Code::Conflict);
  EXPECT_EQ(contentOf(scratch / "mine"), "first");
  auto second = kmsd::NewFile::create(scratch / "mine", 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Code::Conflict);
}

// A piece that fails while the next one is gathered.
TEST(NewFile, TellsWhatFailedMeanwhile) {
  const Scratch scratch;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{8 << 20U, before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  {
    auto file = kmsd::NewFile::create(scratch / "large", kLarge);
    ASSERT_TRUE(file);
    const base::Bytes bytes = someBytes(kLarge);
    auto done = file->write(bytes);
    if (done) done = file->commit();
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().what.find("File too large"), std::string::npos) << done.error().what;
    auto last = kmsd::NewFile::create(scratch / "last", kLarge);
    ASSERT_TRUE(last);
    ASSERT_TRUE(last->write(base::BytesView(bytes).first(9 << 20U)));  // nobody waits for the last one
    EXPECT_FALSE(last->commit());
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

// Where the page cache is the disk.
TEST(NewFile, GoesToMemoryAsWell) {
  const std::filesystem::path shared = "/dev/shm";
  if (!std::filesystem::is_directory(shared)) GTEST_SKIP() << "no /dev/shm here";
  const auto place = shared / ("keydisk-new-file-" + std::to_string(::getpid()));
  std::filesystem::create_directory(place);
  makeIn(place, kLarge, kLarge);
  std::filesystem::remove_all(place);
}

TEST(NewFile, WithoutANameIsRefusedAtOnce) {
  const Scratch scratch;
  for (const std::string& path :
       {std::string(), scratch.path().string() + "/", scratch.path().string() + "/no/"}) {
    const auto file = kmsd::NewFile::create(path, 10);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code, base::Code::Invalid) << file.error().what;
  }
}

}  // namespace
}  // namespace tests
