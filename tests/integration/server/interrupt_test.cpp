// Ctrl-C and SIGTERM in the commands that read and make media: one line, exit code 130, and kmsd-media ends
// by itself.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/fake_child.h"
#include "tests/support/server.h"

namespace tests {
namespace {

using ::testing::HasSubstr;

class Interrupt : public ::testing::TestWithParam<const char*> {
 protected:
  // Runs kmsd with kmsd-media in the state in which it makes the file "there", sends the signal, and gives
  // how it ended.
  Ran interrupted(const std::string& body, const std::string& command) {
    const std::string there = (server.safe() / "there").string();
    server.replaceReader(body);
    const std::string script = "'" + server.program("kmsd") + "' " + command +
                               " --config /dev/null & pid=$!\n" + "until [ -e '" + there +
                               "' ]; do sleep 0.02; done\n" + "kill -" + GetParam() + " $pid; wait $pid";
    return run({"bash", "-c", script});
  }
  Server server;
};

TEST_P(Interrupt, OfAReadingSaysThatNothingWasWritten) {
  server.setUp();
  const std::string there = (server.safe() / "there").string();
  const std::string ended = (server.safe() / "ended").string();
  // Ends when its socket does, as kmsd-media, and says so.
  const Ran ran = interrupted("greet; touch '" + there + "'; cat <&3 >/dev/null; touch '" + ended + "'",
                              "medium check image:" + (server.safe() / "key.img").string());
  EXPECT_EQ(ran.exit, 130);
  EXPECT_THAT(ran.err, HasSubstr("kmsd: interrupted; nothing was written\n"));
  EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
  EXPECT_TRUE(std::filesystem::exists(ended)) << "it was killed before it could close its medium";
}

TEST_P(Interrupt, WhileNothingAnswersEndsToo) {
  server.setUp();
  const std::string there = (server.safe() / "there").string();
  const Ran ran = interrupted("touch '" + there + "'; exec cat <&3 >/dev/null 2>&1", "medium list");
  EXPECT_EQ(ran.exit, 130);
  EXPECT_THAT(ran.err, HasSubstr("interrupted"));
}

INSTANTIATE_TEST_SUITE_P(Signals, Interrupt, ::testing::Values("INT", "TERM"),
                         [](const auto& signal) { return std::string(signal.param); });

}  // namespace
}  // namespace tests
