// What is on a stick: sizes, sectors, units, writing.
#include <random>

#include "drivers/usb/usb_disk.h"
#include "tests/unit/usb/stick_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

class StickDiskTest : public StickTest {
 protected:
  base::Result<void> write(const std::string& slot, const std::string& text, hal::Overwrite consent) {
    auto medium = open(slot, hal::Access::Write);
    if (!medium) return std::move(medium).error();
    return (*medium)->writeKeyFile(base::asBytes(text), consent, soon());
  }
  std::string made(const std::vector<std::string>& mkfs, std::uintmax_t size) {
    const std::string path = (scratch_ / "made.img").string();
    std::filesystem::remove(path);
    makeZeros(path, size);
    std::vector<std::string> command = {"mkfs.fat"};
    command.insert(command.end(), mkfs.begin(), mkfs.end());
    command.push_back(path);
    const Ran ran = run(command);
    EXPECT_EQ(ran.exit, 0) << ran.err;
    const Ran put = run({"mcopy", "-i", path, "-", "::KMSPWD.INI"}, kStickKey);
    EXPECT_EQ(put.exit, 0) << put.err;
    return bytesOf(path);
  }
  Scratch scratch_;
};

TEST_F(StickDiskTest, EveryFatIsRead) {
  for (const auto& [bits, size] : {std::pair{"12", 2U}, {"16", 32U}, {"32", 64U}}) {
    const auto one = plugged(made({"-F", bits}, size * 1024 * 1024));
    EXPECT_EQ(read(kSlot), kStickKey) << bits;
    bus_.pull(one);
  }
}

TEST_F(StickDiskTest, SectorsOf4096) {
  const auto one = plugged(made({"-F", "16", "-S", "4096"}, 64 * 1024 * 1024));
  one->units[0].blockSize = 4096;
  EXPECT_EQ(read(kSlot), kStickKey);
  ASSERT_TRUE(write(kSlot, kStickKey + "; again\r\n", hal::Overwrite::Key));
  EXPECT_EQ(read(kSlot), kStickKey + "; again\r\n");
}

TEST_F(StickDiskTest, PartitionsAreFound) {
  for (const char* table : {"dos", "gpt"}) {
    makePartitioned(scratch_ / "parts.img", table, 16, kStickKey);
    const auto one = plugged(bytesOf(scratch_ / "parts.img"));
    EXPECT_EQ(read(kSlot), kStickKey) << table;
    bus_.pull(one);
  }
}

TEST_F(StickDiskTest, OtherSectorsAreRefused) {
  for (const std::uint32_t size : {0U, 1U, 520U, 1024U, 2048U, 8192U, 0xFFFFFFFFU}) {
    const auto one = plugged();
    one->units[0].claims = {2879, size};
    const auto got = open(kSlot);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::Unsupported);
    EXPECT_NE(got.error().what.find(std::to_string(size)), std::string::npos) << got.error().what;
    EXPECT_TRUE(one->asFound());
    bus_.pull(one);
  }
}

TEST_F(StickDiskTest, SizesThatCannotBeAreRefused) {
  for (const std::uint64_t last : {std::uint64_t{1} << 32U, UINT64_MAX, UINT64_MAX - 1}) {
    for (const std::uint32_t size : {512U, 4096U}) {
      const auto one = plugged();
      one->units[0].claims = {last, size};
      const auto got = open(kSlot);
      ASSERT_FALSE(got);
      EXPECT_EQ(got.error().code, Code::Unsupported) << got.error().what;
      bus_.pull(one);
    }
  }
}

// Larger than it is, up to what READ(10) can name: what lies behind its end is an error and nothing worse.
TEST_F(StickDiskTest, ALargerClaimIsBelievedUntilItIsRead) {
  const auto one = plugged();
  one->units[0].claims = {0xFFFFFFFF, 512};
  auto medium = open(kSlot);
  ASSERT_TRUE(medium) << medium.error().what;
  EXPECT_EQ((*medium)->info().size, (std::uint64_t{1} << 32U) * 512);
  auto text = (*medium)->readKeyFile(soon());
  ASSERT_TRUE(text) << text.error().what;
  medium = base::Error{};
  bus_.pull(one);
  const auto small = plugged();
  small->units[0].claims = {3, 512};
  EXPECT_NE(read(kSlot), kStickKey);
}

TEST_F(StickDiskTest, NoDiskIsRefused) {
  const auto one = plugged();
  for (const std::uint8_t type : {std::uint8_t{5}, std::uint8_t{0x1F}, std::uint8_t{0x60}}) {
    one->units[0].type = type;
    const auto got = open(kSlot);
    ASSERT_FALSE(got);
    EXPECT_TRUE(got.error().code == Code::Unsupported || got.error().code == Code::NotFound);
  }
}

TEST_F(StickDiskTest, WritesAndFlushes) {
  const auto one = plugged(std::string(4 * 1024 * 1024, '\0'));
  auto written = write(kSlot, kStickKey, hal::Overwrite::Empty);
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_GT(one->flushes(), 0U);
  EXPECT_EQ(read(kSlot), kStickKey);
  // Other tools read it.
  std::ofstream(scratch_ / "out.img", std::ios::binary) << one->disk();
  EXPECT_EQ(readKeyText(scratch_ / "out.img"), kStickKey);
}

