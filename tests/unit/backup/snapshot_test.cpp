// A snapshot of a real database while others write to it, and what opens after it was brought back.
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "kms/audit/audit_log.h"
#include "kms/backup/acceptance.h"
#include "kms/backup/restored.h"
#include "kms/backup/signer.h"
#include "kms/backup/snapshot.h"
#include "kms/keys/keyring.h"
#include "kms/pki/certificate_sequence.h"
#include "kms/pki/crl_publisher.h"
#include "kms/pki/ocsp_stock.h"
#include "kms/tokens/token_sequence.h"
#include "tests/unit/backup/made_backup.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {
namespace {

using kms::backup::Header;
using kms::backup::Kind;
using kms::backup::Snapshot;

// A server with an audit log on disk, as kmsd has it.
class SnapshotTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    std::filesystem::create_directory(scratch / "audit");
    startLog();
  }
  void TearDown() override { log.reset(); }

  void startLog() {
    kms::AuditOptions options;
    options.directory = scratch / "audit";
    options.server = server;
    log.emplace(*store, kms::auditMacOf(*vault), options, clock, kms::AuditEvents{});
  }
  base::Result<std::unique_ptr<Snapshot>> snapshot(Kind kind) {
    const kms::backup::Subject subject{server, "Example", clock.now(), scratch / "audit",
                                       scratch / "spool.db"};
    const kms::backup::Sign sign = [this](base::BytesView message) -> base::Result<kms::backup::Hash> {
      return (*vault->hold())->backupMac(message);
    };
    return Snapshot::take(*store, subject, kind, clock.now(), sign, never);
  }
  base::Bytes backup(Kind kind) {
    auto made = snapshot(kind);
    EXPECT_OK(made);
    return made ? readAll((*made)->source(), 100'000) : base::Bytes();
  }
  // Ends the server, puts what is in the backup into its place and starts it sealed.
  void bringBack(const base::Bytes& bytes) {
    log->stop();
    log.reset();
    tokens.reset();
    users.reset();
    vault.reset();
    store.reset();
    std::filesystem::remove_all(scratch / "audit");
    for (const char* name : {"kms.db", "kms.db-wal", "kms.db-shm"}) std::filesystem::remove(scratch / name);
    std::filesystem::create_directory(scratch / "audit");
    kms::backup::Check check({[this](const Header& header) -> base::Result<void> {
                                writeFile(scratch / "restored", *encodeHeader(header));
                                return {};
                              },
                              [this](const kms::backup::ChunkHead& head, base::BytesView data) {
                                const auto file = head.part == kms::backup::Part::Database
                                                      ? scratch / "kms.db"
                                                      : scratch / "audit/000001.jsonl";
                                std::ofstream(file, std::ios::binary | std::ios::app) << base::asText(data);
                                return base::Result<void>();
                              }});
    ASSERT_OK(check.feed(bytes));
    ASSERT_OK(check.finish());
    std::filesystem::permissions(scratch / "kms.db", std::filesystem::perms(0600));
    auto opened = kms::openSqliteStore(scratch / "kms.db");
    ASSERT_OK(opened);
    store = *std::move(opened);
    vault = std::make_unique<kms::Vault>(*store, server, base::systemRng());
    users = std::make_unique<kms::UserService>(*vault, *store, clock, policy);
    tokens = std::make_unique<kms::TokenService>(*vault, *store, clock, base::systemRng(), policy);
    startLog();
    unseal();
  }
  base::Result<void> accept(const std::string& by) {
    auto acceptance = std::make_shared<kms::backup::Acceptance>(*store, *vault, server, clock,
                                                                scratch / "audit", scratch / "restored");
    acceptance->acceptOlder(by);
    vault->seal();
    vault->attach(acceptance);
    auto copy = base::MasterKey::fromBytes(key->bytes());
    auto opened = vault->unseal(kms::KeyOffer{*std::move(copy), std::nullopt, std::nullopt, "mock:test"});
    if (!opened) {
      acceptance.reset();
      unseal();  // without it
      return std::move(opened).error();
    }
    return acceptance->settle({});
  }
  std::int64_t number(std::string_view name) {
    std::int64_t value = 0;
    EXPECT_OK(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      value = reader.number(name)->value_or(0);
      return {};
    }));
    return value;
  }
  // What it opens the log with.
  base::Result<void> openLog() { return log->unsealed({}); }

  std::optional<kms::AuditLog> log;
  const std::atomic<bool> never = false;
};

