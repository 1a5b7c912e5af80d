// Key disks made with the tools that others use open, whatever FAT, cluster size or partition table they
// have.
#include <gtest/gtest.h>

#include <fstream>

#include "hal/key_file.h"
#include "tests/unit/hal/images.h"

namespace tests {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

struct Make {
  const char* name;
  std::uint64_t mib;
  std::vector<std::string> options;
};

void PrintTo(const Make& make, std::ostream* out) { *out << make.name; }

class MadeByMkfs : public ::testing::TestWithParam<Make> {};

TEST_P(MadeByMkfs, OpensWithNeighboursAroundIt) {
  const Scratch scratch;
  Image image(scratch, GetParam().mib * kMiB);
  image.mkfs(GetParam().options);
  image.put("A rather long name that stands before the key.text", std::string(5000, 'x'));
  image.put("kms.txt", "short")
      .put("deleted file with a long name", "y")
      .remove("deleted file with a long name");
  image.put("KMSPWD.INI", kHandTyped).put("later.txt", std::string(9000, 'z'));
  EXPECT_EQ(image.read(), kHandTyped);
}

const Make kMade[] = {
    {"fat12", 1, {"-F", "12"}},
    {"fat12_cluster_4k", 8, {"-F", "12", "-s", "8"}},
    {"fat12_sectors_4096", 8, {"-F", "12", "-S", "4096"}},
    {"fat12_one_fat", 1, {"-F", "12", "-f", "1"}},
    {"fat12_labelled", 1, {"-F", "12", "-n", "MY KEYS"}},
    {"fat16", 16, {"-F", "16"}},
    {"fat16_cluster_512", 16, {"-F", "16", "-s", "1"}},
    {"fat16_cluster_32k", 256, {"-F", "16", "-s", "64"}},
    {"fat16_sectors_1024", 32, {"-F", "16", "-S", "1024"}},
    {"fat16_sectors_4096", 64, {"-F", "16", "-S", "4096", "-s", "1"}},
    {"fat32", 64, {"-F", "32"}},
    {"fat32_cluster_4k", 300, {"-F", "32", "-s", "8"}},
    {"fat32_cluster_64k", 5000, {"-F", "32", "-s", "128"}},
    {"fat32_sectors_4096", 300, {"-F", "32", "-S", "4096"}},
    {"fat32_cluster_512k", 40000, {"-F", "32", "-S", "4096", "-s", "128"}},
};
INSTANTIATE_TEST_SUITE_P(Kinds, MadeByMkfs, ::testing::ValuesIn(kMade),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST(KeyDiskRead, OpensFloppiesOfMtools) {
  for (const char* kib : {"160", "180", "320", "360", "720", "1200", "1440", "2880"}) {
    const Scratch scratch;
    Image image(scratch, 0);
    tool({"mformat", "-C", "-f", kib, "-v", "KMSKEY", "-i", image.path(), "::"});
    image.put("KMSPWD.INI", kHandTyped);
    EXPECT_EQ(image.read(), kHandTyped) << kib;
  }
}

// Smaller than Microsoft's rule allows, but mkfs.fat makes them and Linux reads them.
TEST(KeyDiskRead, OpensASmallFat32) {
  for (const char* sectors : {"1", "8", "128"}) {
    const Scratch scratch;
    Image image(scratch, 16 * kMiB);
    image.mkfs({"-F", "32", "-s", sectors});
    EXPECT_EQ(reasonOf(*image.open()), base::Reason::Blank);
    image.plant(kHandTyped);
    EXPECT_EQ(image.read(), kHandTyped) << sectors;
  }
}

TEST(KeyDiskRead, FindsTheNameInAnyCaseShortOrLong) {
  for (const char* name : {"kmspwd.ini", "KmsPwd.Ini", "KMSPWD.INI"}) {
    const Scratch scratch;
    Image image(scratch, kMiB);
    image.mkfs({"-F", "12"}).put(name, kHandTyped);
    EXPECT_EQ(image.read(), kHandTyped) << name;
  }
  for (const char* name : {"KMSPWD.INI.txt", "KMSPWD.IN", "KMSPWD", "XKMSPWD.INI"}) {
    const Scratch scratch;
    Image image(scratch, kMiB);
    image.mkfs({"-F", "12"}).put(name, kHandTyped);
    EXPECT_EQ(reasonOf(*image.open()), base::Reason::Blank) << name;
  }
}

TEST(KeyDiskRead, AFileOfManyPiecesIsPutTogether) {
  const Scratch scratch;
  Image image(scratch, 64 * 1024);
  image.mkfs({"-F", "12", "-s", "1"});
  for (int i = 0; i < 60; ++i) image.put("f" + std::to_string(i), std::string(512, 'x'));
  for (int i = 1; i < 40; i += 2) image.remove("f" + std::to_string(i));
  image.put("fill", std::string(23 * 512, 'f'));  // what is left at the end
  std::string text = kHandTyped;
  while (text.size() < hal::kMaxKeyFile) text += ';' + std::to_string(text.size()) + '\n';
  text.resize(hal::kMaxKeyFile);
  image.put("KMSPWD.INI", text);
  EXPECT_EQ(image.read(), text);
}

TEST(KeyDiskRead, SearchesALongRootDirectoryOfFat32) {
  const Scratch scratch;
  Image image(scratch, 40 * kMiB);
  image.mkfs({"-F", "32", "-s", "1"});
  std::filesystem::create_directory(scratch / "many");
  std::vector<std::string> copy = {"mcopy", "-i", image.drive()};
  for (int i = 0; i < 300; ++i) {
    const auto path = scratch / ("many/a file with quite a long name, number " + std::to_string(i));
    std::ofstream(path) << i;
    copy.push_back(path);
  }
  copy.push_back("::");
  tool(copy);
  image.put("KMSPWD.INI", kHandTyped);
  EXPECT_EQ(image.read(), kHandTyped);
}

TEST(KeyDiskRead, OpensInsideAnMbr) {
  for (const char* table : {"start=2048,type=c", "start=2048,size=2048,type=83\nstart=8192,type=6",
                            "start=2048,type=f\nstart=4096,size=4096,type=83\nstart=10240,type=e"}) {
    const Scratch scratch;
    Image image(scratch, 24 * kMiB);
    tool({"sfdisk", "-q", image.path()}, std::string("label: dos\n") + table + "\n");
    const std::string text = table;
    const std::uint64_t start = text.find("10240") != std::string::npos  ? 10240U
                                : text.find("8192") != std::string::npos ? 8192U
                                                                         : 2048U;
    image.mkfs({"-F", "16", "-s", "1"}, start * 512, 12 * 1024).put("KMSPWD.INI", kHandTyped);
    EXPECT_EQ(image.read(), kHandTyped) << table;
  }
}

TEST(KeyDiskRead, OpensInsideAGptAndByItsCopy) {
  const Scratch scratch;
  Image image(scratch, 48 * kMiB);
  tool({"sgdisk", "-n", "1:2048:+2M", "-n", "2:8192:+40M", "-t", "2:0700", image.path()});
  image.mkfs({"-F", "32", "-s", "1"}, 8192 * 512, 40 * 1024).put("KMSPWD.INI", kHandTyped);
  EXPECT_EQ(image.read(), kHandTyped);
  for (const std::uint64_t damage :
       {std::uint64_t{512 + 40}, std::uint64_t{1024 + 130}}) {  // header, entries
    std::fstream file(image.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(damage)).put('!');
    file.close();
    EXPECT_EQ(image.read(), kHandTyped) << damage;
  }
  std::fstream file(image.path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(48 * kMiB - 512 + 40)).put('!');
  file.close();
  EXPECT_EQ(reasonOf(*image.open()), base::Reason::Damaged);
}

TEST(KeyDiskRead, TheFirstVolumeWithAKeyWinsElseTheMostTellingError) {
  const Scratch scratch;
  Image image(scratch, 24 * kMiB);
  tool({"sfdisk", "-q", image.path()}, "label: dos\nstart=2048,size=16384,type=6\nstart=20480,type=6\n");
  EXPECT_EQ(reasonOf(*image.open()), base::Reason::Unformatted);  // both partitions are
  image.mkfs({"-F", "16", "-s", "1"}, 2048 * 512, 8192).put("other.txt", "x");
  EXPECT_EQ(reasonOf(*image.open()), base::Reason::Blank);
  image.mkfs({"-F", "16", "-s", "1"}, 20480 * 512, 8192).put("KMSPWD.INI", kHandTyped);
  EXPECT_EQ(image.read(), kHandTyped);
}

TEST(KeyDiskRead, ReadsLittleOfALargeDevice) {
  const Scratch scratch;
  Image image(scratch, 16ULL * 1024 * kMiB);
  image.mkfs({"-F", "32"}).put("KMSPWD.INI", kHandTyped);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(image.read(), kHandTyped);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(KeyDiskRead, SaysWhatStandsThereInstead) {
  const Scratch scratch;
  Image image(scratch, 8 * kMiB);
  EXPECT_EQ(reasonOf(*image.open()), base::Reason::Unformatted);
  for (const char fill : {'\xF6', '\xFF'}) {
    std::ofstream(image.path()) << std::string(1474560, fill);
    EXPECT_EQ(reasonOf(*image.open()), base::Reason::Unformatted);
  }
  std::ofstream(image.path()) << std::string(1474560, 'A');
  EXPECT_EQ(reasonOf(*image.open()), base::Reason::NotFat);
  std::ofstream(image.path()).flush();
  EXPECT_EQ(reasonOf(*image.open()), base::Reason::Unformatted);
  std::ofstream(image.path()) << "ten bytes.";
  EXPECT_EQ(reasonOf(*image.open()), base::Reason::NotFat);
  const Scratch other;
  Image ext(other, 8 * kMiB);
  if (run({"mkfs.ext4", "-q", ext.path()}).exit != 0) GTEST_SKIP() << "mkfs.ext4 is not here";
  EXPECT_EQ(reasonOf(*ext.open()), base::Reason::NotFat);
  EXPECT_NE(ext.read().find("ext2/3/4"), std::string::npos) << ext.read();
}

TEST(KeyDiskRead, NamesForeignFileSystems) {
  const auto named = [](std::uint64_t at, std::string_view signature, std::string_view name) {
    const Scratch scratch;
    Image image(scratch, 4 * kMiB);
    std::fstream(image.path(), std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(at))
        .write(signature.data(), static_cast<std::streamsize>(signature.size()));
    const std::string said = image.read();
    return reasonOf(*image.open()) == base::Reason::NotFat && said.find(name) != std::string::npos;
  };
  EXPECT_TRUE(named(0, "\xEB\x52\x90NTFS    ", "NTFS"));
  EXPECT_TRUE(named(0,
                    "\xEB\x76\x90"
                    "EXFAT   ",
                    "exFAT"));
  EXPECT_TRUE(named(32769, "CD001", "ISO 9660"));
  EXPECT_TRUE(named(0, "XFSB", "XFS"));
}

TEST(KeyDiskRead, AnEmptyVolumeIsBlankAndSoIsAFolderOfThatName) {
  const Scratch scratch;
  Image image(scratch, kMiB);
  image.mkfs({"-F", "12", "-n", "KMSPWD  INI"});  // as the key file's entry
  EXPECT_EQ(reasonOf(*image.open()), base::Reason::Blank);
  tool({"mmd", "-i", image.path(), "::KMSPWD.INI"});
  EXPECT_EQ(reasonOf(*image.open()), base::Reason::Blank);
}

}  // namespace
}  // namespace tests
