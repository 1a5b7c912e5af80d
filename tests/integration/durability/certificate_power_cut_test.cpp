// The power goes at a random moment while certificates are issued and revoked; see power_cut_test.cpp.
#include "tests/integration/durability/certificate_desks.h"
#include "tests/integration/durability/power_cut_fixture.h"

namespace tests {
namespace {

using kms::pki::serialText;

class CertificatesPowerCut : public OnADiskThatLoses<ServiceTest, CertificateLedger> {
 protected:
  void serve() override {
    authority = std::make_shared<pki::Authority>();
    vault->attach(authority);
    serveOver(*store);
  }
  void endServices() override {
    service.reset();
    tokens.reset();
  }

  void load(unsigned steps) {
    CertificateLocalDesk desk(*service, *tokens, *users);
    OnADiskThatLoses::load(desk, steps);
  }

  // Opens on what the disk holds and asks for everything; the rows of which lists are made must agree.
  void expectSound(std::size_t recent) {
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().what;
    CertificateLocalDesk desk(*service, *tokens, *users);
    for (auto& ledger : ledgers_) ledger.check(desk, recent);
    std::set<pki::Serial> serials;
    std::map<pki::Serial, bool> states;
    for (const auto& ledger : ledgers_) {
      ledger.collectSerials(serials);
      ledger.collectStates(states);
    }
    std::set<pki::Serial> listed;
    for (const pki::RevocationRow& row : revocations())
      EXPECT_TRUE(listed.insert(row.revocation.serial).second) << "a revocation has two rows";
    for (const auto& [serial, revoked] : states)
      EXPECT_EQ(listed.contains(serial), revoked) << serialText(serial);
  }
};

TEST_F(CertificatesPowerCut, WhatWasAcknowledgedIsThereWhateverTheDiskLost) {
  const auto rounds = setting("KEYDISK_POWER_CUTS", 100, 20);
  std::uint64_t cuts = 0;
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    clock.advance(std::chrono::seconds(1));
    if (round % 4 == 3) disk_.cutAt(1 + random_() % 12);  // while it starts
    auto opened = open();
    if (opened) {
      if (round % 4 != 3) disk_.cutAt(1 + random_() % (round % 8 == 0 ? 3000 : 300));
      load(1 + static_cast<unsigned>(random_() % 60));  // some rounds end before, and are cut in closing
    } else {
      ASSERT_TRUE(disk_.isCut()) << opened.error().what;
    }
    close();
    cuts += disk_.isCut() ? 1 : 0;
    disk_.restore(static_cast<PowerCut::Unsynced>(round % 3), random_);
    expectSound(round + 1 == rounds ? SIZE_MAX : 60);
    close();
  }
  CertificateLedger::Counts all;
  for (const auto& ledger : ledgers_) {
    all.issued += ledger.counts().issued + ledger.counts().enrolled;
    all.renewed += ledger.counts().renewed;
    all.revoked += ledger.counts().revoked;
  }
  std::cout << rounds << " rounds, " << cuts << " cuts; " << all.issued << " certificates issued, "
            << all.renewed << " renewed, " << all.revoked << " revoked; " << disk_.lost() << " writes lost\n";
  EXPECT_GT(cuts, rounds / 3);
  EXPECT_GT(all.issued, rounds * 2);
  EXPECT_GT(disk_.lost(), rounds) << "nothing was at stake";
}

}  // namespace
}  // namespace tests