TEST_F(SnapshotTest, HoldsWhatWasCommittedAndNothingLater) {
  ASSERT_OK(openLog());
  ASSERT_OK(addUser("alice"));
  auto token = issue({"alice", kms::TokenKind::Access, {}, {}, {}});
  ASSERT_OK(token);
  ASSERT_OK(log->flush(base::Deadline::in(std::chrono::seconds(10))));
  auto made = snapshot(Kind::Live);
  ASSERT_OK(made);
  EXPECT_EQ((*made)->source().header().users, 1U);
  EXPECT_EQ((*made)->source().header().tokens, 1U);
  EXPECT_GT((*made)->source().header().entries, 0U);
  ASSERT_OK(addUser("bob"));
  const auto bytes = readAll((*made)->source(), 4096);
  made->reset();
  EXPECT_FALSE(std::filesystem::exists(scratch / "spool.db"));
  bringBack(bytes);
  ASSERT_OK(accept("uid 0"));
  ASSERT_OK(openLog());
  EXPECT_TRUE(verify(base::view(token->token))->active);
  auto bob = addUser("bob");
  EXPECT_OK(bob);  // he was not there
}

TEST_F(SnapshotTest, OlderStateOpensOnlyWhenAccepted) {
  ASSERT_OK(openLog());
  ASSERT_OK(addUser("alice"));
  auto pending = issue({"alice", kms::TokenKind::Enrol, {}, {}, {}});
  ASSERT_OK(pending);
  ASSERT_OK(log->flush(base::Deadline::in(std::chrono::seconds(10))));
  const std::int64_t sequence = number(kms::TokenSequence::kReserved);
  bringBack(backup(Kind::Live));
  clock.advance(std::chrono::hours(75));
  auto refused = accept("");
  EXPECT_REASON(refused, base::Reason::BackupOlder);
  EXPECT_NE(refused.error().what.find("3 days"), std::string::npos) << refused.error().what;
  EXPECT_REASON(openLog(), base::Reason::AuditBroken);  // the note is under the mark
  ASSERT_OK(accept("uid 0"));
  ASSERT_OK(openLog());
  EXPECT_EQ(number(kms::TokenSequence::kReserved), sequence + kms::backup::Acceptance::kTokenStep);
  EXPECT_GE(number(kms::pki::CertificateSequence::kReserved), kms::backup::Acceptance::kCertificateStep);
  EXPECT_LT(number(kms::pki::CertificateSequence::kReserved), kms::KeyringCipher::kSequences);
  // The lost state may have published a list in this very second.
  const std::chrono::milliseconds lists = clock.now().time_since_epoch() + std::chrono::seconds(1);
  EXPECT_EQ(number(kms::pki::CrlPublisher::kNumber), lists.count());
  EXPECT_EQ(number(kms::pki::OcspStock::kMark), lists.count());
  EXPECT_FALSE(redeem("alice", kms::TokenKind::Enrol, base::view(pending->token))->active);
  EXPECT_FALSE(std::filesystem::exists(scratch / "restored"));
  ASSERT_OK(accept(""));  // from now on it opens unasked
  // A new token has a number that no other state of this server can have given.
  auto next = issue({"alice", kms::TokenKind::Access, {}, {}, {}});
  ASSERT_OK(next);
  EXPECT_GE(*(*vault->hold())->sequenceOf(next->accessor), kms::backup::Acceptance::kTokenStep);
}

TEST_F(SnapshotTest, AForgedRowDoesNotKeepTheServerShut) {
  ASSERT_OK(openLog());
  ASSERT_OK(addUser("alice"));
  ASSERT_OK(addUser("bob"));
  auto pending = issue({"bob", kms::TokenKind::Enrol, {}, {}, {}});
  ASSERT_OK(pending);
  ASSERT_OK(log->flush(base::Deadline::in(std::chrono::seconds(10))));
  bringBack(backup(Kind::Live));
  ASSERT_OK(store->writeAndWait([](kms::Txn& txn) -> base::Result<void> {
    auto rows = txn.list(kms::Table::Users, 0, 1);
    if (!rows) return std::move(rows).error();
    rows->front().sealed.back() ^= std::byte{1};
    return txn.put(kms::Table::Users, rows->front());
  }));
  ASSERT_OK(accept("uid 0"));
  ASSERT_OK(openLog());
  EXPECT_REASON(users->show("alice"), base::Reason::DatabaseCorrupt);
  EXPECT_FALSE(redeem("bob", kms::TokenKind::Enrol, base::view(pending->token))->active);
}

TEST_F(SnapshotTest, TakingTheNumberOffDoesNotTakeTheMarkOff) {
  ASSERT_OK(openLog());
  ASSERT_OK(addUser("alice"));
  ASSERT_OK(log->flush(base::Deadline::in(std::chrono::seconds(10))));
  bringBack(backup(Kind::Live));
  ASSERT_OK(store->writeAndWait([](kms::Txn& txn) { return txn.setNumber(kms::backup::kBackupMade, 0); }));
  std::filesystem::remove(scratch / "restored");
  EXPECT_REASON(accept(""), base::Reason::BackupOlder);
}

