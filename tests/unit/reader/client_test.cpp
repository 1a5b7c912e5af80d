#include "daemon/reader_client.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <future>

#include "daemon/reader_children.h"
#include "drivers/builtin.h"
#include "hal/base/rng.h"
#include "hal/key_file.h"
#include "hal/reader_protocol.h"
#include "tests/support/fake_child.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"
#include "tests/unit/reader/client_bench.h"

namespace {

using base::Code;
using base::Reason;
using kmsd::ReaderClient;
using namespace tests;  // NOLINT(google-build-using-namespace)

base::SecretBuffer someKeyFile() {
  hal::KeyFile file{*base::MasterKey::generate(base::systemRng()), std::nullopt, false, {}};
  return *hal::formatKeyFile(file);
}

std::string statusLine(pid_t pid, const std::string& field) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(field + ":")) return line.substr(line.find_last_of("\t ") + 1);
  return {};
}

TEST(ReaderClient, WritesAndReadsAKeyDiskThroughTheChild) {
  const tests::Scratch scratch;
  const std::string uri = "image:" + (scratch / "key.img").string();
  Heard heard;
  auto client = ReaderClient::start(options(kProgram, {uri}, true), heard.events());
  ASSERT_TRUE(client) << client.error().what;
  EXPECT_FALSE((*client)->drivers().empty());
  const hal::MediumId id{"image", (scratch / "key.img").string()};
  const auto text = someKeyFile();
  const auto written = (*client)->write(id, text.bytes(), hal::Overwrite::Empty);
  ASSERT_TRUE(written) << written.error().what;
  ASSERT_TRUE(heard.awaitPresent(true));
  const auto read = (*client)->read(id);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->text(), text.text());
  const auto again = (*client)->write(id, text.bytes(), hal::Overwrite::Empty);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, Reason::MediumHoldsKey);
  const auto slots = (*client)->scan();
  ASSERT_TRUE(slots);
  EXPECT_TRUE(slots->at(0).present);
}

TEST(ReaderClient, TellsOfFilesThatComeAndGo) {
  const tests::Scratch scratch;
  Heard heard;
  auto client = ReaderClient::start(options(kProgram, {"image:" + scratch.path().string()}), heard.events());
  ASSERT_TRUE(client) << client.error().what;
  std::ofstream(scratch / "a.img") << std::string(512, '\0');
  ASSERT_TRUE(heard.awaitPresent(true));
  const auto read = (*client)->read(heard.last[0].id);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, Reason::Unformatted);
  EXPECT_FALSE((*client)->write(heard.last[0].id, {}, hal::Overwrite::Key));
  std::filesystem::remove(scratch / "a.img");
  EXPECT_TRUE(heard.await([&] {
    return std::none_of(heard.last.begin(), heard.last.end(), [](const auto& s) { return s.present; });
  }));
}

TEST(ReaderClient, RefusesWhatCannotStart) {
  const auto missing = ReaderClient::start(options("/nonexistent/kmsd-media"), {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::NotFound);
  const auto unknown = ReaderClient::start(options(kProgram, {"tape:1"}), {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::Invalid);
  EXPECT_NE(unknown.error().what.find("image:FILE"), std::string::npos);
  const auto dead = ReaderClient::start(options("/bin/true"), {});
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.error().code, Code::Io);
}

TEST(ReaderClient, StartsAgainWhenTheChildIsKilled) {
  const tests::Scratch scratch;
  std::ofstream(scratch / "a.img") << std::string(512, '\0');
  Heard heard;
  auto client = ReaderClient::start(options(kProgram, {"image:" + scratch.path().string()}), heard.events());
  ASSERT_TRUE(client) << client.error().what;
  ASSERT_TRUE(heard.awaitPresent(true));
  const auto pids = children("kmsd-media");
  ASSERT_EQ(pids.size(), 1U);
  const int before = heard.lists;
  ::kill(pids[0], SIGKILL);
  ASSERT_TRUE(heard.await([&] { return heard.losses.size() == 1 && heard.lists > before; }));
  EXPECT_NE(heard.losses[0].find("signal 9"), std::string::npos) << heard.losses[0];
  EXPECT_TRUE((*client)->scan());
}

TEST(ReaderClient, KillsAChildThatHangs) {
  const tests::Scratch scratch;
  Heard heard;
  auto how = options(kProgram, {"image:" + scratch.path().string()});
  how.readTimeout = Milliseconds(50);
  auto client = ReaderClient::start(how, heard.events());
  ASSERT_TRUE(client) << client.error().what;
  ASSERT_TRUE(heard.await([&] { return heard.lists > 0; }));
  const auto pids = children("kmsd-media");
  ASSERT_EQ(pids.size(), 1U);
  ::kill(pids[0], SIGSTOP);
  const auto slots = (*client)->scan();
  ASSERT_FALSE(slots);
  EXPECT_EQ(slots.error().code, Code::Timeout);
  ASSERT_TRUE(heard.await([&] { return heard.losses.size() == 1; }));
  EXPECT_NE(::kill(pids[0], 0), 0);
  // The next child serves again.
  const auto by = base::Deadline::in(kSoon);
  bool served = false;
  while (!served && !by.expired()) served = bool((*client)->scan());
  EXPECT_TRUE(served);
}

TEST(ReaderClient, TheChildIsShieldedAndSeesNothingOfOurs) {
  Heard heard;
  const tests::Scratch scratch;
  std::ofstream secret(scratch / "ours");  // a descriptor without close-on-exec, as a careless library has
  auto client = ReaderClient::start(options(kProgram, {"image:" + scratch.path().string()}), heard.events());
  ASSERT_TRUE(client) << client.error().what;
  const auto pids = children("kmsd-media");
  ASSERT_EQ(pids.size(), 1U);
  EXPECT_EQ(statusLine(pids[0], "NoNewPrivs"), "1");
  EXPECT_EQ(statusLine(pids[0], "Seccomp"), "2");
  std::error_code denied;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pids[0]) + "/fd", denied)) {
    const auto target = std::filesystem::read_symlink(entry.path(), denied).string();
    EXPECT_EQ(target.find("ours"), std::string::npos) << target;
  }
  client = base::Error{};  // stops it
  EXPECT_TRUE(children("kmsd-media").empty());
}

