// Commands: seal, unseal, typed keys, many at once, and a database that cannot be used.
#include "daemon/keeper.h"

#include <future>

#include "tests/unit/reader/keeper_bench.h"

namespace {

using base::Code;
using base::Error;
using base::Reason;
using kmsd::OnRemoval;
using tests::disk;
using tests::kBackup;
using tests::kMedium;
using tests::kServer;
using tests::Milliseconds;
using tests::uuid;

class KeeperCommands : public tests::KeeperBench {
 protected:
  kmsd::UnsealRequest typed(char key) {
    kmsd::UnsealRequest request;
    request.pwd = *hal::formatPwd(tests::keyOf(key));
    return request;
  }
};

TEST_F(KeeperCommands, AfterACommandedSealOnlyANewInsertionOpens) {
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  keeper->seal();
  EXPECT_FALSE(open);
  EXPECT_EQ(keeper->status().reason, Reason::SealedByCommand);
  drives.tell();
  settle();
  EXPECT_FALSE(open);
  drives.drop();  // a new child, whose stamps are others, is no insertion
  drives.restamp("A");
  settle();
  EXPECT_FALSE(open);
  drives.pull("A");
  settle();
  EXPECT_EQ(keeper->status().reason, Reason::SealedByCommand);
  drives.insert("A", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperCommands, AMediumThatWasThereBeforeTheFirstListWaitsAfterASeal) {
  drives.insert("A", disk('k'));
  start(std::nullopt, false);
  keeper->seal();
  drives.tell();
  settle();
  settle();
  EXPECT_FALSE(open);
  EXPECT_EQ(drives.reads(), 0U);
  drives.pull("A");
  settle();
  drives.insert("A", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperCommands, AMediumThatCameWhileTheReaderWasAwayWaitsAfterASeal) {
  start();
  drives.pull("A");  // seen empty, before the seal
  settle();
  drives.drop();
  keeper->seal();
  drives.insert("A", disk('k'));  // the new child's first list
  settle();
  settle();
  EXPECT_FALSE(open);
  drives.pull("A");
  settle();
  drives.insert("A", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperCommands, ANewSlotThatCameWhileTheReaderWasAwayWaitsAfterASeal) {
  start();
  drives.pull("A");
  settle();
  drives.drop();
  keeper->seal();
  drives.replace("", "B", disk('b', kBackup));  // the new child's first list
  settle();
  settle();
  EXPECT_FALSE(open);
  drives.insert("A", disk('k'));  // seen empty since
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperCommands, AMediumInADriveThatFailedAtTheSealWaits) {
  start();
  drives.lose("A", Error{Code::Io, "the drive fails", Reason::None});
  settle();
  keeper->seal();
  drives.insert("A", disk('k'));  // not seen yet
  drives.lose("A", std::nullopt);
  settle();
  settle();
  EXPECT_FALSE(open);
  EXPECT_EQ(drives.reads(), 0U);
  drives.pull("A");
  settle();
  drives.insert("A", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperCommands, AFolderThatCouldNotBeReadAtTheSealHoldsWhatItShowsLater) {
  start();
  drives.lose("/srv/keys", Error{Code::Io, "cannot be read", Reason::None});  // under its URI's name
  settle();
  keeper->seal();
  drives.replace("/srv/keys", "/srv/keys/a", disk('k'));
  settle();
  settle();
  EXPECT_FALSE(open);
  drives.insert("/srv/keys/b", disk('k'));  // seen to be inserted
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperCommands, AFolderThatCannotBeReadForAWhileDoesNotUndoASeal) {
  start();
  drives.insert("/srv/keys/a", disk('k'));
  ASSERT_TRUE(awaitOpen());
  keeper->seal();
  drives.replace("/srv/keys/a", "/srv/keys", Error{Code::Io, "cannot be read", Reason::None});
  settle();
  drives.replace("/srv/keys", "/srv/keys/a", disk('k'));
  settle();
  settle();
  EXPECT_FALSE(open);
}

TEST_F(KeeperCommands, ADriveSeenEmptyAtTheSealOpensWithWhatIsInserted) {
  start();
  drives.pull("A");
  drives.lose("B", Error{Code::Io, "the drive fails for good", Reason::None});
  settle();
  keeper->seal();
  drives.insert("A", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperCommands, ANewSlotOpensAfterASealThoughAnotherStillFails) {
  start();
  drives.lose("B", Error{Code::Io, "the drive fails for good", Reason::None});
  settle();
  keeper->seal();
  drives.insert("C", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperCommands, ADriveThatWasNotThereAtTheSealOpensWithWhatItBrings) {
  start();
  drives.lose("", Error{Code::NotFound, "no reader is connected", Reason::AwaitingMedium});
  settle();
  keeper->seal();
  drives.replace("", "reader", disk('k'));
  EXPECT_TRUE(awaitOpen());
}

TEST_F(KeeperCommands, ADriveThatWasUnpluggedDoesNotUndoASeal) {
  start();
  drives.insert("reader", disk('k'));
  ASSERT_TRUE(awaitOpen());
  keeper->seal();
  const Error none{Code::NotFound, "no reader is connected", Reason::AwaitingMedium};
  drives.replace("reader", "", none);
  settle();
  drives.replace("", "reader", disk('k'));
  settle();
  settle();
  EXPECT_FALSE(open);  // nobody saw that the medium was changed
}

TEST_F(KeeperCommands, UnsealByCommandOpensAfterACommandedSeal) {
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  keeper->seal();
  EXPECT_TRUE(keeper->unseal({}));
  EXPECT_TRUE(open);
  EXPECT_EQ(keeper->unseal({}).error().code, Code::Conflict);
}

TEST_F(KeeperCommands, UnsealWithNothingInsertedSaysSo) {
  start();
  const auto result = keeper->unseal({});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, Reason::AwaitingMedium);
}

TEST_F(KeeperCommands, UnsealGivesThePassphraseTheMediumNeeds) {
  start();
  drives.insert("A", disk('p'));
  ASSERT_TRUE(awaitReason(Reason::PassphraseNeeded));
  kmsd::UnsealRequest request;
  request.passphrase = *base::SecretBuffer::copyOf(base::asBytes("open sesame"));
  EXPECT_TRUE(keeper->unseal(std::move(request)));
}

TEST_F(KeeperCommands, ATypedKeyOpensAndAWrongOneIsDelayed) {
  options.refusalDelayFirst = options.refusalDelayMost = std::chrono::seconds(20);
  start();
  settle();  // a slip of the keyboard costs nothing
  EXPECT_EQ(checks, 0);
  ASSERT_TRUE(keeper->unseal(typed('k')));
  keeper->seal();
  EXPECT_EQ(keeper->unseal(typed('x')).error().reason, Reason::KeyMismatch);
  EXPECT_EQ(keeper->unseal(typed('k')).error().code, Code::Denied);
  EXPECT_FALSE(open);
}

TEST_F(KeeperCommands, ManyUnsealsAtOnceOpenOnce) {
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitOpen());
  keeper->seal();
  std::vector<std::future<base::Result<void>>> all;
  for (int i = 0; i < 8; ++i)
    all.push_back(std::async(std::launch::async, [&] { return keeper->unseal({}); }));
  int won = 0;
  for (auto& one : all) {
    const auto result = one.get();
    if (result) ++won;
    EXPECT_TRUE(result || result.error().code == Code::Conflict);
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(most, 1);
  EXPECT_EQ(opened, 2);
}

TEST_F(KeeperCommands, SealsAndUnsealsFromManyThreads) {
  start();
  drives.insert("A", disk('k'));
  std::vector<std::future<void>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::async(std::launch::async, [&, i] {
      for (int n = 0; n < 25; ++n) {
        if (i % 2 == 0) {
          keeper->seal();
        } else if (const auto result = keeper->unseal({}); !result) {
          EXPECT_EQ(result.error().code, Code::Conflict) << result.error().what;
        }
        static_cast<void>(keeper->status());
        static_cast<void>(keeper->media());
      }
    }));
  }
  for (auto& one : all) one.get();
  keeper->seal();
  EXPECT_FALSE(open);
  EXPECT_TRUE(keeper->status().sealed);
}

TEST_F(KeeperCommands, AnUnsealingCutShortByASealIsNotTheDisksFault) {
  options.refusalDelayFirst = options.refusalDelayMost = std::chrono::seconds(20);
  start();
  cutShort = true;  // as a vault does that is sealed while it tries the key
  drives.insert("A", disk('k'));
  while (checks == 0) std::this_thread::yield();
  keeper->seal();
  cutShort = false;
  EXPECT_EQ(keeper->status().reason, Reason::SealedByCommand);
  EXPECT_TRUE(keeper->unseal({}));  // with no delay
  EXPECT_TRUE(refusals.empty());
}

TEST_F(KeeperCommands, WithoutADatabaseNothingIsOffered) {
  start(Error{Code::NotFound, "there is no database", Reason::DatabaseMissing});
  ASSERT_TRUE(awaitReason(Reason::DatabaseMissing));
  EXPECT_EQ(keeper->status().event, 5085);
  drives.insert("A", disk('k'));
  ASSERT_TRUE(await([&] { return moves.size() == 1; }));
  EXPECT_EQ(keeper->unseal({}).error().reason, Reason::DatabaseMissing);
  keeper->seal();
  EXPECT_EQ(keeper->status().reason, Reason::DatabaseMissing);
  EXPECT_EQ(drives.reads(), 0U);
  EXPECT_TRUE(keeper->media()[0].present);
}

TEST_F(KeeperCommands, ACorruptDatabaseIsTheDatabasesFault) {
  databaseDamaged = true;
  start();
  drives.insert("A", disk('k'));
  ASSERT_TRUE(awaitReason(Reason::DatabaseCorrupt));
  EXPECT_EQ(keeper->status().event, 5085);
  EXPECT_TRUE(refusals.empty());  // not the disk's
  databaseDamaged = false;
  EXPECT_TRUE(keeper->unseal({}));
}

TEST_F(KeeperCommands, StopLetsEveryoneGo) {
  start();
  keeper->stop();
  EXPECT_EQ(keeper->unseal({}).error().code, Code::Unavailable);
  keeper->seal();
}

}  // namespace
