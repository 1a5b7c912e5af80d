// Lists of thousands, interrupted in every way and taken up again: in the end each user has exactly one
// active token, and it is the one that the report and the output tell of.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "kms/tokens/token_text.h"
#include "tests/support/server.h"

extern char** environ;  // NOLINT

namespace tests {
namespace {

constexpr int kUsers = 3000;

std::string userName(int i) { return "user" + std::to_string(i); }

std::vector<std::vector<std::string>> rowsOf(const std::filesystem::path& path) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    auto& row = rows.emplace_back();
    for (std::string field; std::getline(fields, field, '\t');) row.push_back(field);
  }
  return rows;
}

std::size_t countOf(const std::filesystem::path& path, const std::string& first) {
  std::size_t count = 0;
  for (const auto& row : rowsOf(path)) count += !row.empty() && row[0] == first ? 1U : 0U;
  return count;
}

class BulkJob : public ::testing::Test {
 protected:
  void SetUp() override {
    server.setUp();
    server.insert("key.img");
    server.start();
    server.expectState("unsealed", "");
    std::ofstream names(list);
    for (int from = 0; from < kUsers; from += 500) {
      std::vector<std::string> words = {"user", "add"};
      for (int i = from; i < from + 500; ++i) words.push_back(userName(i));
      ASSERT_EQ(server.ctl(words).exit, 0);
      for (int i = from; i < from + 500; ++i) names << userName(i) << "\n";
    }
  }
  std::vector<std::string> issue(const std::string& from) const {
    return {"token", "issue", "--users-file", from, "--output", output, "--report", report};
  }

