// A real database and a medium that knows which state it saw: older copies of the data, a power cut between
// the two, and two copies that went their own ways.
#include <gtest/gtest.h>

#include "kms/audit/audit_log.h"
#include "kms/backup/acceptance.h"
#include "kms/tokens/token_sequence.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using kms::backup::kMediumSector;

class MediumState : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    fs::create_directory(scratch / "audit");
    end();
  }
  void TearDown() override { end(); }

  void end() {
    if (log) log->stop();
    log.reset();
    acceptance.reset();
    tokens.reset();
    users.reset();
    vault.reset();
    store.reset();
  }
  // Opens what is in the directory with a medium of these sectors, as kmsd does.
  base::Result<void> open(const base::Bytes& sectors, const std::string& acceptedBy = {}) {
    end();
    auto opened = kms::openSqliteStore(scratch / "kms.db");
    if (!opened) return std::move(opened).error();
    store = *std::move(opened);
    vault = std::make_unique<kms::Vault>(*store, server, base::systemRng(), clock);
    users = std::make_unique<kms::UserService>(*vault, *store, clock, policy);
    tokens = std::make_unique<kms::TokenService>(*vault, *store, clock, base::systemRng(), policy);
    kms::AuditOptions options;
    options.directory = scratch / "audit";
    options.server = server;
    log.emplace(*store, kms::auditMacOf(*vault), options, clock, kms::AuditEvents{});
    acceptance = std::make_shared<kms::backup::Acceptance>(*store, *vault, server, clock, scratch / "audit",
                                                           scratch / "restored");
    vault->attach(acceptance);
    acceptance->acceptOlder(acceptedBy);
    acceptance->mediumSays(sectors);
    auto copy = base::MasterKey::fromBytes(key->bytes());
    auto done = vault->unseal(kms::KeyOffer{*std::move(copy), std::nullopt, std::nullopt, "mock:test"});
    if (!done) return std::move(done).error();
    if (auto settled = acceptance->settle({}); !settled) return settled;
    return log->unsealed({});
  }
  // Writes the state onto the medium.
  void note(base::Bytes& sectors) {
    const auto writes = acceptance->mediumWrites(sectors, server);
    ASSERT_OK(writes);
    ASSERT_FALSE(writes->empty());
    for (const auto& write : *writes) {
      ASSERT_EQ(write.sector.size(), kMediumSector);
      std::ranges::copy(write.sector, sectors.begin() + write.which * kMediumSector);
    }
  }
  // A copy of all that kmsd keeps, file by file.
  void keep(const std::string& name) {
    if (log) log->sealing();
    end();
    fs::remove_all(scratch / name);
    fs::create_directory(scratch / name);
    for (const char* file : {"kms.db", "kms.db-wal", "kms.db-shm"})
      if (fs::exists(scratch / file)) fs::copy_file(scratch / file, scratch / name / file);
    fs::copy(scratch / "audit", scratch / name / "audit");
  }
  void bringBack(const std::string& name) {
    end();
    fs::remove_all(scratch / "audit");
    for (const char* file : {"kms.db", "kms.db-wal", "kms.db-shm"}) {
      fs::remove(scratch / file);
      if (fs::exists(scratch / name / file)) fs::copy_file(scratch / name / file, scratch / file);
    }
    fs::copy(scratch / name / "audit", scratch / "audit");
  }
  std::optional<kms::AuditLog> log;
  std::shared_ptr<kms::backup::Acceptance> acceptance;
  base::Bytes medium = base::Bytes(2 * kMediumSector);
};

TEST_F(MediumState, AnOlderCopyIsRefusedHoweverOftenItIsTried) {
  ASSERT_OK(open(medium));
  ASSERT_OK(addUser("alice"));
  note(medium);
  keep("old");
  for (int day = 0; day < 3; ++day) {
    ASSERT_OK(open(medium)) << day;
    note(medium);
    clock.advance(std::chrono::hours(24));
  }
  bringBack("old");
  for (int tries = 0; tries < 8; ++tries) {  // each begins a sealing epoch
    const auto why = open(medium);
    ASSERT_FALSE(why);
    EXPECT_REASON(why, base::Reason::BackupOlder);
    EXPECT_NE(why.error().what.find("older copy"), std::string::npos) << why.error().what;
  }
  ASSERT_OK(open(base::Bytes(2 * kMediumSector))) << "a medium that was never written says nothing";
}

