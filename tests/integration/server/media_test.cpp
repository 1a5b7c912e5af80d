// Disks that others made open the server; wrong disks are each told apart, and the right one opens after any
// of them.
#include <gtest/gtest.h>

#include <fstream>

#include "hal/key_file.h"
#include "tests/support/disks.h"
#include "tests/support/server.h"

namespace tests {
namespace {

std::string text(const boost::json::object& from, const char* name) {
  const auto* member = from.if_contains(name);
  return member != nullptr && member->is_string() ? std::string(member->as_string()) : std::string();
}

// The key file of a disk whose [medium] is ours and whose key is not.
std::string withAnotherKey(const std::string& ours) {
  auto file = hal::parseKeyFile(base::asBytes(ours));
  EXPECT_TRUE(file);
  auto key = base::MasterKey::generate(base::systemRng());
  file->key = *std::move(key);
  const auto written = hal::formatKeyFile(*file);
  return std::string(written->text());
}

// "[config]" and the characters alone, as somebody would type them from a print.
std::string typedByHand(const std::string& ours) {
  std::string line = ours.substr(ours.find("pwd="), 4 + hal::kPwdLength);
  for (char& c : line) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return "[config]\n" + line + "\n";
}

class MadeByOthers : public ::testing::TestWithParam<std::string> {};

TEST_P(MadeByOthers, Opens) {
  Server server;
  server.setUp();
  const std::string key = readKeyText(server.safe() / "key.img");
  ASSERT_NE(key.find("pwd="), std::string::npos);
  const std::filesystem::path disk = server.safe() / "made.img";
  const std::string& kind = GetParam();
  if (kind == "mformat") makeDiskette(disk, key);
  if (kind == "mkfs12") makeFat(disk, 12, key);
  if (kind == "mkfs16") makeFat(disk, 16, key);
  if (kind == "mkfs32") makeFat(disk, 32, key);
  if (kind == "dos12") makePartitioned(disk, "dos", 12, key);
  if (kind == "dos16") makePartitioned(disk, "dos", 16, key);
  if (kind == "gpt16") makePartitioned(disk, "gpt", 16, key);
  if (kind == "gpt32") makePartitioned(disk, "gpt", 32, key);
  if (kind == "typed") makeDiskette(disk, typedByHand(key));
  server.insert("made.img");
  server.start();
  server.expectState("unsealed", "");
}

INSTANTIATE_TEST_SUITE_P(Disks, MadeByOthers,
                         ::testing::Values("mformat", "mkfs12", "mkfs16", "mkfs32", "dos12", "dos16", "gpt16",
                                           "gpt32", "typed"),
                         [](const auto& disk) { return disk.param; });

struct Wrong {
  std::string name;
  std::string reason;  // of the status
  std::string says;    // in its detail
};

class WrongDisk : public ::testing::TestWithParam<Wrong> {
 protected:
  void make(const std::filesystem::path& disk, const std::string& kind) {
    const std::string ours = readKeyText(server_.safe() / "key.img");
    if (kind == "foreign") {
      Server other;
      other.setUp();
      std::filesystem::copy_file(other.safe() / "key.img", disk);
    }
    if (kind == "damaged") {
      std::string bad = ours;
      char& digit = bad[bad.find("pwd=") + 6];
      digit = digit == '7' ? '8' : '7';
      makeDiskette(disk, bad);
    }
    if (kind == "blank") makeDiskette(disk, "");
    if (kind == "unformatted") makeZeros(disk, 1'474'560);
    if (kind == "not_fat") {
      makeZeros(disk, 4 << 20);
      ASSERT_EQ(run({"mkfs.ext4", "-q", "-F", disk.string()}).exit, 0);
    }
    if (kind == "key_mismatch") makeDiskette(disk, withAnotherKey(ours));
    if (kind == "truncated") {
      std::filesystem::copy_file(server_.safe() / "key.img", disk);
      std::filesystem::resize_file(disk, 700);
    }
  }
  Server server_;
};

TEST_P(WrongDisk, IsToldAndTheRightOneOpensAfterIt) {
  const Wrong& wrong = GetParam();
  server_.setUp();
  make(server_.safe() / "wrong.img", wrong.name);
  server_.insert("wrong.img");
  server_.start();
  server_.expectState("sealed", wrong.reason);
  const auto status = server_.status();
  EXPECT_NE(text(status, "detail").find(wrong.says), std::string::npos) << text(status, "detail");
  EXPECT_EQ(status.at("event").as_int64(), 5057);
  EXPECT_NE(server_.log().find("5057"), std::string::npos);
  server_.insert("key.img");  // beside the wrong one
  server_.expectState("unsealed", "");
}

INSTANTIATE_TEST_SUITE_P(Disks, WrongDisk,
                         ::testing::Values(Wrong{"foreign", "foreign", "belongs to server"},
                                           Wrong{"damaged", "damaged", "damaged"},
                                           Wrong{"blank", "blank", "KMSPWD.INI"},
                                           Wrong{"unformatted", "unformatted", "not formatted"},
                                           Wrong{"not_fat", "not_fat", "FAT"},
                                           Wrong{"key_mismatch", "key_mismatch", "does not open"},
                                           Wrong{"truncated", "damaged", ""}),
                         [](const auto& disk) { return disk.param.name; });

TEST(LoopDevice, OpensAsAFloppyAtADevicePath) {
  Server server;
  server.setUp();
  const Ran loop = run({"losetup", "-r", "-f", "--show", (server.safe() / "key.img").string()});
  if (loop.exit != 0) GTEST_SKIP() << "no loop device here: " << loop.err;
  const std::string device = loop.out.substr(0, loop.out.find('\n'));
  server.startWith({"--medium", "floppy:" + device});
  server.expectState("unsealed", "");
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(run({"losetup", "-d", device}).exit, 0);
}

TEST(Database, MissingOrCorruptRunsSealedWithEvent5085) {
  Server server;
  server.setUp();
  server.insert("key.img");
  const auto database = server.data() / "security" / "kms.db";
  std::filesystem::rename(database, server.safe() / "kms.db");
  server.start();
  server.expectState("sealed", "database_missing");
  EXPECT_EQ(server.status().at("event").as_int64(), 5085);
  EXPECT_EQ(server.stop(), 0);

  std::ofstream(database) << std::string(20000, 'x');
  std::filesystem::permissions(database, std::filesystem::perms(0600));
  server.start();
  server.expectState("sealed", "database_corrupt");
  EXPECT_EQ(server.status().at("event").as_int64(), 5085);
  EXPECT_EQ(server.ctl({"token", "list"}).exit, 3);
  EXPECT_EQ(server.stop(), 0);
}

}  // namespace
}  // namespace tests
