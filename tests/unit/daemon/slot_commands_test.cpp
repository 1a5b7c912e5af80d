// The commands that change key slots, as they are typed, over images and with the real programs.
#include "tests/support/at_terminal.h"
#include "tests/unit/daemon/slot_host.h"

namespace tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

using SlotCommandsTest = SlotHost;

TEST_F(SlotCommandsTest, ListShowsTheSlotsWithoutAKey) {
  const Ran ran = kmsd(on({"medium", "list", "--slots"}));
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr(mediumId("key.img")), HasSubstr("\"Acme 2\""), HasSubstr("  key  "),
                             HasSubstr("last used never")));
  EXPECT_THAT(slots(), AllOf(HasSubstr("\"label\":\"Acme 1\""), HasSubstr("\"kind\":\"key\""),
                             HasSubstr("\"last_used\":null")));
  EXPECT_EQ(kmsd({"medium", "list", "--slots", "--data-dir", path("none")}).exit, 8);
}

TEST_F(SlotCommandsTest, AnAddedMediumOpens) {
  const Ran ran = done({"medium", "add", image("third.img"), "--medium", image("key.img")});
  EXPECT_THAT(ran.out, AllOf(HasSubstr("\"Acme 3\""), HasSubstr(mediumId("third.img"))));
  for (const char* medium : {"key.img", "spare.img", "third.img"}) EXPECT_EQ(opens(medium), 0) << medium;
  EXPECT_EQ(slotCount(), 3U);
  done({"medium", "add", image("fourth.img"), "--medium", image("third.img"), "--label", "Bank"});
  EXPECT_THAT(slots(), HasSubstr("\"label\":\"Bank\""));
}

TEST_F(SlotCommandsTest, AddTakesNoMediumThatIsNotFit) {
  ASSERT_EQ(kmsd({"setup", "--data-dir", path("E"), "--medium", image("other.img"), "--no-ca"}).exit, 0);
  refused({"medium", "add", image("n.img")}, 2, "--medium URI is missing");
  refused({"medium", "add", image("n.img"), "--medium", image("none.img")}, 5, "none.img");
  refused({"medium", "add", image("n.img"), "--medium", image("other.img")}, 4, "belongs to server");
  refused({"medium", "add", image("spare.img"), "--medium", image("key.img")}, 6, "--destroy-key");
  refused(
      {"medium", "add", image("key.img"), "--medium", image("key.img"), "--destroy-key", mediumId("key.img")},
      2, "holds the medium that opened the server");
  refused({"medium", "add", "prompt:", "--medium", image("key.img")}, 2, "prompt:");
  EXPECT_FALSE(fs::exists(path("n.img")));
  std::ofstream(path("small.img")) << std::string(512, '\0');
  refused({"medium", "add", image("small.img"), "--medium", image("key.img")}, 4, "small");
  std::ofstream(path("data.img")) << std::string(1'474'560, 'x');
  refused({"medium", "add", image("data.img"), "--medium", image("key.img")}, 6, "--format");
  ASSERT_EQ(run({"mformat", "-C", "-f", "1440", "-i", path("locked.img"), "::"}).exit, 0);
  fs::permissions(path("locked.img"), fs::perms(0444));
  refused({"medium", "add", image("locked.img"), "--medium", image("key.img")}, 6, "write-protected");
  EXPECT_EQ(slotCount(), 2U);
}

TEST_F(SlotCommandsTest, OneCommandAtATime) {
  const std::string lock = path("D/security/lock");
  std::ofstream(lock).close();
  fs::permissions(lock, fs::perms(0600));
  std::vector<std::string> words = {"flock", lock};
  for (const std::string& word : command(on({"medium", "add", image("n.img"), "--medium", image("key.img")})))
    words.push_back(word);
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"rotate", "--medium", image("key.img")},
        {"rekey", image("key.img"), "--medium", image("spare.img")},
        {"medium", "retire", mediumId("spare.img"), "--medium", image("key.img")}}) {
    std::vector<std::string> locked = {"flock", lock};
    for (const std::string& word : command(on(more))) locked.push_back(word);
    const Ran ran = run(locked);
    EXPECT_EQ(ran.exit, 6) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("stop it first"));
  }
  const Ran ran = run(words);
  EXPECT_EQ(ran.exit, 6) << ran.err;
  EXPECT_FALSE(fs::exists(path("n.img")));
  EXPECT_EQ(slotCount(), 2U);
}

