// KMSEPOCH.BIN: made with the disk, written in place, and nothing else of the disk with it.
#include <gtest/gtest.h>

#include "hal/epoch_file.h"
#include "hal/key_disk.h"
#include "hal/key_file.h"
#include "tests/unit/hal/images.h"
#include "tests/unit/hal/memory_device.h"

namespace tests {
namespace {

using base::Bytes;
using base::Code;

base::Bytes record(char fill) {
  std::string text(hal::kEpochSector, fill);
  text.replace(0, hal::kEpochMark.size(), hal::kEpochMark);
  const auto bytes = base::asBytes(text);
  return {bytes.begin(), bytes.end()};
}

std::string keyText() {
  std::string text(hal::kKeyFileSize, ';');
  return text.replace(0, std::string(kHandTyped).size(), kHandTyped);
}

MemoryDevice keyDisk(std::size_t size) {
  MemoryDevice device(size);
  const auto made = hal::writeKeyDisk(device, base::asBytes(keyText()), hal::Overwrite::Empty, soon());
  EXPECT_TRUE(made) << made.error().what;
  return device;
}

// The only piece of the disk where these two differ, in bytes.
std::pair<std::size_t, std::size_t> changed(const Bytes& a, const Bytes& b) {
  std::size_t first = a.size();
  std::size_t last = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    first = std::min(first, i);
    last = i;
  }
  return {first, last};
}

class EpochFile : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, EpochFile, ::testing::Values(737'280, 1'474'560, 2'949'120));

TEST_P(EpochFile, IsMadeWithTheDiskAndHoldsZeros) {
  MemoryDevice device = keyDisk(GetParam());
  const auto both = hal::readEpochFile(device, soon());
  ASSERT_TRUE(both) << both.error().what;
  EXPECT_EQ(*both, Bytes(hal::kEpochFileSize));
}

TEST_P(EpochFile, OnlyTheOneSectorIsWritten) {
  MemoryDevice device = keyDisk(GetParam());
  for (unsigned round = 0; round < 6; ++round) {
    const unsigned which = round % 2;
    const Bytes before = device.content;
    const auto sector = record(static_cast<char>('a' + round));
    const auto old = hal::readEpochFile(device, soon());
    device.writes = 0;
    ASSERT_TRUE(hal::writeEpochSector(device, which, sector, soon()));
    EXPECT_EQ(device.writes, 1U);
    const auto [first, last] = changed(before, device.content);
    EXPECT_EQ(first / hal::kEpochSector, last / hal::kEpochSector);
    const auto both = hal::readEpochFile(device, soon());
    ASSERT_TRUE(both);
    const auto at = [&](const Bytes& all, unsigned i) {
      return Bytes(all.begin() + i * 512, all.begin() + (i + 1) * 512);
    };
    EXPECT_EQ(at(*both, which), sector);
    EXPECT_EQ(at(*both, 1 - which), at(*old, 1 - which));
    EXPECT_EQ(readText(device), keyText());
  }
}

TEST_P(EpochFile, StaysWhereTheKeyIsWrittenAnew) {
  const auto server = *base::Uuid::parse("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0");
  const auto text = [&](char fill) {
    std::array<std::byte, base::MasterKey::kSize> key;
    key.fill(static_cast<std::byte>(fill));
    hal::KeyFile file{
        *base::MasterKey::fromBytes(key), hal::MediumIdentity{server, server, "x", {}}, false, {}};
    return std::string(hal::formatKeyFile(file)->text());
  };
  MemoryDevice device(GetParam());
  ASSERT_TRUE(hal::writeKeyDisk(device, base::asBytes(text('a')), hal::Overwrite::Empty, soon()));
  ASSERT_TRUE(hal::writeEpochSector(device, 1, record('r'), soon()));
  ASSERT_TRUE(hal::writeKeyDisk(device, base::asBytes(text('b')), hal::Overwrite::Key, soon()));
  const auto both = hal::readEpochFile(device, soon());
  ASSERT_TRUE(both);
  EXPECT_EQ(Bytes(both->begin() + 512, both->end()), record('r'));
}

TEST(EpochFileTools, OtherToolsSeeTheSameFile) {
  const Scratch scratch;
  Image image(scratch, 1'474'560);
  ASSERT_TRUE(hal::writeKeyDisk(*image.open(true), base::asBytes(keyText()), hal::Overwrite::Empty, soon()));
  ASSERT_TRUE(hal::writeEpochSector(*image.open(true), 0, record('a'), soon()));
  ASSERT_TRUE(hal::writeEpochSector(*image.open(true), 1, record('b'), soon()));
  const std::string seen = tool({"mtype", "-i", image.path(), "::KMSEPOCH.BIN"});
  EXPECT_EQ(seen, std::string(base::asText(record('a'))) + std::string(base::asText(record('b'))));
  EXPECT_EQ(run({"fsck.fat", "-n", "-V", image.path()}).exit, 0);
}

TEST(EpochFileTools, DisksWithoutItAreLeftAlone) {
  const Scratch scratch;
  Image image(scratch, 1'474'560);
  image.mkfs({"-F", "12"}).put("KMSPWD.INI", keyText());
  const Bytes before = image.bytes();
  EXPECT_EQ(hal::readEpochFile(*image.open(), soon()).error().code, Code::Unsupported);
  EXPECT_EQ(hal::writeEpochSector(*image.open(true), 0, record('a'), soon()).error().code, Code::Unsupported);
  EXPECT_EQ(image.bytes(), before);
  image.put("KMSEPOCH.BIN", std::string(512, '\0'));  // of another size
  EXPECT_EQ(hal::readEpochFile(*image.open(), soon()).error().code, Code::Unsupported);
}

TEST(EpochFileTools, OneInPiecesIsLeftAlone) {
  MemoryDevice device = keyDisk(1'474'560);
  // Its clusters are 3 and 4; the FAT (12 bits an entry, from sector 1) is made to say 3 and 5.
  const auto entry = std::span(device.content).subspan(512);
  ASSERT_EQ(base::loadLe16(entry.subspan(4)) >> 4U, 4U);
  base::storeLe16(entry.subspan(4),
                  static_cast<std::uint16_t>((base::loadLe16(entry.subspan(4)) & 0xFU) | 0x50U));
  base::storeLe16(entry.subspan(7),
                  static_cast<std::uint16_t>((base::loadLe16(entry.subspan(7)) & 0xFU) | 0xFFF0U));
  const Bytes before = device.content;
  EXPECT_EQ(hal::readEpochFile(device, soon()).error().code, Code::Unsupported);
  EXPECT_EQ(hal::writeEpochSector(device, 0, record('a'), soon()).error().code, Code::Unsupported);
  EXPECT_EQ(device.content, before);
}

TEST(EpochFileTools, WhatStandsThereButIsNoRecordStays) {
  const Scratch scratch;
  Image image(scratch, 1'474'560);
  image.mkfs({"-F", "12"}).put("KMSPWD.INI", keyText()).put("KMSEPOCH.BIN", std::string(1024, 'x'));
  const Bytes before = image.bytes();
  EXPECT_EQ(hal::writeEpochSector(*image.open(true), 0, record('a'), soon()).error().code, Code::Conflict);
  EXPECT_EQ(image.bytes(), before);
}

TEST(EpochFileTools, NeverTheKeysSector) {
  MemoryDevice device = keyDisk(1'474'560);
  // The entry of KMSEPOCH.BIN, third of the root directory, is turned to the key's cluster.
  const std::size_t entry = 19 * 512 + 2 * 32;
  ASSERT_EQ(std::string(base::asText(base::BytesView(device.content).subspan(entry, 8))), "KMSEPOCH");
  for (const unsigned cluster : {1U, 2U, 0xFF0U}) {
    device.content[entry + 26] = static_cast<std::byte>(cluster & 0xFFU);
    device.content[entry + 27] = static_cast<std::byte>(cluster >> 8U);
    const Bytes before = device.content;
    EXPECT_FALSE(hal::writeEpochSector(device, 0, record('a'), soon())) << cluster;
    EXPECT_EQ(device.content, before) << cluster;
  }
}

TEST(EpochFileTools, BadArgumentsAndBadMediaAreRefused) {
  MemoryDevice device = keyDisk(737'280);
  EXPECT_EQ(hal::writeEpochSector(device, 2, record('a'), soon()).error().code, Code::Invalid);
  EXPECT_EQ(hal::writeEpochSector(device, 0, Bytes(512), soon()).error().code, Code::Invalid);
  EXPECT_EQ(hal::writeEpochSector(device, 0, Bytes(511), soon()).error().code, Code::Invalid);
  device.forgetful = true;
  EXPECT_EQ(hal::writeEpochSector(device, 0, record('a'), soon()).error().code, Code::Io);
  device.forgetful = false;
  device.writesLeft = 0;
  EXPECT_EQ(hal::writeEpochSector(device, 0, record('a'), soon()).error().code, Code::Io);
  MemoryDevice empty(std::size_t{737'280});
  EXPECT_FALSE(hal::readEpochFile(empty, soon()));
}

}  // namespace
}  // namespace tests
