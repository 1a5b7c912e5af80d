#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "hal/key_file.h"
#include "tests/unit/hal/images.h"
#include "tests/unit/hal/memory_device.h"

namespace tests {
namespace {

using hal::Overwrite;

constexpr std::size_t kFloppy = 1474560;

base::Result<void> write(hal::BlockDevice& device, Overwrite consent, std::string_view text = kHandTyped) {
  return hal::writeKeyDisk(device, base::asBytes(text), consent, soon());
}

// The reason of a refused write; None where it was done. A refusal must have written nothing.
base::Reason refusal(MemoryDevice& device, Overwrite consent) {
  const std::size_t before = device.writes;
  const auto done = write(device, consent);
  if (done) return base::Reason::None;
  EXPECT_EQ(device.writes, before) << done.error().what;
  return done.error().reason;
}

TEST(KeyDiskWrite, OtherToolsReadWhatItMakes) {
  for (const std::uint64_t size : {std::uint64_t{737280}, std::uint64_t{kFloppy}}) {
    const Scratch scratch;
    Image image(scratch, size);
    std::string text(hal::kKeyFileSize, '.');
    text.replace(0, std::string(kHandTyped).size(), kHandTyped);
    ASSERT_TRUE(write(*image.open(true), Overwrite::Empty, text));
    EXPECT_EQ(image.read(), text);
    EXPECT_EQ(tool({"mtype", "-i", image.path(), "::KMSPWD.INI"}), text);
    const std::string listing = run({"mdir", "-i", image.path(), "::"}).out;
    EXPECT_NE(listing.find("KMSKEY"), std::string::npos) << listing;
    EXPECT_NE(listing.find("KMSPWD   INI"), std::string::npos) << listing;
    EXPECT_NE(listing.find("KMSEPOCH BIN      1024"), std::string::npos) << listing;
    EXPECT_NE(listing.find("2 files"), std::string::npos) << listing;
    const Ran checked = run({"fsck.fat", "-n", "-V", image.path()});
    EXPECT_EQ(checked.exit, 0) << checked.out << checked.err;
    const Ran named = run({"file", image.path()});
    EXPECT_TRUE(named.exit == 127 || named.out.find("KMSKEY") != std::string::npos) << named.out;
    // mtools can go on writing it.
    image.put("second.txt", std::string(3000, 'x'));
    EXPECT_EQ(run({"fsck.fat", "-n", image.path()}).exit, 0);
    EXPECT_EQ(image.read(), text);
  }
}

TEST(KeyDiskWrite, EverySizeOfKeyFileFits) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{512}, std::size_t{513},
                                 std::size_t{1024}, std::size_t{4095}, hal::kMaxKeyFile}) {
    for (const std::size_t disk : {std::size_t{737280}, kFloppy}) {
      MemoryDevice device(disk);
      ASSERT_TRUE(write(device, Overwrite::Empty, std::string(size, ';'))) << size;
      EXPECT_EQ(readText(device), std::string(size, ';'));
    }
  }
  MemoryDevice device(kFloppy);
  EXPECT_EQ(write(device, Overwrite::Empty, std::string(hal::kMaxKeyFile + 1, ';')).error().code,
            base::Code::Invalid);
}

TEST(KeyDiskWrite, TooSmallIsRefused) {
  MemoryDevice device(737279);
  EXPECT_EQ(refusal(device, Overwrite::Key), base::Reason::MediumTooSmall);
}

TEST(KeyDiskWrite, ConsentIsCheckedBeforeAnythingIsWritten) {
  MemoryDevice device(kFloppy);
  ASSERT_TRUE(write(device, Overwrite::Empty));
  EXPECT_EQ(refusal(device, Overwrite::Empty), base::Reason::MediumHoldsKey);
  EXPECT_EQ(refusal(device, Overwrite::Files), base::Reason::MediumHoldsKey);
  EXPECT_EQ(readText(device), kHandTyped);
  EXPECT_EQ(refusal(device, Overwrite::Key), base::Reason::None);

  base::storeLe32(std::span(device.content).subspan(512 * 19 + 32 + 28), 99999);  // a damaged key file
  EXPECT_EQ(refusal(device, Overwrite::Files), base::Reason::MediumHoldsKey);
  EXPECT_EQ(refusal(device, Overwrite::Key), base::Reason::None);

  std::ranges::fill(device.content, std::byte{'A'});
  EXPECT_EQ(refusal(device, Overwrite::Empty), base::Reason::MediumHoldsFiles);
  EXPECT_EQ(refusal(device, Overwrite::Files), base::Reason::None);

  device.unreadable = {{0, 512}};
  EXPECT_EQ(write(device, Overwrite::Empty).error().code, base::Code::Io);
}

