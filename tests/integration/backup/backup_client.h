// kmsctl backup into a place of the test's own.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "tests/integration/backup/database.h"
#include "tests/integration/backup/hosts.h"
#include "tests/support/injection.h"

namespace tests {

class BackupClient : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    std::filesystem::create_directory(place());
  }
  std::filesystem::path place() const { return old_.safe() / "place"; }
  std::filesystem::path target() const { return place() / "kms.kdb"; }
  std::vector<std::string> command(const std::vector<std::string>& words) const {
    std::vector<std::string> all = {old_.program("kmsctl"), "--server", "unix:" + old_.socket().string()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  // `backup` stands for kmsctl backup to standard output.
  Ran shell(const std::string& script) const {
    std::string line;
    for (const std::string& word : command({"backup", "-"})) line += " '" + word + "'";
    return run({"bash", "-c", "backup() {" + line + "; }; " + script});
  }
  // With faults as strace's -e inject=.
  Ran withFaults(const std::vector<std::string>& faults, const std::vector<std::string>& words) const {
    std::vector<std::string> options = {"-f", "-o", "/dev/null"};
    for (const std::string& fault : faults) options.insert(options.end(), {"-e", "inject=" + fault});
    return run(straced(options, command(words)));
  }
  // The how manieth openat() of kmsctl it is that asks for a file without a name; nothing where strace may
  // not trace here.
  std::optional<std::size_t> unnamedOpening() const {
    const std::string trace = old_.safe() / "trace";
    const auto backup = command({"backup", (old_.safe() / "traced.kdb").string()});
    if (run(straced({"-e", "trace=openat", "-o", trace}, backup)).exit != 0) return std::nullopt;
    std::ifstream in(trace);
    std::size_t count = 0;
    for (std::string line; std::getline(in, line);) {
      ++count;
      if (line.find("O_TMPFILE") != line.npos) return count;
    }
    return std::nullopt;
  }
  // The server's copy of the one before goes a moment after its client.
  bool again() const {
    Ran ran;
    const bool done = waitUntil([&] {
      ran = old_.ctl({"backup", target()});
      return ran.exit == 0;
    });
    EXPECT_TRUE(done) << ran.err;
    return done;
  }
  void openWith(int megabytes) {
    grow(old_.data() / "security/kms.db", megabytes);
    open(old_);
  }
  // An access token of a new user, in a file that everybody may read.
  std::filesystem::path tokenOf(const std::string& user, const std::string& role) {
    EXPECT_EQ(old_.ctl({"user", "add", user, "--role", role}).exit, 0);
    const Ran made = old_.ctl({"token", "issue", "--user", user, "--scope", "kms:" + role});
    EXPECT_EQ(made.exit, 0) << made.err;
    const auto file = old_.safe() / (user + ".token");
    std::ofstream(file) << made.out;
    ::chmod(file.c_str(), 0644);
    return file;
  }
  std::string audit() const { return slurp(old_.data() / "security/audit/000001.jsonl"); }
  // One line, and nothing is left.
  void failed(const Ran& ran, int exit, const std::string& what) const {
    EXPECT_EQ(ran.exit, exit) << ran.err;
    EXPECT_TRUE(says(ran.err, what));
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    EXPECT_EQ(ran.out, "");
    for (const auto& left : std::filesystem::directory_iterator(place())) ADD_FAILURE() << left.path();
  }
  // Begins one, and sends it the signal once `begun` holds, when the server stands still; 0: lets both go on.
  Ran stopped(int signal, const std::function<bool(pid_t)>& begun) {
    const auto said = old_.safe() / "said";
    const pid_t child = ::fork();
    if (child == 0) {
      const int out = ::open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(out, 2);
      auto words = command({"backup", target()});
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    EXPECT_TRUE(waitUntil([&] { return begun(child); }));
    if (signal != 0) {
      ::kill(old_.pid(), SIGSTOP);
      ::kill(child, signal);
    }
    int status = 0;
    const bool ended = waitUntil([&] { return ::waitpid(child, &status, WNOHANG) == child; });
    EXPECT_TRUE(ended) << "it waits for the server";
    if (!ended) ::kill(child, SIGKILL);
    if (!ended) ::waitpid(child, &status, 0);
    ::kill(old_.pid(), SIGCONT);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), "", slurp(said)};
  }
  // Bytes are in the file that has no name yet, or a hidden one.
  static bool writes(pid_t process) {
    std::error_code gone;
    std::error_code closed;  // meanwhile
    const std::filesystem::path open = "/proc/" + std::to_string(process) + "/fd";
    for (const auto& one : std::filesystem::directory_iterator(open, gone)) {
      const std::string to = std::filesystem::read_symlink(one.path(), closed).string();
      struct stat found {};
      if ((to.ends_with("(deleted)") || to.ends_with(".part")) && ::stat(one.path().c_str(), &found) == 0 &&
          found.st_size > 0)
        return true;
    }
    return bool(gone);
  }
  // It has asked the server: from then on it takes signals itself.
  static bool waits(pid_t process) {
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("SigCgt:"))
        return (std::stoull(line.substr(7), nullptr, 16) >> (SIGTERM - 1) & 1U) != 0;
    return false;
  }
};

}  // namespace tests
