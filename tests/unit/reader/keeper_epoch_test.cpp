// --medium-epoch in the keeper: what a medium says is given to the vault before its key, and the state is
// written behind it; whatever cannot be written opens all the same and is told.
#include "hal/epoch_file.h"
#include "tests/unit/reader/keeper_bench.h"

namespace tests {
namespace {

using base::Code;

base::Bytes filled(std::size_t size, char fill) { return base::Bytes(size, static_cast<std::byte>(fill)); }

class KeeperEpoch : public KeeperBench {
 protected:
  void begin(bool on = true) {
    options.reader.mediumEpoch = on;
    adapt = [this](kmsd::VaultPort& port) {
      port.mediumSays = [this](base::Bytes sectors) { said.push_back(std::move(sectors)); };
      port.mediumWrites = [this](base::BytesView sectors, const base::Uuid& medium)
          -> base::Result<std::vector<kms::backup::Acceptance::MediumWrite>> {
        EXPECT_TRUE(open.load()) << "the database first";
        EXPECT_EQ(medium, kMedium);
        EXPECT_EQ(sectors.size(), hal::kEpochFileSize);
        return std::vector<kms::backup::Acceptance::MediumWrite>{{1, filled(hal::kEpochSector, 'w')}};
      };
    };
    start();
  }
  std::string told() const { return keeper->status().mediumEpoch; }
  static bool holds(const std::string& text, const std::string& what) { return text.find(what) != text.npos; }

  std::vector<base::Bytes> said;  // on the keeper's thread, before the state is told
};

TEST_F(KeeperEpoch, AsksBeforeAndWritesBehind) {
  drives.insert("A", disk('k'));
  drives.setAside("A", filled(hal::kEpochFileSize, 'o'));
  begin();
  ASSERT_TRUE(awaitOpen());
  EXPECT_EQ(said, std::vector<base::Bytes>{filled(hal::kEpochFileSize, 'o')});
  const auto after = drives.sectors("A");
  EXPECT_EQ(base::Bytes(after.begin(), after.begin() + 512), filled(512, 'o'));
  EXPECT_EQ(base::Bytes(after.begin() + 512, after.end()), filled(512, 'w'));
  EXPECT_TRUE(holds(told(), "Written last: medium " + kMedium.text() + " (label) in mock:A")) << told();
}

TEST_F(KeeperEpoch, TheNewStampIsNoRemoval) {
  options.onRemoval = kmsd::OnRemoval::Seal;
  drives.insert("A", disk('k'));
  drives.setAside("A", filled(hal::kEpochFileSize, '\0'));
  begin();
  ASSERT_TRUE(awaitOpen());
  drives.tell();
  settle();
  EXPECT_FALSE(keeper->sealed());
  EXPECT_EQ(opened, 1);
  drives.restamp("A");  // this is one
  EXPECT_TRUE(await([&] { return opened >= 2; }));
}

TEST_F(KeeperEpoch, WithoutTheOptionNothingIsAskedOrWritten) {
  drives.insert("A", disk('k'));
  drives.setAside("A", filled(hal::kEpochFileSize, 'o'));
  begin(false);
  ASSERT_TRUE(awaitOpen());
  EXPECT_EQ(said, std::vector<base::Bytes>{base::Bytes()});
  EXPECT_EQ(drives.sectors("A"), filled(hal::kEpochFileSize, 'o'));
  EXPECT_EQ(told(), "");
}

TEST_F(KeeperEpoch, AMediumWithoutAPlaceOpensAndIsTold) {
  drives.insert("A", disk('k'));
  begin();
  ASSERT_TRUE(awaitOpen());
  EXPECT_TRUE(holds(told(), "Not noted on the medium in mock:A")) << told();
  EXPECT_TRUE(holds(told(), "No medium was written since the server started")) << told();
}

TEST_F(KeeperEpoch, OneThatCannotBeWrittenStillSays) {
  drives.insert("A", disk('k'));
  drives.setAside("A", filled(hal::kEpochFileSize, 'o'));
  drives.writeFails = base::Error{Code::Denied, "it is write-protected", base::Reason::MediumReadOnly};
  begin();
  ASSERT_TRUE(awaitOpen());
  EXPECT_EQ(said, std::vector<base::Bytes>{filled(hal::kEpochFileSize, 'o')});
  EXPECT_TRUE(holds(told(), "it is write-protected")) << told();
}

TEST_F(KeeperEpoch, TypedKeysAndSharesSayNothing) {
  sets.push_back({kSet, 2, 3, {}});
  drives.insert("A", shareDisk(1));
  drives.setAside("A", filled(hal::kEpochFileSize, 'o'));
  begin();
  ASSERT_TRUE(awaitReason(base::Reason::SharesNeeded));
  drives.insert("B", shareDisk(2));
  ASSERT_TRUE(awaitOpen());
  EXPECT_TRUE(holds(told(), "no medium opened the server alone")) << told();
  EXPECT_EQ(drives.sectors("A"), filled(hal::kEpochFileSize, 'o'));
  for (const auto& sectors : said) EXPECT_TRUE(sectors.empty());
}

}  // namespace
}  // namespace tests
