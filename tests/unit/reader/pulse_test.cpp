// A kmsd-media that freezes while nothing is asked of it is found, and one that lives is left alone.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>

#include "tests/support/fake_child.h"
#include "tests/support/scratch.h"
#include "tests/unit/reader/client_bench.h"

namespace {

using kmsd::ReaderClient;
using namespace tests;  // NOLINT(google-build-using-namespace)

kmsd::ReaderOptions pulsing(kmsd::ReaderOptions options, Milliseconds pongTimeout) {
  options.quiet = Milliseconds(20);
  options.pongTimeout = pongTimeout;
  return options;
}

std::vector<std::string> lines(const std::filesystem::path& path) {
  std::vector<std::string> all;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) all.push_back(line);
  return all;
}

TEST(ReaderPulse, AChildThatGreetsAndNeverAnswersIsReplaced) {
  const Scratch scratch;
  Heard heard;
  const auto how = options(fakeChild(scratch / "child", "greet; exec sleep 60"));
  const auto client = ReaderClient::start(pulsing(how, Milliseconds(100)), heard.events());
  ASSERT_TRUE(client) << client.error().what;
  ASSERT_TRUE(heard.await([&] { return heard.losses.size() >= 2; }));
  (*client)->stop();
  EXPECT_NE(heard.losses[0].find("does not answer any more"), std::string::npos) << heard.losses[0];
}

TEST(ReaderPulse, AStoppedChildIsReplacedAndALiveOneStays) {
  constexpr Milliseconds kPong{1500};
  const Scratch scratch;
  std::ofstream(scratch / "a.img") << std::string(512, '\0');
  Heard heard;
  const auto how = options(kProgram, {"image:" + scratch.path().string()});
  const auto client = ReaderClient::start(pulsing(how, kPong), heard.events());
  ASSERT_TRUE(client) << client.error().what;
  ASSERT_TRUE(heard.awaitPresent(true));
  const auto live = children("kmsd-media");
  ASSERT_EQ(live.size(), 1U);
  // It tells of nothing meanwhile: without its Pongs it would be lost.
  EXPECT_FALSE(heard.await([&] { return !heard.losses.empty(); }, 2 * kPong));
  EXPECT_EQ(children("kmsd-media"), live);

  std::filesystem::remove(scratch / "a.img");
  ASSERT_TRUE(heard.await([&] {
    return std::none_of(heard.last.begin(), heard.last.end(), [](const auto& s) { return s.present; });
  }));
  ::kill(live[0], SIGSTOP);
  std::ofstream(scratch / "b.img") << std::string(512, '\0');  // only the next child can tell of it
  ASSERT_TRUE(heard.awaitPresent(true));
  EXPECT_EQ(heard.losses.size(), 1U);
  EXPECT_NE(heard.losses[0].find("does not answer any more"), std::string::npos) << heard.losses[0];
  EXPECT_NE(::kill(live[0], 0), 0);
}

// Notes each header it receives, answers Pings at once and a Scan (of request 1) after 2 s.
constexpr const char* kLively = R"(
head -c 14 <&3 >/dev/null  # Open
greet
while set -- $(head -c 9 <&3 | od -An -tu1) && [ $# -eq 9 ]; do
  echo "$*" >>"$0.got"
  case $5 in
    6) pong ;;
    2) head -c 4 <&3 >/dev/null
       sleep 2
       printf '\007\000\000\000\022\001\000\000\000\000\000' >&3 ;;
  esac
done
)";

TEST(ReaderPulse, PingsAreAnsweredAndRestWhileARequestIsUnderWay) {
  const Scratch scratch;
  Heard heard;
  const auto how = options(fakeChild(scratch / "child", kLively));
  const auto client = ReaderClient::start(pulsing(how, Milliseconds(1200)), heard.events());
  ASSERT_TRUE(client) << client.error().what;
  const auto scanned = (*client)->scan();
  EXPECT_TRUE(scanned) << scanned.error().what;
  EXPECT_TRUE(heard.losses.empty());
  const std::string ping = "5 0 0 0 6 0 0 0 0";
  const std::string scan = "9 0 0 0 2 1 0 0 0";
  std::vector<std::string> got;
  const auto pingsSince = [&] {
    got = lines(scratch / "child.got");
    return std::count(std::find(got.begin(), got.end(), scan), got.end(), ping);
  };
  const auto by = base::Deadline::in(kSoon);
  const auto lost = [&] { return heard.await([&] { return !heard.losses.empty(); }, Milliseconds(20)); };
  while (pingsSince() < 3 && !by.expired() && !lost()) continue;
  EXPECT_GE(pingsSince(), 3);
  EXPECT_FALSE(lost());
  EXPECT_EQ(std::count(got.begin(), got.end(), scan), 1);
  EXPECT_EQ(std::count(got.begin(), got.end(), ping) + 1, std::ssize(got));
}

TEST(ReaderPulse, APongThatNobodyAskedForIsRubbish) {
  const Scratch scratch;
  Heard heard;
  const auto how = options(fakeChild(scratch / "child", "greet; pong; exec sleep 60"));
  const auto client = ReaderClient::start(how, heard.events());
  ASSERT_TRUE(client) << client.error().what;
  ASSERT_TRUE(heard.await([&] { return !heard.losses.empty(); }));
  (*client)->stop();
  EXPECT_NE(heard.losses[0].find("does not speak the protocol"), std::string::npos) << heard.losses[0];
}

}  // namespace
