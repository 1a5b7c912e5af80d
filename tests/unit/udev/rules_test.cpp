// The rules file against the drivers' tables, and tables that no rule can be made of.
#include "udev/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "drivers/builtin.h"
#include "hal/fat_format.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using ::testing::HasSubstr;

std::string fileText(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(UdevRules, TheFileSaysWhatTheDriversTablesSay) {
  const auto text = udev::rules(udev::sections());
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_EQ(fileText(KEYDISK_SOURCE_DIR "/udev/72-keydisk.rules"), *text)
      << "renew it: cmake --build " KEYDISK_BINARY_DIR " --target renew_udev_rules";
}

// A table that its driver's info does not name, or another one, would be two truths.
TEST(UdevRules, EachDriverNamesTheTableOfItsFolder) {
  std::size_t named = 0;
  for (const hal::DriverEntry& entry : drivers::builtin().drivers()) {
    if (entry.info->udev.empty()) continue;
    ++named;
    const auto sections = udev::sections();
    const auto found = std::find_if(sections.begin(), sections.end(), [&](const udev::Section& section) {
      return section.driver == entry.info->scheme;
    });
    ASSERT_NE(found, sections.end()) << entry.info->scheme;
    EXPECT_EQ(found->matches.data(), entry.info->udev.data()) << entry.info->scheme;
  }
  EXPECT_GE(named, 1U);
}

TEST(UdevRules, RefusesRowsThatNoRuleCanBeMadeOf) {
  constexpr hal::UdevTest kName[] = {{"KERNEL", "fd0"}};
  constexpr hal::UdevTest kQuoted[] = {{"KERNEL", "fd0\", RUN+=\"x"}};
  constexpr hal::UdevTest kTwoLines[] = {{"KERNEL\n", "fd0"}};
  constexpr hal::UdevTest kNothing[] = {{"ENV{X}", ""}};
  const hal::UdevMatch good{.what = "Drives.", .subsystem = "block", .tests = kName, .group = "kms"};
  const auto made = [](const hal::UdevMatch& match) {
    const udev::Section section{"floppy", "diskettes", {&match, 1}};
    return udev::rules({&section, 1});
  };
  ASSERT_TRUE(made(good));
  EXPECT_THAT(*made(good), HasSubstr("SUBSYSTEM==\"block\", KERNEL==\"fd0\", \\\n  GROUP=\"kms\""));
  for (const auto& spoil : std::initializer_list<void (*)(hal::UdevMatch&)>{
           [](hal::UdevMatch& m) { m.what = ""; },
           [](hal::UdevMatch& m) { m.what = "one\ntwo"; },
           [](hal::UdevMatch& m) { m.subsystem = ""; },
           [](hal::UdevMatch& m) { m.tests = {}; },
           [](hal::UdevMatch& m) { m.group = ""; },
           [](hal::UdevMatch& m) { m.group = "kms\""; },
           [](hal::UdevMatch& m) { m.link = "a\tb"; },
       }) {
    hal::UdevMatch bad = good;
    spoil(bad);
    EXPECT_FALSE(made(bad));
  }
  for (const auto& tests : {std::span(kQuoted), std::span(kTwoLines), std::span(kNothing)}) {
    hal::UdevMatch bad = good;
    bad.tests = tests;
    EXPECT_FALSE(made(bad));
  }
}

// What udev's builtin blkid will say of a disk that keydisk has formatted; the same library answers here.
TEST(UdevRules, AFormattedKeyDiskIsWhatTheRulesLookFor) {
  const std::string content = "[config]\r\n";
  auto head = hal::makeFatHead({.geometry = hal::kFloppy1440,
                                .serial = 0x1234ABCD,
                                .time = base::Time(std::chrono::seconds(1'700'000'000)),
                                .fileName = "KMSPWD.INI",
                                .content = base::asBytes(content)});
  ASSERT_TRUE(head) << head.error().what;
  const Scratch scratch;
  const std::filesystem::path image = scratch / "disk.img";
  std::ofstream(image, std::ios::binary) << base::asText(head->bytes());
  std::filesystem::resize_file(image, hal::kFloppy1440.size());
  const Ran ran = run({"/sbin/blkid", "-p", "-o", "udev", image.string()});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("ID_FS_LABEL=KMSKEY\n"));
  EXPECT_THAT(ran.out, HasSubstr("ID_FS_UUID_ENC=1234-ABCD\n"));
  EXPECT_THAT(ran.out, HasSubstr("ID_FS_TYPE=vfat\n"));
}

}  // namespace
}  // namespace tests