TEST_F(MediumState, AcceptedItGoesOnAndTheMediumWithIt) {
  ASSERT_OK(open(medium));
  ASSERT_OK(addUser("alice"));
  auto pending = issue({"alice", kms::TokenKind::Enrol, {}, {}, {}});
  ASSERT_OK(pending);
  keep("old");
  ASSERT_OK(open(medium));
  note(medium);
  bringBack("old");
  EXPECT_FALSE(open(medium));
  ASSERT_OK(open(medium, "uid 0"));
  note(medium);
  EXPECT_FALSE(redeem("alice", kms::TokenKind::Enrol, base::view(pending->token))->active);
  auto next = issue({"alice", kms::TokenKind::Access, {}, {}, {}});
  ASSERT_OK(next);
  EXPECT_GE(*(*vault->hold())->sequenceOf(next->accessor), kms::backup::Acceptance::kTokenStep);
  keep("accepted");
  ASSERT_OK(open(medium)) << "from now on unasked";
}

TEST_F(MediumState, ACutBetweenDatabaseAndMediumIsNoOlderState) {
  ASSERT_OK(open(medium));
  note(medium);
  for (int cut = 0; cut < 4; ++cut) {
    keep("now");
    ASSERT_OK(open(medium)) << cut;  // and the power goes before the medium is written
  }
  note(medium);
  const base::Bytes before = medium;
  keep("now");
  ASSERT_OK(open(medium));
  // Or while it is: whatever of the sector has come to the disk, the other one is of a state that is known.
  const auto writes = acceptance->mediumWrites(medium, server);
  ASSERT_OK(writes);
  ASSERT_EQ(writes->size(), 1U);
  for (std::size_t at = 0; at <= kMediumSector; at += 64) {
    base::Bytes torn = before;
    std::copy_n(writes->front().sector.begin(), at, torn.begin() + writes->front().which * kMediumSector);
    keep("now");
    ASSERT_OK(open(torn)) << at;
  }
}

TEST_F(MediumState, ACopyThatWentItsOwnWayIsTold) {
  ASSERT_OK(open(medium));
  ASSERT_OK(addUser("alice"));
  keep("fork");
  ASSERT_OK(open(medium));
  note(medium);
  bringBack("fork");
  // It opens with a medium that knows nothing, again and again: its numbers are higher, its salts are others.
  for (int day = 0; day < 6; ++day) {
    keep("fork");
    ASSERT_OK(open(base::Bytes(2 * kMediumSector)));
  }
  keep("fork");
  EXPECT_REASON(open(medium), base::Reason::BackupOlder);
}

// The salt is no secret: whoever can write the data directory can bring it into an old copy.
TEST_F(MediumState, ASaltThatWasPutIntoAnOldCopyIsNotEnough) {
  ASSERT_OK(open(medium));
  ASSERT_OK(addUser("alice"));
  keep("old");
  ASSERT_OK(open(medium));
  ASSERT_OK(addUser("bob"));  // what is on record, and under a checkpoint, cannot be made up
  keep("between");
  ASSERT_OK(open(medium));
  note(medium);
  std::vector<base::Bytes> salts;
  const auto epochs = [&](auto each) {
    for (std::int64_t id = 1;; ++id) {
      std::optional<kms::EpochRow> row;
      ASSERT_OK(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
        row = *reader.epoch(id);
        return {};
      }));
      if (!row) return;
      each(*row);
    }
  };
  epochs([&](const kms::EpochRow& row) { salts.push_back(row.salt); });
  bringBack("old");
  auto opened = kms::openSqliteStore(scratch / "kms.db");
  ASSERT_OK(opened);
  store = *std::move(opened);
  std::size_t known = 0;
  epochs([&](const kms::EpochRow&) { ++known; });
  ASSERT_LT(known, salts.size());
  for (std::size_t i = known; i < salts.size(); ++i)
    ASSERT_OK(store->writeAndWait([&](kms::Txn& txn) -> base::Result<void> {
      auto added = txn.addEpoch(salts[i]);
      if (!added) return std::move(added).error();
      return {};
    }));
  EXPECT_REASON(open(medium), base::Reason::BackupOlder);
}

}  // namespace
}  // namespace tests
