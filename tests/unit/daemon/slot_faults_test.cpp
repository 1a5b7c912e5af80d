// What goes wrong while media are made and keys are changed, with the real programs: one clear line, an exit
// code, and nothing lost.
#include "tests/support/at_terminal.h"
#include "tests/support/disks.h"
#include "tests/support/kill_at.h"
#include "tests/unit/daemon/slot_host.h"

namespace tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

constexpr const char* kOthers = "nor does any copy of them: ";

using SlotFaults = SlotHost;

TEST_F(SlotFaults, CtrlCAtAQuestionLeavesAllAsItWas) {
  const std::string before = slots();
  for (const auto& words : {on({"rotate", "--medium", image("key.img")}),
                            on({"medium", "retire", mediumId("spare.img"), "--medium", image("key.img")}),
                            on({"rekey", image("key.img")})}) {
    const bool retires = words[1] == "retire";
    if (retires) done({"medium", "add", image("third.img"), "--medium", image("key.img")});
    const std::string held = slots();
    const Ran ran = runAtTerminal(command(words), words[0] == "rekey" ? "type 'only': " : kOthers, "\x03");
    EXPECT_EQ(ran.exit, 130) << ran.out;
    EXPECT_EQ(slots(), held);
    EXPECT_EQ(opens("key.img"), 0);
    EXPECT_EQ(opens("spare.img"), 0);
  }
  EXPECT_THAT(before, HasSubstr("\"root_generation\":1"));
}

TEST_F(SlotFaults, TheWholeIdIsAskedFor) {
  const std::string id = mediumId("spare.img");
  for (const std::string& part : {id.substr(0, 8), id.substr(0, 35), std::string("")})
    refused({"medium", "retire", part, "--medium", image("key.img")}, 2, "no medium id");
  refused({"rotate", "--medium", image("key.img"), "--drop", id.substr(0, 8)}, 2, "no medium id");
  refused({"rotate", "--medium", image("key.img"), "--drop", "11111111-2222-4333-8444-555555555555"}, 1,
          "no key slot");
  refused({"rotate", "--medium", image("key.img"), "--drop", id, "--drop", mediumId("key.img")}, 6,
          "at least one medium must stay");
}

TEST_F(SlotFaults, TheSameMediumTwiceIsOne) {
  fs::copy_file(path("key.img"), path("copy.img"));
  refused({"rotate", "--medium", image("key.img"), "--medium", image("copy.img")}, 6, "\"Acme 2\"");
  refused({"rekey", image("key.img"), "--medium", image("copy.img")}, 6, "name one with --medium");
  const Ran copied = kmsd({"medium", "copy", image("key.img"), image("key.img")});
  EXPECT_EQ(copied.exit, 2) << copied.err;
  done({"rotate", "--medium", image("key.img"), "--medium", image("copy.img"), "--medium",
        image("spare.img")});
  for (const char* name : {"key.img", "copy.img", "spare.img"}) EXPECT_EQ(opens(name), 0) << name;
}

TEST_F(SlotFaults, AnImageThatIsTooSmallOrGoneIsNotWritten) {
  makeZeros(path("small.img"), 4096);
  for (const Ran& ran : {kmsd({"medium", "copy", image("key.img"), image("small.img")}),
                         kmsd(on({"medium", "add", image("small.img"), "--medium", image("key.img")}))}) {
    EXPECT_EQ(ran.exit, 4) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("small"));
  }
  const Ran nowhere = kmsd({"medium", "copy", image("key.img"), image("none/x.img")});
  EXPECT_EQ(nowhere.exit, 5) << nowhere.err;
  fs::resize_file(path("spare.img"), 700'000);  // cut off, with the key still in it
  const Ran cut = kmsd(on({"rekey", image("spare.img"), "--medium", image("key.img")}));
  EXPECT_NE(cut.exit, 0);
  EXPECT_EQ(slotCount(), 2U);
  EXPECT_EQ(opens("key.img"), 0);
}

