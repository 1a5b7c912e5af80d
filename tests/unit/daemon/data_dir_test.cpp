#include "daemon/data_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "daemon/slot_mirror.h"
#include "hal/base/rfc3339.h"
#include "hal/base/rng.h"
#include "tests/support/scratch.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/keys/worked_examples.h"

namespace kmsd {
namespace {

using ::testing::HasSubstr;

class DataDirTest : public ::testing::Test {
 protected:
  DataDirTest() {
    std::filesystem::create_directory(dir_.root());
    ::chmod(dir_.root().c_str(), 0700);
    std::filesystem::create_directory(dir_.security());
    ::chmod(dir_.security().c_str(), 0700);
    header_ = {base::Uuid::generate(base::systemRng()), "Acme, \"Süd\"",
               base::Time(std::chrono::seconds(1'700'000'000))};
    EXPECT_TRUE(dir_.writeHeader(header_));
    std::ofstream(dir_.database()) << "x";
    ::chmod(dir_.database().c_str(), 0600);
  }
  base::Error refused() {
    auto checked = dir_.check();
    if (checked) return {base::Code::Internal, "accepted"};
    return checked.error();
  }

  tests::Scratch scratch_;
  DataDir dir_{scratch_ / "D"};
  ServerHeader header_;
};

TEST_F(DataDirTest, ReadsTheHeaderItWrote) {
  ASSERT_TRUE(dir_.check());
  const auto header = dir_.header();
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_EQ(header->server, header_.server);
  EXPECT_EQ(header->organisation, header_.organisation);
  EXPECT_EQ(header->created, header_.created);
  struct stat found {};
  ASSERT_EQ(::lstat(dir_.headerFile().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600U);
}

TEST_F(DataDirTest, TheHeaderIsAsTheFormatSays) {
  tests::Example x = tests::workedExample("header");
  const ServerHeader header{*base::Uuid::parse(x["server"]),
                            x["organisation"],
                            *base::parseTime(x["created"]),
                            {tests::fromHex(x["slot header"])}};
  EXPECT_EQ(*formatServerHeader(header), x["line"] + "\n");
  const auto back = parseServerHeader(x["line"] + "\n");
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->slots, header.slots);
  EXPECT_EQ(back->organisation, header.organisation);
  EXPECT_EQ(mediaNames(*back), "medium 11111111-2222-4333-8444-555555555555 \"Safe 1\"");
}

TEST_F(DataDirTest, AHeaderOfBeforeIsRead) {
  tests::Example x = tests::workedExample("header without slots");
  const auto header = parseServerHeader(x["line"] + "\n");
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_EQ(header->server.text(), x["server"]);
  EXPECT_TRUE(header->slots.empty());
  EXPECT_EQ(mediaNames(*header), "a key medium of server " + x["server"]);
}

TEST_F(DataDirTest, SlotsThatAreNoneAreRefused) {
  header_.slots = {base::Bytes(103)};
  EXPECT_FALSE(parseServerHeader(*formatServerHeader(header_)));
  header_.slots.assign(kMaxSlots + 1, base::Bytes(104));
  EXPECT_FALSE(parseServerHeader(*formatServerHeader(header_)));
  header_.slots.pop_back();
  EXPECT_TRUE(parseServerHeader(*formatServerHeader(header_)));
}

TEST_F(DataDirTest, TheHeaderFollowsTheSlots) {
  const std::vector<kms::SlotRow> slots = {{1, base::Bytes(104, std::byte{1}), {}}, {2, base::Bytes(7), {}}};
  ASSERT_TRUE(mirrorSlots(dir_, header_, slots));
  EXPECT_EQ(dir_.header()->slots, std::vector<base::Bytes>{slots[0].header});  // no other size is known
  struct stat first {};
  ASSERT_EQ(::lstat(dir_.headerFile().c_str(), &first), 0);
  ASSERT_TRUE(mirrorSlots(dir_, header_, slots));
  struct stat second {};
  ASSERT_EQ(::lstat(dir_.headerFile().c_str(), &second), 0);
  EXPECT_EQ(first.st_ino, second.st_ino);  // what is right is not written again
}

TEST_F(DataDirTest, EveryChangedByteOfTheHeaderIsFound) {
  header_.slots = {base::Bytes(104, std::byte{1})};
  const std::string text = *formatServerHeader(header_);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(parseServerHeader(changed)) << i;
    EXPECT_FALSE(parseServerHeader(text.substr(0, i))) << i;
  }
  EXPECT_FALSE(parseServerHeader(text + "\n"));
}

TEST_F(DataDirTest, RefusesOrganisationsThatCannotStandInTheHeader) {
  for (const std::string& bad :
       {std::string("a\nserver=x"), std::string("\xff"), std::string(256, 'a'), std::string(1, '\0')})
    EXPECT_FALSE(formatServerHeader({header_.server, bad, header_.created}));
  EXPECT_TRUE(formatServerHeader({header_.server, std::string(255, 'a'), header_.created}));
}

TEST_F(DataDirTest, SaysThatADirectoryIsMissingOrNotOurs) {
  EXPECT_EQ(DataDir(scratch_ / "none").check().error().reason, base::Reason::DataDirectoryMissing);
  std::filesystem::create_directory(scratch_ / "other");
  EXPECT_EQ(DataDir(scratch_ / "other").check().error().reason, base::Reason::DataDirectoryNotOurs);
  EXPECT_EQ(DataDir(dir_.database()).check().error().reason, base::Reason::DataDirectoryNotOurs);
  std::filesystem::create_directory(scratch_ / "other" / "security");
  ::chmod((scratch_ / "other" / "security").c_str(), 0700);
  EXPECT_EQ(DataDir(scratch_ / "other").check().error().reason, base::Reason::DataDirectoryNotOurs);
}

TEST_F(DataDirTest, SaysTheCommandThatMendsOpenModes) {
  ::chmod(dir_.security().c_str(), 0750);
  EXPECT_EQ(refused().reason, base::Reason::DataDirectoryUnsafe);
  EXPECT_THAT(refused().what, HasSubstr("chmod 0700 " + dir_.security().string()));
  ::chmod(dir_.security().c_str(), 0700);
  ::chmod(dir_.headerFile().c_str(), 0644);
  EXPECT_THAT(refused().what, HasSubstr("chmod 0600 " + dir_.headerFile().string()));
  ::chmod(dir_.headerFile().c_str(), 0600);
  ::chmod(dir_.root().c_str(), 0770);
  EXPECT_THAT(refused().what, HasSubstr("chmod go-w " + dir_.root().string()));
}

TEST_F(DataDirTest, RefusesSymbolicLinks) {
  std::filesystem::create_symlink(dir_.root(), scratch_ / "link");
  EXPECT_EQ(DataDir(scratch_ / "link").check().error().reason, base::Reason::DataDirectoryUnsafe);
  std::filesystem::rename(dir_.database(), scratch_ / "kms.db");
  std::filesystem::create_symlink(scratch_ / "kms.db", dir_.database());
  EXPECT_EQ(refused().reason, base::Reason::DataDirectoryUnsafe);
}

TEST_F(DataDirTest, RefusesWhatBelongsToAnother) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  for (const auto& path : {dir_.root(), dir_.security(), dir_.headerFile(), dir_.database()})
    ASSERT_EQ(::chown(path.c_str(), 4711, 4711), 0);
  EXPECT_TRUE(dir_.check());  // root may
  ASSERT_EQ(::chown(dir_.database().c_str(), 4713, 4713), 0);
  EXPECT_THAT(refused().what, HasSubstr("chown 4711 " + dir_.database().string()));  // but not a third one's
  ASSERT_EQ(::chown(dir_.database().c_str(), 4711, 4711), 0);
  ::chmod(scratch_.path().c_str(), 0755);
  ASSERT_EQ(::seteuid(4712), 0);
  const auto theirs = dir_.check();
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(theirs);
  EXPECT_EQ(theirs.error().reason, base::Reason::DataDirectoryUnsafe);
  EXPECT_THAT(theirs.error().what, HasSubstr("chown 4712 " + dir_.root().string()));
}

TEST_F(DataDirTest, ADamagedOrMissingHeaderIsCorrupt) {
  std::ofstream(dir_.headerFile()) << "format=1\n";
  EXPECT_EQ(dir_.header().error().code, base::Code::Corrupt);
  std::filesystem::remove(dir_.headerFile());
  EXPECT_EQ(dir_.header().error().code, base::Code::Corrupt);
}

TEST_F(DataDirTest, OneLockADirectoryNamesItsHolder) {
  {
    auto first = dir_.lock();
    ASSERT_TRUE(first) << first.error().what;
    const auto second = dir_.lock();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::Code::Conflict);
    EXPECT_EQ(second.error().reason, base::Reason::LockHeld);
    EXPECT_THAT(second.error().what, HasSubstr("process " + std::to_string(::getpid())));
  }
  EXPECT_TRUE(dir_.lock());
  EXPECT_TRUE(dir_.check());
}

}  // namespace
}  // namespace kmsd