TEST(KeyDiskWrite, ZerosAtTheStartDoNotMakeADiskEmpty) {
  MemoryDevice device(kFloppy);
  device.content[100000] = std::byte{1};
  EXPECT_EQ(refusal(device, Overwrite::Empty), base::Reason::MediumHoldsFiles);
  device.content[100000] = std::byte{0};
  device.content[kFloppy - 1] = std::byte{1};
  EXPECT_EQ(refusal(device, Overwrite::Empty), base::Reason::MediumHoldsFiles);
  std::ranges::fill(device.content, std::byte{0xF6});
  EXPECT_EQ(refusal(device, Overwrite::Empty), base::Reason::None);
}

TEST(KeyDiskWrite, FatIsEmptyOnlyWithoutFiles) {
  const Scratch scratch;
  Image image(scratch, 1440 * 1024);
  image.mkfs({"-F", "12", "-n", "LABEL"}).put("gone.txt", "x").remove("gone.txt");
  MemoryDevice empty(image.bytes());
  EXPECT_EQ(refusal(empty, Overwrite::Empty), base::Reason::None);
  tool({"mmd", "-i", image.path(), "::folder"});
  MemoryDevice used(image.bytes());
  EXPECT_EQ(refusal(used, Overwrite::Empty), base::Reason::MediumHoldsFiles);

  Image stick(scratch, 24 * 1024 * 1024, "stick.img");
  tool({"sfdisk", "-q", stick.path()}, "label: dos\nstart=2048,type=6\n");
  stick.mkfs({"-F", "16", "-s", "1"}, 2048 * 512, 20000);
  MemoryDevice fresh(stick.bytes());
  EXPECT_EQ(refusal(fresh, Overwrite::Empty), base::Reason::None);
  stick.put("KMSPWD.INI", "damaged");
  MemoryDevice held(stick.bytes());
  EXPECT_EQ(refusal(held, Overwrite::Files), base::Reason::MediumHoldsKey);
}

TEST(KeyDiskWrite, NoStaleTableOrKeyIsLeftOnALargerMedium) {
  const Scratch scratch;
  Image image(scratch, 32 * 1024 * 1024);
  tool({"sgdisk", "-n", "1:2048:0", image.path()});
  ASSERT_TRUE(write(*image.open(true), Overwrite::Files));
  EXPECT_EQ(image.read(), kHandTyped);
  const base::Bytes bytes = image.bytes();
  EXPECT_EQ(base::asText(bytes).find("EFI PART"), std::string_view::npos);
  const Ran checked = run({"fsck.fat", "-n", image.path()});
  EXPECT_EQ(checked.exit, 0) << checked.out << checked.err;
}

TEST(KeyDiskWrite, ANewKeyErasesTheOldOneWhereverItStood) {
  const Scratch scratch;
  Image image(scratch, kFloppy);
  image.mkfs({"-F", "12"}).put("before", std::string(200000, 'x')).put("KMSPWD.INI", kHandTyped);
  const std::string other = "[config]\npwd=new\n";
  ASSERT_TRUE(write(*image.open(true), Overwrite::Key, other));
  const base::Bytes bytes = image.bytes();
  EXPECT_EQ(base::asText(bytes).find("0123456789ABC"), std::string_view::npos);
  EXPECT_EQ(image.read(), other);
}

TEST(KeyDiskWrite, AnOldKeyBeyondTheNewVolumeIsErased) {
  const Scratch scratch;
  Image stick(scratch, 24 * 1024 * 1024);
  tool({"sfdisk", "-q", stick.path()}, "label: dos\nstart=20480,type=6\n");
  stick.mkfs({"-F", "16", "-s", "1"}, 20480 * 512, 10000).put("KMSPWD.INI", kHandTyped);
  ASSERT_TRUE(write(*stick.open(true), Overwrite::Key, "[config]\npwd=new\n"));
  const base::Bytes bytes = stick.bytes();
  EXPECT_EQ(base::asText(bytes).find("0123456789ABC"), std::string_view::npos);
}

