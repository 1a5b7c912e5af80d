#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "hal/base/rng.h"
#include "tests/unit/hal/images.h"

namespace tests {
namespace {

// A loop device over a file, gone when the test ends.
class Loop {
 public:
  explicit Loop(const std::string& path, std::vector<std::string> options = {}) {
    std::vector<std::string> command = {"losetup"};
    command.insert(command.end(), options.begin(), options.end());
    command.insert(command.end(), {"-f", "--show", path});
    const Ran ran = run(command);
    if (ran.exit == 0) device_ = ran.out.substr(0, ran.out.find('\n'));
    why_ = ran.err;
  }
  ~Loop() {
    if (!device_.empty()) run({"losetup", "-d", device_});
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  const std::string& device() const { return device_; }
  const std::string& why() const { return why_; }

 private:
  std::string device_;
  std::string why_;
};

base::Result<std::unique_ptr<hal::BlockDevice>> openPath(const std::string& path, int flags) {
  return hal::makeFileBlockDevice(base::Fd(::open(path.c_str(), flags | O_CLOEXEC)), path);
}

void fillRandom(const std::string& path, std::size_t size) {
  std::string content(size, '\0');
  base::systemRng().fill(std::as_writable_bytes(std::span(content)));
  std::ofstream(path) << content;
}

std::string contentOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Reads and writes pieces of every alignment and compares with a plain string.
void exercise(hal::BlockDevice& device, std::string expected) {
  std::uint64_t state = 7;
  const auto next = [&state] {
    return (state = state * 6364136223846793005ULL + 1442695040888963407ULL) >> 33U;
  };
  for (int i = 0; i < 300; ++i) {
    const std::size_t at = next() % expected.size();
    const std::size_t most = i % 10 == 0 ? expected.size() : 6000;
    const std::size_t size = std::min<std::size_t>(next() % most, expected.size() - at);
    if (i % 2 == 0) {
      for (std::size_t j = 0; j < size; ++j) expected[at + j] = static_cast<char>(next());
      const auto done = device.write(at, base::asBytes(expected).subspan(at, size), soon());
      ASSERT_TRUE(done) << done.error().what;
    } else {
      std::string got(size, '\0');
      const auto done = device.read(at, std::as_writable_bytes(std::span(got)), soon());
      ASSERT_TRUE(done) << done.error().what;
      ASSERT_EQ(got, expected.substr(at, size)) << at << " + " << size;
    }
  }
  ASSERT_TRUE(device.flush());
  std::string all(expected.size(), '\0');
  ASSERT_TRUE(device.read(0, std::as_writable_bytes(std::span(all)), soon()));
  EXPECT_EQ(all, expected);
}

TEST(FileBlockDevice, MovesPiecesOfAnyAlignmentAndSize) {
  for (const std::size_t size : {std::size_t{200000}, std::size_t{4096}, std::size_t{512}, std::size_t{511},
                                 std::size_t{1}, std::size_t{65536 * 3 + 513}}) {
    const Scratch scratch;
    const std::string path = scratch / "f";
    fillRandom(path, size);
    auto device = openPath(path, O_RDWR);
    ASSERT_TRUE(device);
    EXPECT_EQ((*device)->size(), size);
    exercise(**device, contentOf(path));
    EXPECT_EQ(std::filesystem::file_size(path), size);
  }
}

TEST(FileBlockDevice, LeavesNothingInThePageCache) {
  // Beside the sources: /tmp may be a tmpfs, whose pages are the file itself.
  const std::string path = std::string(KEYDISK_BINARY_DIR) + "/page-cache.tmp";
  fillRandom(path, 65536 + 100);
  const base::Fd look(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::fsync(look.get()), 0);
  {
    auto device = openPath(path, O_RDWR);
    ASSERT_TRUE(device);
    std::vector<std::byte> all(65536 + 100);
    ASSERT_TRUE((*device)->read(0, all, soon()));
    ASSERT_TRUE((*device)->write(1000, base::BytesView(all).first(5000), soon()));
    ASSERT_TRUE((*device)->flush());
    ASSERT_TRUE((*device)->read(0, all, soon()));
  }
  void* map = ::mmap(nullptr, 65536 + 100, PROT_READ, MAP_SHARED, look.get(), 0);
  unsigned char resident[17] = {};
  ASSERT_EQ(::mincore(map, 65536 + 100, resident), 0);
  ::munmap(map, 65536 + 100);
  std::filesystem::remove(path);
  int pages = 0;
  for (const unsigned char page : resident) pages += page & 1;
  EXPECT_EQ(pages, 0);
}

TEST(FileBlockDevice, ErrorsHaveTheCodeThatFits) {
  const Scratch scratch;
  const std::string path = scratch / "f";
  fillRandom(path, 10000);
  auto device = openPath(path, O_RDONLY);
  ASSERT_TRUE(device);
  std::byte out[100];
  EXPECT_EQ((*device)->read(9901, out, soon()).error().code, base::Code::Corrupt);
  EXPECT_EQ((*device)->read(~std::uint64_t{0} - 10, out, soon()).error().code, base::Code::Corrupt);
  EXPECT_TRUE((*device)->read(9900, out, soon()));
  EXPECT_TRUE((*device)->read(10000, {}, soon()));
  const auto denied = (*device)->write(0, out, soon());
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, base::Code::Denied);
  EXPECT_EQ(denied.error().reason, base::Reason::MediumReadOnly);
  const auto late = (*device)->read(0, out, base::Deadline::in(std::chrono::milliseconds(-1)));
  EXPECT_EQ(late.error().code, base::Code::Timeout);
  std::filesystem::resize_file(path, 100);
  EXPECT_EQ((*device)->read(5000, out, soon()).error().code, base::Code::Io);
  EXPECT_EQ(openPath(scratch.path(), O_RDONLY | O_DIRECTORY).error().code, base::Code::Io);
  EXPECT_EQ(openPath("/dev/null", O_RDONLY).error().code, base::Code::Io);
}

TEST(FileBlockDevice, AKeyDiskOnALoopDevice) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may set up a loop device";
  for (const char* sector : {"512", "4096"}) {
    const Scratch scratch;
    const std::string path = scratch / "disk.img";
    std::ofstream(path).flush();
    std::filesystem::resize_file(path, 8U << 20U);
    const Loop loop(path, {"-b", sector});
    if (loop.device().empty()) GTEST_SKIP() << "no loop device: " << loop.why();
    auto device = openPath(loop.device(), O_RDWR);
    ASSERT_TRUE(device);
    EXPECT_EQ((*device)->size(), 8U << 20U);
    const auto done = hal::writeKeyDisk(**device, base::asBytes(kHandTyped), hal::Overwrite::Empty, soon());
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(readText(**device), kHandTyped);
    EXPECT_EQ(tool({"mtype", "-i", loop.device(), "::KMSPWD.INI"}), kHandTyped);
    std::string content(8U << 20U, '\0');
    ASSERT_TRUE((*device)->read(0, std::as_writable_bytes(std::span(content)), soon()));
    exercise(**device, std::move(content));
  }
}

TEST(FileBlockDevice, ALoopDeviceThatIsReadOnlyOrLosesItsMedium) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may set up a loop device";
  const Scratch scratch;
  const std::string path = scratch / "disk.img";
  fillRandom(path, 1U << 20U);
  const Loop loop(path, {"-r"});
  if (loop.device().empty()) GTEST_SKIP() << "no loop device: " << loop.why();
  auto device = openPath(loop.device(), O_RDONLY);
  ASSERT_TRUE(device);
  std::byte out[512];
  EXPECT_TRUE((*device)->read(0, out, soon()));
  EXPECT_EQ((*device)->write(0, out, soon()).error().reason, base::Reason::MediumReadOnly);
  std::filesystem::resize_file(path, 4096);
  const auto gone = (*device)->read(512 * 1024, out, soon());
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, base::Code::Io);
}

}  // namespace
}  // namespace tests
