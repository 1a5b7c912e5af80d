// A store that fails at every call in turn, jobs that run twice, and many at once.
#include <functional>
#include <thread>

#include "tests/support/faulty_store.h"
#include "tests/support/meanwhile_store.h"
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using pki::CertificateState;

class CertificateFaults : public ServiceTest {
 protected:
  void SetUp() override {
    pkiPolicy.encryptionKey = pki::KeyKind::EcdsaP256;
    ServiceTest::SetUp();
    ASSERT_OK(addUser("alice"));
    token = enrolToken("alice");
    serveOver(faulty());
  }
  void TearDown() override {
    ServiceTest::TearDown();
    faulty_.reset();
  }
  FaultyStore& faulty() {
    if (!faulty_) faulty_ = std::make_unique<FaultyStore>(*store);
    return *faulty_;
  }

  struct Counts {
    std::size_t certificates, archived, revoked, audit, heard;
    bool operator==(const Counts&) const = default;
  };
  Counts count() {
    return {rowsIn(kms::Table::Certificates), rowsIn(kms::Table::Archive), rowsIn(kms::Table::Revocations),
            outboxText().size(), listening->changes().size()};
  }
  // `act` fails wherever the store does, leaving nothing behind, and succeeds when it no longer does.
  template <class Act>
  void everyCall(Act act) {
    for (std::uint64_t n = 1; n < 500; ++n) {
      const Counts before = count();
      faulty().failAt(n);
      auto done = act();
      const bool reached = faulty().calls() >= n;
      faulty().failAt(0);
      if (done) {
        EXPECT_FALSE(reached) << "call " << n << " failed, and yet it was done";
        EXPECT_GT(n, 3U);
        return;
      }
      EXPECT_EQ(done.error().code, Code::Io) << done.error().what;
      EXPECT_TRUE(count() == before) << "call " << n << " left something behind";
    }
    FAIL() << "it never succeeds";
  }

  std::string token;
  pki::PrivateKey own = newKey();
  std::unique_ptr<FaultyStore> faulty_;
};

TEST_F(CertificateFaults, EveryVerbIsWholeOrNothing) {
  std::optional<pki::IssuedCertificate> issued;
  everyCall([&] {
    auto got = enrol("alice", token, own);
    if (got) issued = *got;
    return got;
  });
  ASSERT_TRUE(issued);
  everyCall([&] { return confirm(*issued); });
  EXPECT_EQ(state(issued->serial), CertificateState::Active);
  everyCall([&] { return encryptionPair(issued->serial); });
  const auto next = newKey();
  everyCall([&] { return renew(issued->serial, next); });
  everyCall([&] { return revoke(admin, issued->serial, pki::RevocationReason::Hold); });
  everyCall([&] { return revoke(admin, issued->serial, pki::RevocationReason::RemoveFromCrl); });
  everyCall([&] { return issue(admin, "alice", pki::Profile::Client, next); });
  everyCall([&] { return service->list(admin, "alice", "", 0); });
  EXPECT_TRUE(authenticates(*issued));
}

TEST_F(CertificateFaults, TidyingIsWholeOrNothing) {
  ASSERT_OK(enrol("alice", token, own));
  clock.advance(pkiPolicy.confirmWindow);
  everyCall([&] { return service->tidy(); });
  EXPECT_EQ(revocations().size(), 1U);
  EXPECT_EQ(listening->changes().size(), 1U);
  EXPECT_OK(enrol("alice", token, own));
}

TEST_F(CertificateFaults, AnAuthorityIsMadeWholeOrNotAtAll) {
  ASSERT_OK(tamper([](kms::Txn& txn) { return txn.erase(kms::Table::Authorities, 1); }));
  ASSERT_OK(authority->refresh(*vault, *store));
  bool made = false;
  for (std::uint64_t n = 1; n < 100 && !made; ++n) {
    faulty().failAt(n);
    auto created =
        pki::createAuthority(*vault, faulty(), *authority, clock, policy, base::systemRng(), {}, admin);
    faulty().failAt(0);
    // The last calls only read what was made.
    made = bool(created) || rowsIn(kms::Table::Authorities) == 1;
    EXPECT_EQ(rowsIn(kms::Table::Certificates), made ? 4U : 2U);
  }
  ASSERT_TRUE(made);
  ASSERT_OK(authority->refresh(*vault, *store));
  EXPECT_OK(authority->current());
}

// Runs each job twice, as the store does where another job of the batch fails.
class TwiceStore final : public kms::Store {
 public:
  explicit TwiceStore(kms::Store& inner) : inner_(inner) {}
  base::Result<void> read(const ReadJob& job) override { return inner_.read(job); }
  void write(WriteJob job, Done done) override {
    static_cast<void>(bool(inner_.writeAndWait([&](kms::Txn& txn) -> base::Result<void> {
      static_cast<void>(bool(job(txn)));
      return base::Error{Code::Io, "undone"};
    })));
    inner_.write(std::move(job), std::move(done));
  }

 private:
  kms::Store& inner_;
};

TEST_F(CertificateFaults, AJobThatRunsAgainBeginsAnew) {
  TwiceStore twice(*store);
  serveOver(twice);
  auto issued = enrol("alice", token, own);
  ASSERT_OK(issued);
  ASSERT_OK(confirm(*issued));
  ASSERT_OK(encryptionPair(issued->serial));
  ASSERT_OK(revoke(admin, issued->serial));
  EXPECT_EQ(listening->changes().size(), 1U);
  EXPECT_EQ(revocations().size(), 1U);
  EXPECT_EQ(rowsIn(kms::Table::Archive), 1U);
  EXPECT_EQ(recorded(kms::Event::CertificateIssued), 2U);
  serveOver(*store);
}