TEST_F(SlotCommandsTest, ARetiredMediumAndAnOldCopyDoNotOpenToday) {
  fs::copy(path("D"), path("old"), fs::copy_options::recursive);
  fs::permissions(path("old"), fs::perms(0700));
  const std::string lost = mediumId("spare.img");
  const Ran ran = done({"medium", "retire", lost, "--medium", image("key.img")});
  EXPECT_THAT(ran.out, AllOf(HasSubstr("The root key is new"), HasSubstr("sealed anew"),
                             HasSubstr("all copies of it open this database no more")));
  EXPECT_EQ(opens("spare.img"), 4);
  EXPECT_EQ(opens("key.img"), 0);
  EXPECT_EQ(opens("spare.img", "old"), 0) << "the old state is its own";
  EXPECT_EQ(slotCount(), 1U);
  EXPECT_THAT(slots(), HasSubstr("\"root_generation\":2"));
  // The old slot in today's database: the key that it gives opens none of today's rows.
  run({"sqlite3", path("D/security/kms.db"),
       "ATTACH '" + path("old/security/kms.db") +
           "' AS old; DELETE FROM slots; INSERT INTO slots SELECT * FROM old.slots;"});
  const Ran mixed = kmsd({"medium", "check", image("spare.img"), "--data-dir", path("D")});
  EXPECT_EQ(mixed.exit, 8) << mixed.out << mixed.err;
  EXPECT_THAT(mixed.err, HasSubstr("damaged"));
}

TEST_F(SlotCommandsTest, RetiringWithoutANewRootKeySaysWhatThatMeans) {
  const Ran ran =
      done({"medium", "retire", mediumId("spare.img"), "--medium", image("key.img"), "--no-rotate"});
  EXPECT_THAT(ran.out, AllOf(HasSubstr("still open all of today's data"), HasSubstr("kmsd rotate")));
  EXPECT_EQ(opens("spare.img"), 4);
  EXPECT_EQ(opens("key.img"), 0);
  EXPECT_THAT(slots(), HasSubstr("\"root_generation\":1"));
}

TEST_F(SlotCommandsTest, WhatCannotBeRetired) {
  refused({"medium", "retire", "x", "--medium", image("key.img")}, 2, "no medium id");
  refused({"medium", "retire", "11111111-2222-4333-8444-555555555555", "--medium", image("key.img")}, 1,
          "no key slot");
  refused({"medium", "retire", mediumId("key.img"), "--medium", image("key.img")}, 6, "show one that stays");
  refused({"medium", "retire", mediumId("key.img"), "--medium", image("key.img"), "--no-rotate"}, 6,
          "show one that stays");
  done({"medium", "retire", mediumId("spare.img"), "--medium", image("key.img"), "--no-rotate"});
  refused({"medium", "retire", mediumId("key.img"), "--medium", image("key.img")}, 6, "last one");
}

TEST_F(SlotCommandsTest, RotateKeepsTheMediaThatAreShown) {
  done({"medium", "add", image("third.img"), "--medium", image("key.img")});
  refused({"rotate", "--medium", image("key.img"), "--medium", image("spare.img")}, 6, "\"Acme 3\"");
  const Ran ran = done({"rotate", "--medium", image("key.img"), "--medium", image("spare.img"), "--drop",
                        mediumId("third.img")});
  EXPECT_THAT(ran.out, HasSubstr(mediumId("spare.img")));
  EXPECT_EQ(opens("key.img"), 0);
  EXPECT_EQ(opens("spare.img"), 0);
  EXPECT_EQ(opens("third.img"), 4);
  const std::string before = bytes("key.img");
  done({"rotate", "--medium", image("key.img"), "--medium", image("spare.img"), "--tokens"});
  EXPECT_EQ(bytes("key.img"), before) << "media are not written";
  EXPECT_EQ(opens("key.img"), 0);
  EXPECT_THAT(slots(), HasSubstr("\"root_generation\":3"));
}

TEST_F(SlotCommandsTest, AtATerminalRotateAsksForTheOthers) {
  const auto words = command(on({"rotate", "--medium", image("key.img")}));
  const std::string question = "nor does any copy of them: ";
  const Ran kept = runAtTerminal(words, question, image("spare.img"));
  EXPECT_EQ(kept.exit, 0) << kept.out;
  EXPECT_EQ(opens("spare.img"), 0);
  const Ran left = runAtTerminal(words, question, "drop");
  EXPECT_EQ(left.exit, 0) << left.out;
  EXPECT_EQ(opens("spare.img"), 4);
  EXPECT_EQ(opens("key.img"), 0);
}