  // kmsctl in the background, its stderr in the file `said`.
  pid_t begin(const std::vector<std::string>& words) {
    std::vector<std::string> command = {std::string(KEYDISK_BINARY_DIR) + "/kmsctl", "--server",
                                        "unix:" + server.socket().string()};
    command.insert(command.end(), words.begin(), words.end());
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 2, said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid = 0;
    EXPECT_EQ(::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    return pid;
  }
  static int end(pid_t pid) {
    int status = 0;
    EXPECT_TRUE(waitUntil([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // Whether it waits for something that a signal can end, such as an answer; the disk is none.
  static bool sleeps(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    stat >> number >> name >> state;
    return state == "S";
  }
  // As soon as the report has grown by so many bytes, without a pause that would let the moment pass.
  void awaitReport(std::uintmax_t more) const {
    std::error_code none;
    const std::uintmax_t before = std::filesystem::exists(report) ? std::filesystem::file_size(report) : 0;
    const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < by) {
      const auto size = std::filesystem::file_size(report, none);
      if (!none && size >= before + more) return;
    }
    FAIL() << "the report does not grow";
  }

  // The accessors of each user's active tokens, as the server lists them.
  std::map<std::string, std::set<std::string>> activeTokens() {
    std::map<std::string, std::set<std::string>> active;
    const Ran ran = server.ctl({"token", "list"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    std::istringstream lines(ran.out);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string accessor, user, kind, state;
      words >> accessor >> user >> kind >> state;
      if (state == "active") active[user].insert(accessor);
    }
    return active;
  }
  // Each user of the list has exactly one token, and report and output end with it.
  void expectOneEach() {
    const auto active = activeTokens();
    ASSERT_EQ(active.size(), static_cast<std::size_t>(kUsers));
    std::map<std::string, std::string> reported;
    for (const auto& row : rowsOf(report))
      if (row.size() > 2 && row[0] == "ok") reported[row[1]] = row[2];
    std::map<std::string, std::string> handedOut;
    for (const auto& row : rowsOf(output))
      if (row.size() == 3) handedOut[row[0]] = kms::accessorIn(row[1]).value_or("");
    for (const auto& [user, accessors] : active) {
      ASSERT_EQ(accessors.size(), 1U) << user;
      ASSERT_EQ(reported[user], *accessors.begin()) << user;
      ASSERT_EQ(handedOut[user], *accessors.begin()) << user;
    }
  }

  Server server;
  Scratch scratch;
  std::string list = scratch / "list";
  std::string report = scratch / "report";
  std::string output = scratch / "tokens";
  std::string said = scratch / "said";
};

TEST_F(BulkJob, AccountsForEachLineOfAListFromStdin) {
  std::string input = "# staff\r\n\r\n";
  for (int i = 0; i < kUsers; ++i) {
    input += userName(i) + "\r\n";
    if (i % 100 == 0) input += "ghost" + std::to_string(i) + "\n";
    if (i % 1000 == 0)
      input +=
          "b\x01"
          "ad\n";
  }
  const Ran first = server.ctl(issue("-"), input);
  EXPECT_EQ(first.exit, 1) << first.err;
  EXPECT_EQ(first.out, "");
  EXPECT_NE(first.err.find("3000 issued, 33 failed, "), std::string::npos) << first.err;
  EXPECT_NE(first.err.find("there is no user ghost0"), std::string::npos) << first.err;
  EXPECT_EQ(countOf(report, "ok"), 3000U);
  EXPECT_EQ(countOf(report, "failed"), 33U);
  expectOneEach();
  for (int i = 0; i < kUsers; i += 100) server.ctl({"user", "add", "ghost" + std::to_string(i)});
  const Ran second = server.ctl(issue("-"), input);
  EXPECT_EQ(second.exit, 1);
  EXPECT_NE(second.err.find("30 issued, 3 failed, 3000 skipped"), std::string::npos) << second.err;
  EXPECT_EQ(activeTokens().size(), 3030U);

  const Ran other =
      server.ctl({"token", "issue", "--kind", "enrol", "--users-file", list, "--report", report});
  EXPECT_EQ(other.exit, 9) << other.err;
  EXPECT_EQ(server.ctl({"token", "issue", "--users-file", list, "--output", output}).exit, 9);
  const auto mode = std::filesystem::status(output).permissions() & std::filesystem::perms::all;
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(BulkJob, GoesOnAfterEveryKindOfInterruption) {
  int killed = 0;
  for (const std::uintmax_t bytes : {100, 20'000, 9'000, 30'000}) {
    const pid_t pid = begin(issue(list));
    awaitReport(bytes);
    ::kill(pid, SIGKILL);
    killed += end(pid) == 128 + SIGKILL ? 1 : 0;
  }
  EXPECT_GE(killed, 2) << "the list is too short to be interrupted";
  const pid_t interrupted = begin(issue(list));
  awaitReport(5'000);
  ::kill(interrupted, SIGINT);
  const int exit = end(interrupted);
  EXPECT_TRUE(exit == 130 || exit == 0) << exit;
  if (exit == 130) {
    std::stringstream text;
    text << std::ifstream(said).rdbuf();
    EXPECT_NE(text.str().find("run the same command again"), std::string::npos) << text.str();
  }
  if (exit == 130) {
    const pid_t orphan = begin(issue(list));
    awaitReport(10'000);
    server.stop(SIGKILL);
    const int lost = end(orphan);
    EXPECT_TRUE(lost == 7 || lost == 0) << lost;
    server.start();
    server.expectState("unsealed", "");
  }
  const Ran last = server.ctl(issue(list));
  EXPECT_EQ(last.exit, 0) << last.err;
  expectOneEach();
}

TEST_F(BulkJob, RevokesTheTokensWhoseAnswerNobodyHeard) {
  // The server stands still while the batch comes in; it works it off when its sender is dead.
  ASSERT_EQ(server.ctl({"token", "issue", "--user", userName(0), "--ttl", "2h"}).exit, 0);
  ::kill(server.pid(), SIGSTOP);
  const pid_t pid = begin(issue(list));
  awaitReport(256 * 30);  // one batch is announced
  ::kill(pid, SIGKILL);
  EXPECT_EQ(end(pid), 128 + SIGKILL);
  ::kill(server.pid(), SIGCONT);
  const std::size_t asked = countOf(report, "sent");
  EXPECT_EQ(countOf(report, "ok"), 0U);
  const Ran last = server.ctl(issue(list));
  EXPECT_EQ(last.exit, 0) << last.err;
  EXPECT_EQ(countOf(report, "lost"), asked);
  // The token of another span is none of the batch's.
  auto active = activeTokens();
  EXPECT_EQ(active[userName(0)].size(), 2U);
  EXPECT_EQ(active[userName(1)].size(), 1U);
}

TEST_F(BulkJob, IssuesAgainWhatTheOutputHadNoRoomFor) {
  // The first batch fits into the report, and in part into the output, whose last line is cut short.
  std::string command = "trap '' XFSZ; ulimit -f 16; exec " + std::string(KEYDISK_BINARY_DIR) +
                        "/kmsctl --server unix:" + server.socket().string();
  for (const std::string& word : issue(list)) command += " " + word;
  const Ran full = run({"bash", "-c", command});
  EXPECT_EQ(full.exit, 8) << full.err;
  EXPECT_NE(full.err.find("cannot write " + output), std::string::npos) << full.err;
  EXPECT_NE(full.err.find("run the same command again"), std::string::npos) << full.err;
  EXPECT_EQ(countOf(report, "ok"), 0U);
  const std::size_t asked = countOf(report, "sent");
  EXPECT_GT(asked, 100U);
  const auto torn = rowsOf(output);
  ASSERT_FALSE(torn.empty());
  ASSERT_LT(torn.size(), asked);
  const Ran last = server.ctl(issue(list));
  EXPECT_EQ(last.exit, 0) << last.err;
  EXPECT_EQ(countOf(report, "lost"), asked);
  for (const auto& row : rowsOf(output)) ASSERT_EQ(row.size(), 3U) << row[0];
  expectOneEach();
}

TEST_F(BulkJob, SaysWhatItWaitsForWhenInterrupted) {
  const auto text = [&] {
    std::stringstream all;
    all << std::ifstream(said).rdbuf();
    return all.str();
  };
  std::vector<std::string> command = issue(list);
  command.insert(command.end(), {"--timeout", "4s"});
  ::kill(server.pid(), SIGSTOP);
  const pid_t pid = begin(command);
  awaitReport(256 * 30);
  // The report tells of the batch a moment before it is sent.
  EXPECT_TRUE(waitUntil([&] { return sleeps(pid); }));
  ::kill(pid, SIGINT);
  EXPECT_EQ(end(pid), 130) << text();
  EXPECT_TRUE(
      text().starts_with("kmsctl: interrupted: waiting for the answer to what was sent; Ctrl-C again"))
      << text();
  EXPECT_NE(text().find("run the same command again"), std::string::npos) << text();
  ::kill(server.pid(), SIGCONT);
  const Ran last = server.ctl(issue(list));
  EXPECT_EQ(last.exit, 0) << last.err;
  expectOneEach();
}

TEST_F(BulkJob, ANewOneTimeTokenVoidsTheLostOne) {
  const std::vector<std::string> command = {"token", "issue",    "--users-file", list,       "--kind",
                                            "enrol", "--output", output,         "--report", report};
  const pid_t pid = begin(command);
  awaitReport(20'000);
  ::kill(pid, SIGKILL);
  end(pid);
  const Ran last = server.ctl(command);
  EXPECT_EQ(last.exit, 0) << last.err;
  for (const auto& [user, accessors] : activeTokens()) ASSERT_EQ(accessors.size(), 1U) << user;
}

TEST_F(BulkJob, SaysWhereItEndedWhenTheServerIsSealed) {
  ASSERT_EQ(server.ctl({"seal"}).exit, 0);
  const Ran sealed = server.ctl(issue(list));
  EXPECT_EQ(sealed.exit, 3) << sealed.err;
  EXPECT_NE(sealed.err.find("run the same command again"), std::string::npos) << sealed.err;
  server.pull("key.img");
  server.insert("key.img");
  server.expectState("unsealed", "");
  const Ran last = server.ctl(issue(list));
  EXPECT_EQ(last.exit, 0) << last.err;
  expectOneEach();
}

TEST_F(BulkJob, RevokesByEachKindOfList) {
  const Ran issued = server.ctl({"--json", "token", "issue", "--users-file", list});
  ASSERT_EQ(issued.exit, 0) << issued.err;
  const auto document = boost::json::parse(issued.out).as_object();
  const auto& items = document.at("items").as_array();
  ASSERT_EQ(items.size(), static_cast<std::size_t>(kUsers));
  std::string accessors = "0123456789ABCDEFGHJKMNPQRS\nshort\n";
  std::string tokens;
  std::string users;
  const auto text = [&](int i, const char* name) {
    return std::string(items[static_cast<std::size_t>(i)].at(name).as_string()) + "\n";
  };
  for (int i = 0; i < 1000; ++i) accessors += text(i, "accessor");
  for (int i = 1000; i < 1900; ++i) tokens += text(i, "token");
  for (int i = 2000; i < kUsers; ++i) users += text(i, "user");
  const Ran first = server.ctl({"token", "revoke", "--accessors-file", "-", "--report", report}, accessors);
  EXPECT_EQ(first.exit, 1);
  EXPECT_NE(first.err.find("1000 revoked, 2 failed"), std::string::npos) << first.err;
  const Ran again = server.ctl({"token", "revoke", "--accessors-file", "-", "--report", report}, accessors);
  EXPECT_NE(again.err.find("0 revoked, 2 failed, 1000 skipped"), std::string::npos) << again.err;
  const std::string second = scratch / "second";
  const Ran byText = server.ctl({"token", "revoke", "--tokens-file", "-", "--report", second}, tokens);
  EXPECT_EQ(byText.exit, 0) << byText.err;
  std::stringstream held;
  held << std::ifstream(second).rdbuf();
  EXPECT_EQ(held.str().find("kms_"), std::string::npos) << "a report holds no token";
  EXPECT_EQ(server.ctl({"token", "revoke", "--users-file", "-"}, users).exit, 0);
  const auto active = activeTokens();
  EXPECT_EQ(active.size(), 100U);
  EXPECT_TRUE(active.contains(userName(1950)));
}

TEST_F(BulkJob, DrawsItsProgressOnATerminalOnly) {
  const std::string command = std::string(KEYDISK_BINARY_DIR) +
                              "/kmsctl --server unix:" + server.socket().string() +
                              " token issue --users-file " + list + " --output " + output;
  const Ran terminal = run({"script", "-qec", command, "/dev/null"});
  EXPECT_EQ(terminal.exit, 0) << terminal.out << terminal.err;
  EXPECT_NE(terminal.out.find("/3000   "), std::string::npos) << terminal.out;
  EXPECT_NE(terminal.out.find(" %   "), std::string::npos);
  EXPECT_NE(terminal.out.find("3000 issued, 0 failed"), std::string::npos);
  const Ran none = server.ctl({"token", "issue", "--users-file", list});
  EXPECT_EQ(none.exit, 0);
  EXPECT_EQ(none.err.find('\r'), std::string::npos);
  EXPECT_EQ(std::count(none.err.begin(), none.err.end(), '\n'), 1);
  EXPECT_EQ(std::count(none.out.begin(), none.out.end(), '\n'), kUsers);
}

}  // namespace
}  // namespace tests
