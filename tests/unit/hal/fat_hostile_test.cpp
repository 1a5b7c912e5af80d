// What a stranger may plug in: broken, lying and looping volumes. Each is refused with a reason, none
// crashes.
#include <gtest/gtest.h>

#include <algorithm>

#include "hal/base/crc32.h"
#include "hal/fat_boot.h"
#include "hal/fat_directory.h"
#include "hal/key_file.h"
#include "tests/unit/hal/images.h"
#include "tests/unit/hal/memory_device.h"

namespace tests {
namespace {

constexpr std::size_t kFat1 = 512;
constexpr std::size_t kFat2 = 512 * 10;
constexpr std::size_t kRoot = 512 * 19;
constexpr std::size_t kEntry = kRoot + 32;  // behind the volume label

base::Bytes keyDisk() {
  MemoryDevice device(1474560);
  EXPECT_TRUE(hal::writeKeyDisk(device, base::asBytes(kHandTyped), hal::Overwrite::Empty, soon()));
  return device.content;
}

template <class Change>
base::Reason reasonAfter(Change change) {
  MemoryDevice device(keyDisk());
  change(device.content);
  return reasonOf(device);
}

void set16(base::Bytes& bytes, std::size_t at, unsigned value) {
  base::storeLe16(std::span(bytes).subspan(at), static_cast<std::uint16_t>(value));
}

TEST(FatHostile, EveryZeroedFieldOfTheBootSectorIsDamage) {
  for (const std::size_t field : {11U, 14U, 17U, 19U, 22U})
    EXPECT_EQ(reasonAfter([=](base::Bytes& b) { set16(b, field, 0); }), base::Reason::Damaged) << field;
  for (const std::size_t field : {13U, 16U, 21U})
    EXPECT_EQ(reasonAfter([=](base::Bytes& b) { b[field] = std::byte{0}; }), base::Reason::Damaged) << field;
  EXPECT_EQ(reasonAfter([](base::Bytes& b) { set16(b, 11, 513); }), base::Reason::Damaged);
  EXPECT_EQ(reasonAfter([](base::Bytes& b) { b[13] = std::byte{3}; }), base::Reason::Damaged);
  EXPECT_EQ(reasonAfter([](base::Bytes& b) { set16(b, 22, 1); }), base::Reason::Damaged);  // FAT too small
  EXPECT_EQ(reasonAfter([](base::Bytes& b) { set16(b, 14, 65535); }), base::Reason::Damaged);
  EXPECT_EQ(reasonAfter([](base::Bytes& b) { set16(b, 19, 2881); }), base::Reason::Damaged);  // past the end
}

TEST(FatHostile, ATruncatedImageIsDamaged) {
  for (const std::size_t size : {std::size_t{512}, std::size_t{4096}, kRoot, std::size_t{1474559}})
    EXPECT_EQ(reasonAfter([=](base::Bytes& b) { b.resize(size); }), base::Reason::Damaged) << size;
  EXPECT_EQ(reasonAfter([](base::Bytes& b) { b.resize(511); }), base::Reason::NotFat);
}

TEST(FatHostile, SizesThatLieAreDamage) {
  const auto sized = [](std::uint32_t size) {
    return reasonAfter([=](base::Bytes& b) { base::storeLe32(std::span(b).subspan(kEntry + 28), size); });
  };
  EXPECT_EQ(sized(0xFFFFFFFF), base::Reason::Damaged);
  EXPECT_EQ(sized(hal::kMaxKeyFile + 1), base::Reason::Damaged);
  EXPECT_EQ(sized(513), base::Reason::Damaged);  // its chain has one cluster
  EXPECT_EQ(sized(0), base::Reason::Damaged);
  EXPECT_EQ(sized(512), base::Reason::None);
}

TEST(FatHostile, BrokenChainsAreDamage) {
  const auto chained = [](unsigned first, unsigned entry) {
    return reasonAfter([=](base::Bytes& b) {
      set16(b, kEntry + 26, first);
      base::storeLe32(std::span(b).subspan(kEntry + 28), 1024);
      set16(b, kFat1 + 3, entry);  // of cluster 2
    });
  };
  EXPECT_EQ(chained(2, 0x003), base::Reason::Damaged);  // to a free cluster behind
  EXPECT_EQ(chained(2, 0x002), base::Reason::Damaged);  // to itself
  EXPECT_EQ(chained(2, 0x000), base::Reason::Damaged);  // free
  EXPECT_EQ(chained(2, 0x001), base::Reason::Damaged);  // reserved
  EXPECT_EQ(chained(2, 0xFF7), base::Reason::Damaged);  // bad
  EXPECT_EQ(chained(2, 2849), base::Reason::Damaged);   // one past the last cluster
  EXPECT_EQ(chained(0, 0xFFF), base::Reason::Damaged);
  EXPECT_EQ(chained(1, 0xFFF), base::Reason::Damaged);
  EXPECT_EQ(chained(65535, 0xFFF), base::Reason::Damaged);
}

TEST(FatHostile, ALoopingRootDirectoryEnds) {
  const Scratch scratch;
  Image image(scratch, 4 * 1024 * 1024);
  image.mkfs({"-F", "32", "-s", "1"});
  MemoryDevice device(image.bytes());
  const auto layout = hal::parseFatBoot(device.content, device.size());
  ASSERT_TRUE(layout);
  // The root's one cluster is full of deleted entries and leads to itself.
  const auto root = std::span(device.content).subspan(std::size_t(layout->clusterOffset(2)), 512);
  for (std::size_t at = 0; at < root.size(); at += 32) root[at] = std::byte{0xE5};
  for (unsigned fat = 0; fat < layout->fats; ++fat)
    base::storeLe32(
        std::span(device.content).subspan(std::size_t(layout->fatOffset + fat * layout->fatSize) + 8), 2);
  EXPECT_EQ(reasonOf(device), base::Reason::Damaged);
}

TEST(FatHostile, TheSecondFatServesWhereTheFirstCannotBeRead) {
  MemoryDevice device(keyDisk());
  device.unreadable = {{kFat1, kFat2}};
  EXPECT_EQ(readText(device), kHandTyped);
  device.unreadable = {{kFat1, kRoot}};
  const auto text = hal::readKeyDisk(device, soon());
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, base::Code::Io);
}

TEST(FatHostile, OrphanedAndForgedLongNamesAreIgnored) {
  std::array<std::byte, 32> piece{};
  const std::string_view name = "KMSPWD.INI";
  constexpr std::size_t kUnitAt[] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22};
  piece[0] = std::byte{0x41};
  piece[11] = std::byte{0x0F};
  for (std::size_t i = 0; i < name.size(); ++i) piece[kUnitAt[i]] = std::byte(name[i]);
  std::array<std::byte, 32> entry{};
  std::ranges::copy(base::asBytes("OTHER   TXT"), entry.begin());
  entry[11] = std::byte{0x20};
  const auto matches = [&](std::byte checksum, unsigned order, bool deletedBetween) {
    hal::DirectoryParser parser(name);
    piece[13] = checksum;
    piece[0] = static_cast<std::byte>(order);
    EXPECT_FALSE(parser.feed(piece));
    if (deletedBetween) {
      std::array<std::byte, 32> deleted{};
      deleted[0] = std::byte{0xE5};
      EXPECT_FALSE(parser.feed(deleted));
    }
    return parser.feed(entry)->matches;
  };
  const std::byte sum = hal::shortNameChecksum(std::span(entry).first<11>());
  EXPECT_TRUE(matches(sum, 0x41, false));
  EXPECT_FALSE(matches(sum ^ std::byte{1}, 0x41, false));  // belongs to another short name
  EXPECT_FALSE(matches(sum, 0x01, false));                 // does not begin with the last piece
  EXPECT_FALSE(matches(sum, 0x42, false));                 // the first piece is missing
  EXPECT_FALSE(matches(sum, 0x41, true));
}