TEST(ReaderClient, AChildStartedForReadingRefusesToWrite) {
  const tests::Scratch scratch;
  const std::string script = tests::fakeChild(
      scratch / "child", "exec '" + std::string(kProgram) + "' --started-by-kmsd");  // drops --writable
  const auto client = ReaderClient::start(options(script, {"image:" + scratch.path().string()}, true), {});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::Denied);
}

struct Start {
  std::vector<std::string> uris;
  bool writable;
  std::string words;
};

TEST(ReaderClient, TellsTheChildAtItsStartWhatItMay) {
  const tests::Scratch scratch;
  const std::string said = (scratch / "said").string();
  const std::string script =
      tests::fakeChild(scratch / "child", "echo \"$*\" >'" + said + "'; greet; exec sleep 60");
  const std::string marker = "--started-by-kmsd";
  const std::string here = std::filesystem::current_path().string();
  const std::vector<Start> starts = {
      {{}, false, ""},
      {{}, true, " --writable"},
      {{"floppy:A:", "image:card:"}, false, " --read " + here + "/card:"},
      {{"x:/a/b?c=d", "floppy:/dev/fd9", "image:/k"}, false, " --read /a/b --read /k"},
      {{"card:"}, false, " --cards --nobody"},
      {{"card:A", "card:B"}, true, " --writable --cards --nobody"},
      {{"floppy:A:", "card:"}, false, " --cards"}};
  for (const Start& start : starts) {
    const auto client = ReaderClient::start(options(script, start.uris, start.writable), {});
    ASSERT_TRUE(client) << client.error().what;
    std::string line;
    std::ifstream file(said);
    std::getline(file, line);
    EXPECT_EQ(line, marker + start.words);
  }
}

// Without a URI no card is looked for, or such a kmsd-media would need the right to.
TEST(ReaderClient, CardsHaveNoUsualPlace) {
  for (const hal::DriverEntry& driver : drivers::builtin().drivers())
    EXPECT_FALSE(driver.info->scheme == "card" && driver.info->usual);
}

TEST(ReaderChildren, HasTheChildThatRunsAndTheOneBefore) {
  const tests::Scratch scratch;
  const std::string script = tests::fakeChild(
      scratch / "child", "echo $$ >>'" + (scratch / "pids").string() + "'; greet; sleep 0.1");
  Heard heard;
  auto how = options(script);
  how.children = std::make_shared<kmsd::ReaderChildren>();
  const auto client = ReaderClient::start(how, heard.events());
  ASSERT_TRUE(client) << client.error().what;
  ASSERT_TRUE(heard.await([&] { return heard.losses.size() >= 3; }));
  std::ifstream file(scratch / "pids");
  int met = 0;
  for (pid_t pid = 0; met < 3 && file >> pid; ++met) EXPECT_TRUE(how.children->has(pid)) << pid;
  EXPECT_EQ(met, 3);
  EXPECT_FALSE(how.children->has(::getpid()));
  EXPECT_FALSE(how.children->has(0));
}

TEST(ReaderClient, StartedByHandItSaysWhoStartsIt) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{kProgram}, {kProgram, "--help"}, {kProgram, "--started-by-kmsd"}}) {
    const auto ran = tests::run(arguments);
    EXPECT_EQ(ran.exit, 2);
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1);
    EXPECT_NE(ran.err.find("kmsd starts"), std::string::npos);
  }
}

struct Hostile {
  const char* name;
  const char* body;
};

class HostileChild : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileChild, IsLostAndStartedAgain) {
  const tests::Scratch scratch;
  Heard heard;
  auto how = options(tests::fakeChild(scratch / "child", GetParam().body));
  how.readTimeout = Milliseconds(50);
  auto client = ReaderClient::start(how, heard.events());
  ASSERT_TRUE(client) << client.error().what;
  const auto read = (*client)->read({"floppy", "A:"});
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().code == Code::Io || read.error().code == Code::Timeout) << read.error().what;
  EXPECT_TRUE(heard.await([&] { return heard.losses.size() >= 2; }));
  const auto by = base::Deadline::in(std::chrono::seconds(5));
  (*client)->stop();
  EXPECT_FALSE(by.expired());
  EXPECT_EQ((*client)->scan().error().code, Code::Unavailable);
}