TEST_F(CertificateFaults, WhatChangesBeforeItIsFiledCounts) {
  MeanwhileStore store2(*store);
  serveOver(store2);
  ASSERT_OK(issue(admin, "alice", pki::Profile::Client, own));  // numbers are reserved
  const std::size_t rows = rowsIn(kms::Table::Certificates);

  store2.meanwhile = [&] { EXPECT_OK(changeUser(admin, "alice", {.mail = "a@example.org"})); };
  EXPECT_CODE(enrol("alice", token, own), Code::Conflict);
  store2.meanwhile = [&] { clock.advance(std::chrono::minutes(5)); };
  EXPECT_CODE(enrol("alice", token, own), Code::Unavailable);
  store2.meanwhile = [&] { vault->seal(); };
  EXPECT_REASON(enrol("alice", token, own), Reason::Sealed);
  unseal();
  store2.meanwhile = [&] { EXPECT_OK(revokeUser(admin, "alice")); };
  EXPECT_REASON(enrol("alice", token, own), Reason::TokenRefused);
  EXPECT_EQ(rowsIn(kms::Table::Certificates), rows);

  token = enrolToken("alice");
  auto issued = enrol("alice", token, own);
  ASSERT_OK(issued);
  ASSERT_OK(confirm(*issued));
  pki::CertificateService other(*vault, *store, *authority, *tokens, clock, base::systemRng(), policy,
                                pkiPolicy, {}, "Acme");
  store2.meanwhile = [&] {
    EXPECT_OK(await<pki::CertificateView>([&](auto reply) {
      other.revoke(admin, issued->serial, pki::RevocationReason::KeyCompromise, reply);
    }));
  };
  EXPECT_REASON(renew(issued->serial, newKey()), Reason::CertificateRefused);
  EXPECT_FALSE(store2.meanwhile);
  serveOver(*store);
}

TEST_F(CertificateFaults, TidyingMissesNoneThatIsFiledBehindAHigherNumber) {
  MeanwhileStore late(*store);
  serveOver(late);
  ASSERT_OK(issue(admin, "alice", pki::Profile::Client, own));  // numbers are reserved
  pki::CertificateService other(*vault, *store, *authority, *tokens, clock, base::systemRng(), policy,
                                pkiPolicy, {}, "Acme");
  clock.advance(std::chrono::hours(1));
  late.meanwhile = [&] {
    EXPECT_OK(await<pki::IssuedCertificate>(
        [&](auto reply) { other.issue(admin, "alice", pki::Profile::Client, requestFor(own), reply); }));
    EXPECT_OK(other.tidy());
  };
  ASSERT_OK(enrol("alice", token, newKey()));
  EXPECT_FALSE(late.meanwhile);
  clock.advance(pkiPolicy.confirmWindow);
  tidyCertificates();
  EXPECT_EQ(revocations().size(), 1U);
  serveOver(*store);
}

TEST_F(CertificateFaults, OfManyAtOnceOneKeyGetsTheToken) {
  serveOver(*store);
  constexpr int kThreads = 8;
  std::mutex mutex;
  std::set<base::Bytes> given;
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      const auto mine = newKey();
      for (int round = 0; round < 3; ++round) {
        auto got = enrol("alice", token, t % 2 == 0 ? own : mine);
        const std::lock_guard lock(mutex);
        if (got) given.insert(got->certificate);
        if (!got) {
          EXPECT_EQ(got.error().reason, Reason::TokenRefused) << got.error().what;
          ++refused;
        }
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(given.size(), 1U);
  EXPECT_EQ(recorded(kms::Event::CertificateIssued), 1U);
  EXPECT_GT(refused, 0);
}

TEST_F(CertificateFaults, ManyAtOnceGetSerialsThatNeverRepeat) {
  serveOver(*store);
  constexpr int kThreads = 6;
  constexpr int kEach = 40;
  std::mutex mutex;
  std::set<pki::Serial> serials;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        auto got = issue(admin, "alice", pki::Profile::Client, own);
        EXPECT_OK(got);
        if (!got) return;
        if (i % 4 == 0) {
          EXPECT_OK(revoke(admin, got->serial));
        }
        if (i % 8 == 1) {
          EXPECT_OK(service->tidy());
        }
        const std::lock_guard lock(mutex);
        serials.insert(got->serial);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(serials.size(), std::size_t{kThreads * kEach});
  const auto heard = listening->changes();
  EXPECT_EQ(heard.size(), std::size_t{kThreads * kEach / 4});
  for (std::size_t i = 1; i < heard.size(); ++i)
    EXPECT_LT(heard[i - 1].row.revocation.key, heard[i].row.revocation.key);
  std::size_t listed = 0;
  for (std::string after;;) {
    auto page = service->list(admin, "alice", after, 50);
    ASSERT_OK(page);
    listed += page->items.size();
    if (!page->next) break;
    after = *page->next;
  }
  EXPECT_EQ(listed, serials.size());
}

TEST_F(CertificateFaults, ACounterThatWasSetBackIsDamage) {
  serveOver(*store);
  ASSERT_OK(issue(admin, "alice", pki::Profile::Client, own));
  ASSERT_OK(tamper([](kms::Txn& txn) { return txn.setNumber("certificate_sequence_reserved", 1); }));
  restartAll();
  EXPECT_REASON(issue(admin, "alice", pki::Profile::Client, own), Reason::DatabaseCorrupt);
}

}  // namespace
}  // namespace tests
