// What was done to the rows of certificates without the key is found by comparing them with the log.
#include "kms/pki/certificate_audit.h"

#include <thread>

#include "tests/unit/audit/compared_fixture.h"
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using kms::Table;
using pki::RevocationReason;

class CertificateAuditTest : public Compared<ServiceTest, pki::CertificateAudit> {
 protected:
  void SetUp() override {
    Compared::SetUp();
    ASSERT_OK(addUser("alice"));
    ASSERT_OK(addUser("b \"ob\\"));
    alices = enrolled("alice", newKey());
    bobs = enrolled("b \"ob\\", newKey());
    ASSERT_OK(encryptionPair(alices.serial));
  }
  std::int64_t sequenceOf(const pki::Serial& serial) {
    std::int64_t sequence = 0;
    const auto keys = vault->hold();
    EXPECT_OK(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      const auto row = pki::findCertificate(reader, **keys, serial);
      sequence = row && *row ? (*row)->sequence : 0;
      return {};
    }));
    EXPECT_NE(sequence, 0);
    return sequence;
  }

  pki::IssuedCertificate alices;
  pki::IssuedCertificate bobs;
};

TEST_F(CertificateAuditTest, SoundThroughAWholeLife) {
  expectSound();
  EXPECT_EQ(compare().certificates, 5) << "with those of the authority's signers";
  ASSERT_OK(revoke(issuer, alices.serial, RevocationReason::Hold));
  expectSound();
  ASSERT_OK(revoke(issuer, alices.serial, RevocationReason::RemoveFromCrl));
  expectSound();
  ASSERT_OK(revoke(issuer, alices.serial, RevocationReason::Hold));
  ASSERT_OK(revoke(issuer, alices.serial, RevocationReason::KeyCompromise));
  const auto rejected = enrol("alice", enrolToken("alice"), newKey());
  ASSERT_OK(rejected);
  ASSERT_OK(confirm(*rejected, false));
  const auto late = enrol("alice", enrolToken("alice"), newKey());
  ASSERT_OK(late);
  const auto implicit = enrol("b \"ob\\", enrolToken("b \"ob\\"), newKey(), pki::Confirm::Implicit);
  ASSERT_OK(implicit);
  expectSound();
  clock.advance(std::chrono::hours(2));
  tidyCertificates();
  expectSound();
  ASSERT_OK(renew(implicit->serial, newKey()));
  expectSound();
  clock.advance(pkiPolicy.life + policy.expiredKept);
  tidyCertificates();
  expectSound();
  EXPECT_TRUE(revocations().empty());
}

TEST_F(CertificateAuditTest, ADeletedCertificate) {
  const std::int64_t sequence = sequenceOf(bobs.serial);
  erase(Table::Certificates, sequence);
  expectProblem("certificate row " + std::to_string(sequence), "it is gone");
}

TEST_F(CertificateAuditTest, ACertificateThatTellsAStateFromBeforeItsRevocation) {
  const auto old = row(Table::Certificates, sequenceOf(alices.serial));
  ASSERT_OK(revoke(admin, alices.serial));
  expectSound();
  put(Table::Certificates, old);
  expectProblem(pki::serialText(alices.serial), "the log tells that it was revoked");
}

TEST_F(CertificateAuditTest, ACertificateThatTellsAStateFromBeforeItsHoldOrItsConfirmation) {
  const auto old = row(Table::Certificates, sequenceOf(alices.serial));
  ASSERT_OK(revoke(admin, alices.serial, RevocationReason::Hold));
  const auto held = row(Table::Certificates, sequenceOf(alices.serial));
  put(Table::Certificates, old);
  expectProblem(pki::serialText(alices.serial), "the log tells that it is held");
  put(Table::Certificates, held);
  ASSERT_OK(revoke(admin, alices.serial, RevocationReason::RemoveFromCrl));
  put(Table::Certificates, held);
  expectProblem(pki::serialText(alices.serial), "the row is held, and no entry");
  put(Table::Certificates, old);
  const auto fresh = enrol("alice", enrolToken("alice"), newKey());
  ASSERT_OK(fresh);
  const auto unconfirmed = row(Table::Certificates, sequenceOf(fresh->serial));
  ASSERT_OK(confirm(*fresh));
  expectSound();
  put(Table::Certificates, unconfirmed);
  expectProblem(pki::serialText(fresh->serial), "the log tells that it was confirmed");
}

TEST_F(CertificateAuditTest, ARevocationThatIsTakenOffTheList) {
  ASSERT_OK(revoke(admin, alices.serial));
  ASSERT_OK(revoke(admin, bobs.serial));
  const auto rows = revocations();
  ASSERT_EQ(rows.size(), 2U);
  const auto first = row(Table::Revocations, rows[0].revocation.key);
  erase(Table::Revocations, first.key);
  expectProblem(pki::serialText(alices.serial), "no CRL tells of it");
  put(Table::Revocations, first);
  expectSound();
  auto altered = first;
  altered.sealed[4] ^= std::byte{1};
  put(Table::Revocations, altered);
  expectProblem(pki::serialText(alices.serial), "altered");
}

TEST_F(CertificateAuditTest, AnAlteredRow) {
  const std::int64_t sequence = sequenceOf(bobs.serial);
  auto altered = row(Table::Certificates, sequence);
  altered.sealed[9] ^= std::byte{1};
  put(Table::Certificates, altered);
  expectProblem("certificate row " + std::to_string(sequence), "damaged");
}

TEST_F(CertificateAuditTest, EntriesTakenOutOfTheOutboxOrPutIntoIt) {
  expectSound();
  log->stop();
  const auto secret = issue(admin, "alice", pki::Profile::Client, newKey());
  ASSERT_OK(secret);
  ASSERT_OK(revoke(admin, bobs.serial));
  loseEntries();
  const auto report = compare();
  ASSERT_EQ(report.problemCount, 2);
  EXPECT_NE(report.problems[0].what.find("no entry of the log tells"), std::string::npos);
  const auto add = [&](const std::string& object) {
    ASSERT_OK(tamper([&](kms::Txn& txn) {
      return kms::record(txn, clock.now(), {kms::Event::CertificateIssued, "uid 0", object, "", "alice"});
    }));
  };
  add(pki::serialText(alices.serial));
  pki::Serial made = alices.serial;
  made[3] ^= std::byte{1};
  add(pki::serialText(made));
  add("no serial");
  EXPECT_GE(compare().problemCount, 5);
}

// Certificates come and go while the rows are compared: nothing of that is a problem.
TEST_F(CertificateAuditTest, AtWorkMeanwhile) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    const auto own = newKey();
    while (!stop) {
      const auto one = issue(admin, "alice", pki::Profile::Client, own);
      if (!one || !revoke(admin, one->serial, RevocationReason::Hold) ||
          !revoke(admin, one->serial, RevocationReason::RemoveFromCrl) || !revoke(admin, one->serial))
        ADD_FAILURE() << "the work failed";
    }
  });
  for (int i = 0; i < 5; ++i) expectSound();
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace tests