constexpr Hostile kHostile[] = {
    {"dies", "greet; sleep 0.1"},
    {"rubbish", "greet; head -c 4096 /dev/urandom >&3; exec sleep 60"},
    {"hugeLength", "greet; printf '\\377\\377\\377\\177\\022' >&3; printf '\\0\\0\\0\\0' >&3; exec sleep 60"},
    {"wrongRequest", "greet; printf '\\005\\0\\0\\0\\024\\377\\0\\0\\0' >&3; exec sleep 60"},
    {"floods", "greet; while :; do slots; done"},
    {"requestFromChild", "greet; printf '\\011\\0\\0\\0\\002\\0\\0\\0\\0\\0\\0\\0\\0' >&3; exec sleep 60"},
};

INSTANTIATE_TEST_SUITE_P(All, HostileChild, ::testing::ValuesIn(kHostile),
                         [](const auto& at) { return std::string(at.param.name); });

TEST(ReaderClient, GivesUpAChildThatNeverAnswers) {
  const tests::Scratch scratch;
  Heard heard;
  auto how = options(tests::fakeChild(scratch / "child", "greet; exec sleep 60"));
  how.readTimeout = Milliseconds(50);
  auto client = ReaderClient::start(how, heard.events());
  ASSERT_TRUE(client) << client.error().what;
  EXPECT_EQ((*client)->read({"floppy", "A:"}).error().code, Code::Timeout);
  EXPECT_TRUE(heard.await([&] { return heard.losses.size() == 1; }));
}

TEST(ReaderClient, AllowsAWriteMoreTimeThanARead) {
  const tests::Scratch scratch;
  const std::string heard = (scratch / "heard").string();
  auto how = options(tests::fakeChild(
      scratch / "child",
      "take() { dd bs=65536 count=1 <&3 2>/dev/null; }; take >/dev/null; greet; take >>'" + heard + "'"));
  how.writable = true;
  how.readTimeout = Milliseconds(7'001);
  how.writeTimeout = Milliseconds(77'003);
  how.restartDelay = std::chrono::minutes(1);
  auto client = ReaderClient::start(how, {});
  ASSERT_TRUE(client) << client.error().what;
  const std::string text = "[config]";
  EXPECT_FALSE((*client)->write({"floppy", "A:"}, base::asBytes(text), hal::Overwrite::Empty));
  std::ifstream in(heard, std::ios::binary);
  const std::string frame{std::istreambuf_iterator<char>(in), {}};
  ASSERT_GT(frame.size(), hal::reader::kHeaderSize);
  const auto message = hal::reader::parseWrite(base::asBytes(frame).subspan(hal::reader::kHeaderSize));
  ASSERT_TRUE(message) << message.error().what;
  EXPECT_EQ(message->timeout, how.writeTimeout);
}

// Says no, and counts.
class Refuser final : public hal::Ask {
 public:
  base::Result<base::SecretBuffer> pin(const hal::PinQuestion& /*question*/) override {
    return base::Error{Code::Denied, "no"};
  }
  base::Result<bool> confirm(const std::string& /*question*/) override {
    ++asked;
    return false;
  }
  int asked = 0;
};

// Each question gives a call its time anew, so they must end.
TEST(ReaderClient, GivesUpAChildThatNeverStopsAsking) {
  const tests::Scratch scratch;
  Heard heard;
  Refuser refuser;
  auto events = heard.events();
  events.ask = &refuser;
  const std::string body =
      "ask() { printf '\\017\\0\\0\\0\\026\\001\\0\\0\\0\\001\\0\\0\\0\\002\\001\\0\\0\\0?' >&3; }\n"
      "take() { dd bs=65536 count=1 <&3 >/dev/null 2>&1; }\n"
      "take; greet; take; for i in 1 2 3 4 5 6 7 8; do ask; take; done";
  auto client = ReaderClient::start(options(tests::fakeChild(scratch / "child", body)), events);
  ASSERT_TRUE(client) << client.error().what;
  const auto read = (*client)->read({"floppy", "A:"});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::Io) << read.error().what;
  EXPECT_EQ(refuser.asked, 4);
}

TEST(ReaderClient, StopLetsAWaitingCallerGo) {
  const tests::Scratch scratch;
  auto client = ReaderClient::start(options(tests::fakeChild(scratch / "child", "greet; exec sleep 60")), {});
  ASSERT_TRUE(client) << client.error().what;
  auto read = std::async(std::launch::async, [&] { return (*client)->read({"floppy", "A:"}); });
  while (read.wait_for(Milliseconds(20)) == std::future_status::timeout) (*client)->stop();
  EXPECT_EQ(read.get().error().code, Code::Unavailable);
}

}  // namespace