TEST_F(SnapshotTest, FinalBackupOpensUnasked) {
  ASSERT_OK(openLog());
  ASSERT_OK(addUser("alice"));
  auto pending = issue({"alice", kms::TokenKind::Enrol, {}, {}, {}});
  ASSERT_OK(pending);
  ASSERT_OK(log->flush(base::Deadline::in(std::chrono::seconds(10))));
  bringBack(backup(Kind::Final));
  ASSERT_OK(accept(""));
  ASSERT_OK(openLog());
  EXPECT_TRUE(redeem("alice", kms::TokenKind::Enrol, base::view(pending->token))->active);
}

TEST_F(SnapshotTest, ForgedHeaderIsRefused) {
  ASSERT_OK(openLog());
  auto made = snapshot(Kind::Final);
  ASSERT_OK(made);
  Header header = (*made)->source().header();
  bringBack(readAll((*made)->source(), 4096));
  header.users = 17;
  writeFile(scratch / "restored", *encodeHeader(header));
  EXPECT_REASON(accept("uid 0"), base::Reason::BackupForged);
  writeFile(scratch / "restored", base::asBytes("x"));
  EXPECT_REASON(accept("uid 0"), base::Reason::BackupForged);
}

TEST_F(SnapshotTest, TwoRestoresOfOneBackupShareNoEpoch) {
  ASSERT_OK(openLog());
  ASSERT_OK(addUser("alice"));
  ASSERT_OK(log->flush(base::Deadline::in(std::chrono::seconds(10))));
  const auto bytes = backup(Kind::Live);
  std::vector<base::Bytes> salts;
  for (int i = 0; i < 2; ++i) {
    bringBack(bytes);
    ASSERT_OK(accept("uid 0"));
    ASSERT_OK(addUser("new" + std::to_string(i)));
    ASSERT_OK(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      auto rows = reader.list(kms::Table::Users, 1, 10);
      salts.push_back((*reader.epoch(rows->back().epoch))->salt);
      return {};
    }));
  }
  EXPECT_NE(salts[0], salts[1]);  // the same epoch number and counter, and still another key
}

TEST_F(SnapshotTest, WritersGoOnMeanwhile) {
  ASSERT_OK(openLog());
  std::atomic<bool> done = false;
  std::atomic<long> worst = 0;
  std::atomic<long> written = 0;
  std::thread writer([&] {
    while (!done) {
      const auto begun = std::chrono::steady_clock::now();
      const auto put = store->writeAndWait([](kms::Txn& txn) { return txn.setNumber("test", 1); });
      EXPECT_OK(put);
      ++written;
      worst = std::max<long>(worst, std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::steady_clock::now() - begun)
                                        .count());
    }
  });
  std::thread large([&] {
    for (int i = 0; i < 200; ++i) {
      auto user = addUser("user" + std::to_string(i));
      EXPECT_OK(user);
    }
  });
  for (int i = 0; i < 5; ++i) {
    const auto bytes = backup(Kind::Live);
    EXPECT_OK(check(bytes).result);
  }
  large.join();
  done = true;
  writer.join();
  EXPECT_GT(written, 0);
  RecordProperty("worst_write_ms", static_cast<int>(worst));
}

TEST_F(SnapshotTest, StopsWhenItIsTold) {
  const kms::backup::Subject subject{server, "Example", clock.now(), scratch / "audit", scratch / "spool.db"};
  const std::atomic<bool> stop = true;
  EXPECT_CODE(Snapshot::take(*store, subject, Kind::Live, clock.now(), {}, stop), base::Code::Unavailable);
  EXPECT_FALSE(std::filesystem::exists(scratch / "spool.db"));
}

TEST_F(SnapshotTest, KeyOfASlotSignsAsTheOpenVaultDoes) {
  auto made = snapshot(Kind::Live);
  ASSERT_OK(made);
  const Header& header = (*made)->source().header();
  auto copy = base::MasterKey::fromBytes(key->bytes());
  auto sign = kms::backup::signerOf(header.slots, server,
                                    {*std::move(copy), std::nullopt, std::nullopt, "mock:test"});
  ASSERT_OK(sign);
  EXPECT_EQ(*(*sign)(kms::backup::signedPart(header)), *header.mac);
  auto other = base::MasterKey::generate(base::systemRng());
  EXPECT_REASON(kms::backup::signerOf(header.slots, server,
                                      {*std::move(other), std::nullopt, std::nullopt, "mock:test"}),
                base::Reason::KeyMismatch);
}

}  // namespace
}  // namespace tests
