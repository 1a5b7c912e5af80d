// The audit log beside the vault: verified at each opening, accepted by command alone, and found broken while
// the server is open.
#include <future>
#include <thread>

#include "tests/unit/reader/keeper_bench.h"

namespace {

using base::Code;
using base::Error;
using base::Reason;
using tests::disk;
using tests::kMedium;

const Error kBroken{Code::Corrupt, "the audit log is broken: 000001.jsonl, line 4", Reason::AuditBroken};
const Error kUnwritable{Code::Unavailable, "changes are refused: No space left", Reason::AuditUnwritable};

class KeeperAudit : public tests::KeeperBench {
 protected:
  KeeperAudit() {
    verifyAudit = [this](const std::string& by, const std::function<void()>& meanwhile) {
      const std::lock_guard lock(mutex_);
      askedBy.push_back(by);
      meanwhile();
      if (!audit || (audit->reason == Reason::AuditBroken && !by.empty())) {
        audit.reset();
        return base::Result<void>();
      }
      return base::Result<void>(*audit);
    };
    brokenAudit = [this] {
      const std::lock_guard lock(mutex_);
      return audit && audit->reason == Reason::AuditBroken ? audit : std::nullopt;
    };
  }
  void setAudit(std::optional<Error> to) {
    const std::lock_guard lock(mutex_);
    audit = std::move(to);
  }
  kmsd::UnsealRequest command(bool accept, bool typed = false) {
    kmsd::UnsealRequest request;
    if (typed) request.pwd = *hal::formatPwd(tests::keyOf('k'));
    request.by = "uid 7";
    request.acceptBrokenAudit = accept;
    return request;
  }
  // What was told to the keeper is worked on, and no command was among it: those try again.
  void turn() {
    for (int i = 0; i < 2; ++i) {
      std::promise<void> answered;
      keeper->ask([&] { answered.set_value(); });
      answered.get_future().wait();
    }
  }
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return askedBy;
  }

 private:
  std::mutex mutex_;
  std::optional<Error> audit;
  std::vector<std::string> askedBy;
};

TEST_F(KeeperAudit, IsVerifiedAtEachOpeningAndAcceptedByNobody) {
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  EXPECT_EQ(asked(), std::vector<std::string>{""});
}

TEST_F(KeeperAudit, ABrokenLogSealsAgainAndBlamesNoMedium) {
  setAudit(kBroken);
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitReason(Reason::AuditBroken));
  EXPECT_FALSE(open);
  EXPECT_EQ(keeper->status().event, 5058);
  EXPECT_EQ(keeper->status().detail, kBroken.what);
  EXPECT_EQ(keeper->media().front().error, "");
  EXPECT_TRUE(refusals.empty());
  drives.insert("B", disk('k'));
  turn();
  EXPECT_EQ(asked().size(), 1U) << "no medium mends it";

  const auto refused = keeper->unseal(command(false));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::AuditBroken);
  EXPECT_FALSE(open);
  EXPECT_EQ(asked().back(), "");
  ASSERT_TRUE(keeper->unseal(command(true)));
  EXPECT_TRUE(open);
  EXPECT_EQ(asked().back(), "uid 7");
  EXPECT_FALSE(keeper->status().sealed);
}

TEST_F(KeeperAudit, ATypedKeyAcceptsToo) {
  setAudit(kBroken);
  start();
  ASSERT_FALSE(keeper->unseal(command(false, true)));
  EXPECT_EQ(keeper->status().reason, Reason::AuditBroken);
  EXPECT_FALSE(open);
  ASSERT_TRUE(keeper->unseal(command(true, true)));
  EXPECT_TRUE(open);
}

TEST_F(KeeperAudit, FoundBrokenWhileOpenItSealsUntilAccepted) {
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  keeper->lookAtAudit();
  settle();
  EXPECT_TRUE(open) << "nothing is broken";
  setAudit(kBroken);
  keeper->lookAtAudit();
  ASSERT_TRUE(awaitReason(Reason::AuditBroken));
  EXPECT_FALSE(open);
  drives.pull("A");
  drives.insert("A", disk('k'));
  turn();
  EXPECT_FALSE(open);
  EXPECT_EQ(keeper->status().reason, Reason::AuditBroken);
  ASSERT_TRUE(keeper->unseal(command(true)));
  EXPECT_TRUE(open);
  keeper->lookAtAudit();
  settle();
  EXPECT_TRUE(open) << "accepted meanwhile";
}

TEST_F(KeeperAudit, ADiskThatTakesNothingIsSaidAndTriedAgainWithoutBlame) {
  setAudit(kUnwritable);
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitReason(Reason::AuditUnwritable));
  EXPECT_FALSE(open);
  EXPECT_EQ(keeper->status().event, 5130);
  EXPECT_EQ(keeper->status().detail, kUnwritable.what) << "without the medium's name";
  EXPECT_EQ(keeper->media().front().error, "");
  EXPECT_TRUE(refusals.empty());
  const auto refused = keeper->unseal(command(true));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::AuditUnwritable) << "at once: the medium has not to wait";
  setAudit(std::nullopt);
  EXPECT_TRUE(awaitOpen()) << "by itself";
}

TEST_F(KeeperAudit, ATypedKeyAndADiskThatTakesNothing) {
  setAudit(kUnwritable);
  start();
  ASSERT_FALSE(keeper->unseal(command(false, true)));
  EXPECT_EQ(keeper->status().reason, Reason::AuditUnwritable);
  setAudit(std::nullopt);
  ASSERT_TRUE(keeper->unseal(command(false, true)));
}

// A whole log takes long to read: a watchdog gets its answer meanwhile.
TEST_F(KeeperAudit, AnswersWhileTheLogIsRead) {
  std::atomic<bool> reads = false;
  std::atomic<bool> answered = false;
  verifyAudit = [&](const std::string&, const std::function<void()>& meanwhile) {
    reads = true;
    const auto by = base::Deadline::in(std::chrono::seconds(20));
    while (!answered && !by.expired()) meanwhile();
    return base::Result<void>();
  };
  start();
  drives.insert("A", disk('k'));
  while (!reads) std::this_thread::yield();
  keeper->ask([&] { answered = true; });
  EXPECT_TRUE(awaitOpen());
  EXPECT_TRUE(answered);
}

}  // namespace
