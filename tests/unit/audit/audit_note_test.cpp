// What somebody can do who writes both the files and the database, and has no key.
#include "kms/keys/audit_note.h"
#include "kms/store/sqlite_connection.h"
#include "tests/unit/audit/log_bench.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

class AuditNoteTest : public LogBench {
 protected:
  // One file: three entries, a checkpoint, three more and a checkpoint, one more.
  void SetUp() override {
    kms::AuditWriter writer(*store, mac, options, clock);
    ASSERT_TRUE(writer.verifyTail());
    tell(3);
    ASSERT_TRUE(writer.flush(true));
    tell(3, 3);
    ASSERT_TRUE(writer.flush(true));
    tell(1, 6);
    ASSERT_TRUE(writer.flush(false));
    expectWhole(7);
  }

  std::string atUnseal() {
    kms::AuditWriter writer(*store, mac, options, clock);
    const auto sound = writer.verifyTail();
    if (sound) return "";
    EXPECT_EQ(sound.error().reason, Reason::AuditBroken) << sound.error().what;
    return sound.error().what;
  }
  bool atUnseal(const std::string& what) { return atUnseal().find(what) != std::string::npos; }
  bool found(const std::string& what) {
    for (const auto& problem : verify().problems)
      if (problem.what.find(what) != std::string::npos) return true;
    return false;
  }
  void setHead(const kms::AuditHead& head) {
    ASSERT_TRUE(store->writeAndWait([&](kms::Txn& txn) { return txn.setAuditHead(head); }));
  }
  void dropNote() {
    store.reset();
    {
      auto db = kms::sqlite::Connection::open(scratch / "kms.db", kms::sqlite::Access::Write, 1U << 20U);
      ASSERT_TRUE(db) << db.error().what;
      ASSERT_TRUE(db->script("DELETE FROM audit_note"));
    }
    store = *kms::openSqliteStore(scratch / "kms.db");
  }

  // The only file made anew of such lines, with right numbers, a right chain and the head that fits.
  void makeAnew(const std::vector<std::string>& kept) {
    std::string text;
    kms::AuditHead head{1, 0, 0, {}};
    for (const std::string& one : kept) {
      const auto line = kms::parseAuditLine(one);
      ASSERT_TRUE(line);
      std::string made;
      if (line->checkpoint) {
        kms::appendCheckpointLine(made, ++head.number, head.hash, *line->checkpoint, line->at);
      } else {
        const std::string entry = "{" + one.substr(one.find("\"event\""));
        kms::appendAuditLine(made, ++head.number, head.hash, entry, false);
      }
      head.hash = kms::auditHash(made);
      text += made + "\n";
    }
    head.length = static_cast<std::int64_t>(text.size());
    writeAll(file(1), text);
    setHead(head);
  }
  std::vector<std::string> withoutCheckpoints() {
    auto all = lines(1);
    std::erase_if(all,
                  [](const std::string& one) { return one.find("\"checkpoint\"") != std::string::npos; });
    return all;
  }
};

TEST_F(AuditNoteTest, NamesTheLastCheckpoint) {
  ASSERT_TRUE(note());
  EXPECT_EQ(note()->segment, 1);
  EXPECT_EQ(note()->number, 8);
  EXPECT_EQ(note()->mac, *mac(kms::auditNoteMessage(options.server, 1, 8, kms::auditHash(lines(1)[7]))));
  EXPECT_EQ(atUnseal(), "");
}

TEST_F(AuditNoteTest, AllCheckpointsTakenAwayAndALineWithThem) {
  auto kept = withoutCheckpoints();
  ASSERT_EQ(kept.size(), 7U);
  kept.erase(kept.begin() + 2);
  makeAnew(kept);
  EXPECT_TRUE(atUnseal("the last checkpoint is none, but the database has noted entry 8")) << atUnseal();
  EXPECT_TRUE(found("the last checkpoint is none"));
  open = false;
  EXPECT_TRUE(found("the last checkpoint is none")) << "the numbers tell it without the key too";
}

TEST_F(AuditNoteTest, TheLastCheckpointTakenAway) {
  const auto all = lines(1);
  makeAnew({all.begin(), all.begin() + 6});
  EXPECT_TRUE(atUnseal("the last checkpoint is entry 4")) << atUnseal();
  EXPECT_TRUE(found("the last checkpoint is entry 4"));
}

TEST_F(AuditNoteTest, TheHeadAndAllFilesDeleted) {
  std::filesystem::remove(file(1));
  setHead({});
  EXPECT_TRUE(atUnseal("the last checkpoint is none")) << atUnseal();
  EXPECT_TRUE(found("the last checkpoint is none"));
}

TEST_F(AuditNoteTest, ANoteThatIsNotOfThisKey) {
  makeAnew(withoutCheckpoints());
  setNote({0, 0, {}});
  EXPECT_TRUE(atUnseal("not one of this server's key")) << atUnseal();
  EXPECT_TRUE(found("not one of this server's key"));
  auto moved = *note();
  moved.mac =
      *mac(kms::auditNoteMessage(*base::Uuid::parse("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f1"), 0, 0, {}));
  setNote(moved);
  EXPECT_TRUE(atUnseal("not one of this server's key")) << "of another server";
}

TEST_F(AuditNoteTest, NoNoteUntilAnAdministratorAccepts) {
  dropNote();
  ASSERT_FALSE(note());
  EXPECT_TRUE(found("has no note"));
  const std::string wrong = atUnseal();
  EXPECT_NE(wrong.find("the database has no note of the last checkpoint"), std::string::npos) << wrong;
  kms::AuditWriter writer(*store, mac, options, clock);
  EXPECT_FALSE(writer.verifyTail());
  ASSERT_TRUE(writer.accept("uid 0", wrong, never));
  ASSERT_TRUE(note());
  EXPECT_EQ(note()->segment, 2);
  EXPECT_EQ(atUnseal(), "");
  EXPECT_EQ(verify().problemCount, 0);
}

TEST_F(AuditNoteTest, AnAcceptanceThatNobodyProved) {
  const std::string forged = kms::auditText(clock.now(), {kms::Event::AuditAccepted, "uid 0", "", "lost"});
  std::string line;
  const auto before = head();
  kms::appendAuditLine(line, before.number + 1, before.hash, forged, false);
  kms::AuditHead after{1, before.length + static_cast<std::int64_t>(line.size()) + 1, before.number + 1,
                       kms::auditHash(line)};
  const std::string good = readAll(file(1));
  writeAll(file(1), good + line + "\n");
  setHead(after);
  EXPECT_TRUE(atUnseal("000001.jsonl, line 10: the acceptance has no sound checkpoint")) << atUnseal();
  EXPECT_TRUE(found("is an acceptance, which stands only at the beginning of a file"));

  writeAll(file(1), good);  // the same as a file of its own
  writeAll(file(2), line + "\n");
  after.segment = 2;
  after.length = static_cast<std::int64_t>(line.size()) + 1;
  setHead(after);
  EXPECT_NE(atUnseal(), "");
  EXPECT_TRUE(found("the acceptance has no sound checkpoint behind it"));
}

TEST_F(AuditNoteTest, WithoutTheKeyTheCheckpointsAreNotCalledChecked) {
  EXPECT_TRUE(verify().checkpointsChecked);
  open = false;
  EXPECT_FALSE(verify().checkpointsChecked);
  EXPECT_EQ(verify().problemCount, 0);
  kms::AuditWriter writer(*store, mac, options, clock);
  EXPECT_FALSE(writer.verifyTail());
}

}  // namespace
}  // namespace tests
