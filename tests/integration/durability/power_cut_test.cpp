// The power goes at a random moment, and with it all that was written and not yet synced: lost, in part, or
// torn. kill -9 spares the kernel's page cache, so it cannot show a missing sync; this does.
#include <sqlite3.h>

#include "tests/integration/durability/local_desk.h"
#include "tests/integration/durability/power_cut_fixture.h"

namespace tests {
namespace {

class PowerCutTest : public OnADiskThatLoses<TokenTest, Ledger> {
 protected:
  void serve() override {
    tokens = std::make_unique<kms::TokenService>(*vault, *store, clock, base::systemRng(), policy);
  }
  void endServices() override { tokens.reset(); }

  void load(unsigned steps) {
    LocalDesk desk(*tokens, *users);
    OnADiskThatLoses::load(desk, steps);
  }

  // Opens on what the disk holds and asks for everything.
  void expectSound(std::size_t recent) {
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().what;
    LocalDesk desk(*tokens, *users);
    for (Ledger& ledger : ledgers_) ledger.check(desk, recent);
    std::set<std::string> accessors;
    for (const Ledger& ledger : ledgers_) ledger.collectAccessors(accessors);
    EXPECT_EQ(integrity(), "ok");
  }

  std::string integrity() const {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open((scratch / "kms.db").c_str(), &db), SQLITE_OK);
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, nullptr);
    std::string said = "nothing";
    if (sqlite3_step(statement) == SQLITE_ROW)
      said = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return said;
  }
};

TEST_F(PowerCutTest, WhatWasAcknowledgedIsThereWhateverTheDiskLost) {
  const auto rounds = setting("KEYDISK_POWER_CUTS", 150, 30);
  std::uint64_t cuts = 0;
  std::uint64_t atStart = 0;
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    clock.advance(std::chrono::seconds(1));               // so that a renewal shows
    if (round % 4 == 3) disk_.cutAt(1 + random_() % 12);  // while it starts
    auto opened = open();
    if (opened) {
      if (round % 4 != 3) disk_.cutAt(1 + random_() % (round % 8 == 0 ? 3000 : 300));
      load(1 + static_cast<unsigned>(random_() % 150));  // some rounds end before, and are cut in closing
    } else {
      ASSERT_TRUE(disk_.isCut()) << opened.error().what;
      ++atStart;
    }
    close();
    cuts += disk_.isCut() ? 1 : 0;
    disk_.restore(static_cast<PowerCut::Unsynced>(round % 3), random_);
    expectSound(round + 1 == rounds ? SIZE_MAX : 100);
    close();
  }
  Ledger::Counts all;
  for (const Ledger& ledger : ledgers_) {
    all.issued += ledger.counts().issued;
    all.revoked += ledger.counts().revoked;
    all.renewed += ledger.counts().renewed;
  }
  std::cout << rounds << " rounds, " << cuts << " cuts, " << atStart << " of them while starting; "
            << all.issued << " tokens issued, " << all.revoked << " revoked, " << all.renewed << " renewals; "
            << disk_.lost() << " writes lost\n";
  EXPECT_GT(cuts, rounds / 3);
  EXPECT_GT(all.issued, rounds * 10);
  EXPECT_GT(disk_.lost(), rounds) << "nothing was at stake";
}

}  // namespace
}  // namespace tests