TEST_F(StickDiskTest, AStickWithoutACacheIsWritten) {
  const auto one = plugged();
  one->units[0].knowsFlush = false;
  EXPECT_TRUE(write(kSlot, kStickKey, hal::Overwrite::Key));
}

TEST_F(StickDiskTest, WriteProtectionIsToldByEitherCommand) {
  for (const bool six : {true, false}) {
    const auto one = stick();
    one->kernelDriver = false;  // else its tables tell it before
    one->units[0].knowsModeSense6 = six;
    one->units[0].writeProtected = true;
    bus_.plug(one);
    const auto got = open(kSlot, hal::Access::Write);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().reason, Reason::MediumReadOnly);
    const auto medium = open(kSlot);
    ASSERT_TRUE(medium);
    EXPECT_TRUE((*medium)->info().writeProtected);
    EXPECT_TRUE(scan(all()).front().writeProtected);
    bus_.pull(one);
  }
}

TEST_F(StickDiskTest, ProtectionThatIsNotToldIsMetByTheWrite) {
  const auto one = stick();
  one->kernelDriver = false;
  one->units[0].knowsModeSense6 = one->units[0].knowsModeSense10 = false;
  one->units[0].writeProtected = true;
  bus_.plug(one);
  const auto written = write(kSlot, kStickKey, hal::Overwrite::Key);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().reason, Reason::MediumReadOnly);
  EXPECT_EQ(one->disk(), keyImage());
}

TEST_F(StickDiskTest, EveryFaultWhileWritingIsToldOrMended) {
  const auto first = plugged();
  auto medium = open(kSlot, hal::Access::Write);
  ASSERT_TRUE(medium);
  const unsigned before = first->transfers();
  ASSERT_TRUE((*medium)->writeKeyFile(base::asBytes(kStickKey), hal::Overwrite::Key, soon()));
  const unsigned transfers = first->transfers() - before;
  medium = base::Error{};
  bus_.pull(first);
  for (const Trouble trouble : {Trouble::Stall, Trouble::Short, Trouble::WrongTag, Trouble::PhaseError,
                                Trouble::FullResidue, Trouble::Yank, Trouble::Busy}) {
    for (unsigned at = 1; at <= transfers; at += 1 + transfers / 20) {
      const auto one = plugged();
      medium = open(kSlot, hal::Access::Write);
      ASSERT_TRUE(medium) << medium.error().what;
      one->plan(trouble, at);
      const auto written = (*medium)->writeKeyFile(base::asBytes(kStickKey), hal::Overwrite::Key, soon());
      medium = base::Error{};
      EXPECT_TRUE(one->asFound());
      one->plan(Trouble::None, 0);
      if (written) {
        EXPECT_EQ(read(kSlot), kStickKey) << int(trouble) << " at " << at;
      }
      bus_.pull(one);
    }
  }
}

// Any offset and length, of either sector size, against the same on plain memory.
TEST_F(StickDiskTest, AnyAlignment) {
  std::mt19937 dice(20);
  for (const std::uint32_t block : {512U, 4096U}) {
    std::string plain(256 * 1024, '\0');
    for (char& c : plain) c = static_cast<char>(dice());
    const auto one = stick(plain);
    one->units[0].blockSize = block;
    bus_.plug(one);
    auto port = bus_.port();
    const usb::Device device = port->list()->back();
    auto session = usb::Session::open(*port, device, usb::bulkInterfaces(device).front(), "usb:x");
    ASSERT_TRUE(session);
    auto disk = usb::startDisk(*std::move(session), 0, "usb:x", soon());
    ASSERT_TRUE(disk) << disk.error().what;
    EXPECT_EQ(disk->device->size(), plain.size());
    for (int i = 0; i < 60; ++i) {
      const std::size_t at = dice() % plain.size(),
                        size = dice() % std::min<std::size_t>(plain.size() - at, 80000);
      base::Bytes bytes(size);
      if (i % 2 == 0) {
        ASSERT_TRUE(disk->device->read(at, bytes, soon()));
        ASSERT_EQ(base::asText(bytes), plain.substr(at, size));
      } else {
        for (std::byte& b : bytes) b = static_cast<std::byte>(dice());
        ASSERT_TRUE(disk->device->write(at, bytes, soon()));
        plain.replace(at, size, base::asText(bytes));
      }
    }
    EXPECT_EQ(one->disk(), plain);
    base::Bytes two(2);
    for (const std::uint64_t at :
         {std::uint64_t{plain.size() - 1}, std::uint64_t{plain.size() + 1}, UINT64_MAX}) {
      const auto behind = disk->device->read(at, two, soon());
      ASSERT_FALSE(behind);
      EXPECT_EQ(behind.error().code, Code::Corrupt);
    }
    disk->device.reset();
    bus_.pull(one);
  }
}

}  // namespace
}  // namespace tests