TEST_F(SlotCommandsTest, ASplitKeyStaysWhenEnoughSharesAreShown) {
  fs::remove_all(path("D"));
  const Ran made = kmsd({"setup", "--data-dir", path("D"), "--medium", image("a.img"), "--medium",
                         image("b.img"), "--medium", image("c.img"), "--shares", "2/3", "--no-ca"});
  ASSERT_EQ(made.exit, 0) << made.err;
  const Ran one = kmsd(on({"rotate", "--medium", image("a.img")}));
  EXPECT_EQ(one.exit, 6) << one.err;
  EXPECT_THAT(one.err, AllOf(HasSubstr("1 of 2 shares read"), HasSubstr("nothing was done")));
  EXPECT_THAT(slots(), HasSubstr("\"root_generation\":1"));
  done({"rotate", "--medium", image("a.img"), "--medium", image("c.img")});
  EXPECT_THAT(slots(), AllOf(HasSubstr("\"root_generation\":2"), HasSubstr("2 open together")));
  done({"medium", "add", image("whole.img"), "--medium", image("b.img"), "--medium", image("c.img")});
  done({"rotate", "--medium", image("whole.img"), "--medium", image("a.img"), "--medium", image("b.img")});
  EXPECT_EQ(opens("whole.img"), 0);
}

TEST_F(SlotCommandsTest, ARekeyedMediumHasAnotherKeyAndItsCopiesOpenNothing) {
  fs::copy_file(path("key.img"), path("copy.img"));
  const std::string old = mediumId("key.img");
  const Ran ran = done({"rekey", image("key.img"), "--medium", image("spare.img")});
  EXPECT_THAT(ran.out, AllOf(HasSubstr("All copies of " + old), HasSubstr("The root key is new")));
  EXPECT_NE(mediumId("key.img"), old);
  EXPECT_EQ(opens("key.img"), 0);
  EXPECT_EQ(opens("spare.img"), 0);
  EXPECT_EQ(opens("copy.img"), 4);
  EXPECT_EQ(slotCount(), 2U);
  EXPECT_THAT(slots(), AllOf(HasSubstr("\"root_generation\":2"), HasSubstr("\"label\":\"Acme 1\"")));
}

TEST_F(SlotCommandsTest, RekeyAsksForEachMediumBeforeItWritesAny) {
  done({"medium", "add", image("third.img"), "--medium", image("key.img")});
  refused({"rekey", image("key.img"), "--medium", image("spare.img")}, 6, "\"Acme 3\"",
          {"key.img", "spare.img", "third.img"});
  done({"rekey", image("key.img"), "--medium", image("spare.img"), "--drop", mediumId("third.img")});
  EXPECT_EQ(opens("key.img"), 0);
  EXPECT_EQ(opens("spare.img"), 0);
  EXPECT_EQ(opens("third.img"), 4);
}

TEST_F(SlotCommandsTest, CopiesShareTheFateOfTheOriginal) {
  const Ran ran = kmsd({"medium", "copy", image("key.img"), image("copy.img")});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("end it together with the original"));
  EXPECT_EQ(opens("copy.img"), 0);
  done({"medium", "retire", mediumId("key.img"), "--medium", image("spare.img")});
  EXPECT_EQ(opens("key.img"), 4);
  EXPECT_EQ(opens("copy.img"), 4);
}

TEST_F(SlotCommandsTest, RekeyingInPlaceNeedsAnotherMediumOrAWord) {
  refused({"rekey", image("key.img")}, 6, "name one with --medium");
  refused({"rekey", image("key.img"), "--medium", image("key.img")}, 6, "name one with --medium");
  refused({"rekey", image("none.img"), "--medium", image("key.img")}, 5, "none.img");
  const Ran typed =
      runAtTerminal(command(on({"rekey", image("key.img"), "--no-rotate"})), "type 'only': ", "only");
  EXPECT_EQ(typed.exit, 0) << typed.out;
  EXPECT_THAT(typed.out, HasSubstr("still open all of today's data"));
  EXPECT_EQ(opens("key.img"), 0);
  fs::permissions(path("spare.img"), fs::perms(0444));
  refused({"rekey", image("spare.img"), "--medium", image("key.img")}, 6, "write-protected");
}

}  // namespace
}  // namespace tests
