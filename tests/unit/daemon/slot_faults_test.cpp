// What goes wrong while media are made and keys are changed, with the real programs: one clear line, an exit
// code, and nothing lost.
#include "tests/support/at_terminal.h"
#include "tests/support/disks.h"
#include "tests/unit/daemon/slot_host.h"

namespace tests {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace tests