TEST(FatHostile, NoMutationCrashesOrHangs) {
  const Scratch scratch;
  std::vector<base::Bytes> seeds = {keyDisk()};
  Image small(scratch, 256 * 1024, "32.img");
  seeds.push_back(small.mkfs({"-F", "32", "-s", "1"}).plant(kHandTyped).bytes());
  Image gpt(scratch, 512 * 1024, "gpt.img");
  tool({"sgdisk", "-n", "1:64:+300K", gpt.path()});
  seeds.push_back(gpt.mkfs({"-F", "12", "-s", "1"}, 64 * 512, 256).put("KMSPWD.INI", kHandTyped).bytes());
  Image mbr(scratch, 512 * 1024, "mbr.img");
  tool({"sfdisk", "-q", mbr.path()}, "label: dos\nstart=8,type=f\nstart=64,type=1\n");
  seeds.push_back(mbr.mkfs({"-F", "12", "-s", "1"}, 64 * 512, 128).put("KMSPWD.INI", kHandTyped).bytes());

  std::uint64_t state = 1;
  const auto next = [&state] {
    return (state = state * 6364136223846793005ULL + 1442695040888963407ULL) >> 24U;
  };
  int opened = 0;
  for (const base::Bytes& seed : seeds) {
    MemoryDevice device(seed);
    ASSERT_EQ(readText(device), kHandTyped);
    std::vector<std::size_t> used;  // bytes that mean something
    for (std::size_t i = 0; i < seed.size(); ++i) {
      if (seed[i] != std::byte{0} || i % 512 < 96) used.push_back(i);
    }
    for (int round = 0; round < 5000; ++round) {
      std::vector<std::size_t> places;
      for (std::uint64_t n = 1 + next() % 4; n > 0; --n) {
        // Mostly where the structures begin.
        const std::size_t most = next() % 4 == 0 ? used.size() : std::min<std::size_t>(used.size(), 700);
        places.push_back(used[next() % most]);
        device.content[places.back()] ^= static_cast<std::byte>(1U + next() % 255);
      }
      device.bytesRead = 0;
      if (hal::readKeyDisk(device, soon())) ++opened;
      EXPECT_LT(device.bytesRead, 16U << 20U);
      for (const std::size_t at : places) device.content[at] = seed[at];
    }
  }
  EXPECT_GT(opened, 1000);
  EXPECT_LT(opened, 20000);
}

}  // namespace
}  // namespace tests