TEST_F(SlotFaults, SharesAreNotRekeyedAndThatSaysWhatToDo) {
  done({"medium", "add", image("a.img"), image("b.img"), "--shares", "2/2", "--medium", image("key.img")});
  refused({"rekey", image("a.img"), "--medium", image("key.img")}, 8, "medium add --shares",
          {"a.img", "b.img", "key.img"});
}

TEST_F(SlotFaults, AMediumWithAPassphraseKeepsItOrGetsAnother) {
  std::ofstream(path("words")) << "correct horse\n";
  fs::permissions(path("words"), fs::perms(0600));
  done({"medium", "add", image("third.img"), "--medium", image("key.img"), "--passphrase-file",
        path("words")});
  const std::string first = mediumId("third.img");
  const auto rekey = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words =
        on({"rekey", image("third.img"), "--medium", image("key.img"), "--no-rotate"});
    words.insert(words.end(), more.begin(), more.end());
    return command(words);
  };
  const Ran unasked = run(rekey({}));
  EXPECT_EQ(unasked.exit, 3) << unasked.err;
  EXPECT_EQ(mediumId("third.img"), first);
  const Ran kept = runAtTerminal(rekey({}), "Passphrase of Acme 3: ", "correct horse");
  EXPECT_EQ(kept.exit, 0) << kept.out;
  const std::string second = mediumId("third.img");
  EXPECT_NE(second, first);
  EXPECT_THAT(slots(), AllOf(HasSubstr("key and passphrase"), Not(HasSubstr(first))));
  std::ofstream(path("other")) << "battery staple\n";
  fs::permissions(path("other"), fs::perms(0600));
  const Ran changed =
      runAtTerminal(rekey({"--passphrase-file", path("other")}), "Passphrase of Acme 3: ", "correct horse");
  EXPECT_EQ(changed.exit, 0) << changed.out;
  const Ran wrong = runAtTerminal(rekey({}), "Passphrase of Acme 3: ", "correct horse");
  EXPECT_EQ(wrong.exit, 4) << wrong.out;
  const Ran right = runAtTerminal(command(on({"rotate", "--medium", image("third.img"), "--medium",
                                              image("key.img"), "--medium", image("spare.img")})),
                                  "Passphrase of Acme 3: ", "battery staple");
  EXPECT_EQ(right.exit, 0) << right.out;
}

// Killed when both keys count: that is shown, and the command ends it.
TEST_F(SlotFaults, AnInterruptedRekeyIsShown) {
  if (!canTrace()) GTEST_SKIP() << "may not trace another process";
  const auto rekey = command(on({"rekey", image("key.img"), "--medium", image("spare.img"), "--no-rotate"}));
  const std::string old = mediumId("key.img");
  run({"cp", "-a", path("D"), path("kept")});
  fs::copy_file(path("key.img"), path("kept.img"));
  const auto whole = runKilledAt(rekey, scratch_.path(), 0);
  ASSERT_EQ(whole.exit, 0);
  std::string listed;
  for (std::uint64_t from = 1, to = whole.changes; from <= to;) {  // a search for the moment between
    const std::uint64_t n = from + (to - from) / 2;
    fs::remove_all(path("D"));
    run({"cp", "-a", path("kept"), path("D")});
    fs::copy_file(path("kept.img"), path("key.img"), fs::copy_options::overwrite_existing);
    runKilledAt(rekey, scratch_.path(), n);
    listed = kmsd(on({"medium", "list", "--slots"})).out;
    if (listed.find("NOT ENDED") != listed.npos) break;
    if (listed.find(old) != listed.npos) from = n + 1;
    if (listed.find(old) == listed.npos) to = n - 1;
  }
  EXPECT_THAT(listed, AllOf(HasSubstr("NOT ENDED: in the place of"), HasSubstr("run 'kmsd rekey'")));
  EXPECT_THAT(slots(), HasSubstr("\"in_place_of\":\""));
  const Ran ended = run(rekey);
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("was interrupted"));
  EXPECT_EQ(slotCount(), 2U);
  EXPECT_EQ(opens("key.img"), 0);
}

}  // namespace
}  // namespace tests