TEST(KeyDiskWrite, APowerCutLeavesNothingThatLooksGoodButIsNot) {
  MemoryDevice whole(4U << 20U);
  ASSERT_TRUE(write(whole, Overwrite::Empty));
  ASSERT_TRUE(write(whole, Overwrite::Key, "[config]\npwd=new\n"));
  const std::size_t writes = whole.writes / 2;
  for (std::size_t cut = 0; cut < writes; ++cut) {
    MemoryDevice device(4U << 20U);
    ASSERT_TRUE(write(device, Overwrite::Empty));
    device.writesLeft = cut;
    EXPECT_FALSE(write(device, Overwrite::Key, "[config]\npwd=new\n"));
    if (cut == 0) {
      EXPECT_EQ(readText(device), kHandTyped);
    } else {
      EXPECT_EQ(reasonOf(device), base::Reason::NotFat) << cut;
    }
  }
}

// The text of a new key file of this server.
std::string keyText(const base::Uuid& server) {
  hal::KeyFile file{*base::MasterKey::generate(base::systemRng()),
                    hal::MediumIdentity{server, base::Uuid::generate(base::systemRng()), "Safe 1",
                                        base::systemClock().now()},
                    false,
                    {}};
  return std::string(hal::formatKeyFile(file)->text());
}

TEST(KeyDiskWrite, AnotherKeyOfTheSameServerTakesOneSector) {
  const auto server = base::Uuid::generate(base::systemRng());
  const std::string before = keyText(server);
  const std::string after = keyText(server);
  MemoryDevice device(kFloppy);
  ASSERT_TRUE(write(device, Overwrite::Empty, before));
  const base::Bytes whole = device.content;
  device.writesLeft = 0;
  EXPECT_FALSE(write(device, Overwrite::Key, after));
  EXPECT_EQ(readText(device), before);
  device.writesLeft = 1;
  ASSERT_TRUE(write(device, Overwrite::Key, after));
  EXPECT_EQ(readText(device), after);
  EXPECT_EQ(base::asText(device.content).find(before.substr(0, 64)), std::string_view::npos);
  std::size_t differ = 0;
  for (std::size_t at = 0; at < whole.size(); at += 512)
    differ += std::ranges::equal(base::BytesView(whole).subspan(at, 512),
                                 base::BytesView(device.content).subspan(at, 512))
                  ? 0
                  : 1;
  EXPECT_EQ(differ, 1U);
}

TEST(KeyDiskWrite, AKeyOfAnotherServerTakesTheWholeVolume) {
  MemoryDevice device(kFloppy);
  ASSERT_TRUE(write(device, Overwrite::Empty, keyText(base::Uuid::generate(base::systemRng()))));
  const std::string after = keyText(base::Uuid::generate(base::systemRng()));
  const std::size_t writes = device.writes;
  ASSERT_TRUE(write(device, Overwrite::Key, after));
  EXPECT_GT(device.writes, writes + 1);
  EXPECT_EQ(readText(device), after);
}

TEST(KeyDiskWrite, ADiskThatForgetsTheSectorIsFound) {
  const auto server = base::Uuid::generate(base::systemRng());
  MemoryDevice device(kFloppy);
  ASSERT_TRUE(write(device, Overwrite::Empty, keyText(server)));
  device.forgetful = true;
  const auto done = write(device, Overwrite::Key, keyText(server));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, base::Code::Io);
}

TEST(KeyDiskWrite, AMediumThatForgetsIsFound) {
  MemoryDevice device(kFloppy);
  device.forgetful = true;
  const auto done = write(device, Overwrite::Empty);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, base::Code::Io);
  device.forgetful = false;
  ASSERT_TRUE(write(device, Overwrite::Empty));
  device.forgetful = true;  // the old volume reads well, with another key
  EXPECT_FALSE(write(device, Overwrite::Key, "[config]\npwd=new\n"));
}

TEST(KeyDiskWrite, AnExpiredDeadlineIsATimeout) {
  MemoryDevice device(kFloppy);
  const auto past = base::Deadline::in(std::chrono::milliseconds(-1));
  EXPECT_EQ(hal::writeKeyDisk(device, {}, Overwrite::Empty, past).error().code, base::Code::Timeout);
  EXPECT_EQ(hal::readKeyDisk(device, past).error().code, base::Code::Timeout);
}

}  // namespace
}  // namespace tests
