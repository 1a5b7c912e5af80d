#include "tests/support/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/fake_child.h"
#include "tests/support/programs.h"

extern char** environ;  // NOLINT

namespace tests {
namespace {

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// A child of any thread of `pid`, or 0.
pid_t childOf(pid_t pid) {
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::istringstream children(slurp(task.path() / "children"));
    pid_t child = 0;
    if (children >> child) return child;
  }
  return 0;
}

}  // namespace

bool waitTurn() { return ::poll(nullptr, 0, 20) == 0; }

Server::~Server() {
  if (pid_ != 0) stop(SIGKILL);
  // What a sanitizer says of the daemon or of kmsd-media comes out here alone.
  const std::string said = log();
  for (const char* alarm :
       {"WARNING: ThreadSanitizer", "ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"}) {
    EXPECT_EQ(said.find(alarm), std::string::npos) << said;
  }
}

void Server::setUp(Scrypt cost) {
  std::filesystem::create_directory(drive());
  std::filesystem::create_directory(safe());
  const Ran ran = run({cost == Scrypt::Least ? leastKmsd() : program("kmsd"), "setup", "--data-dir", data(),
                       "--medium", "image:" + (safe() / "key.img").string(), "--backup-medium",
                       "image:" + (safe() / "spare.img").string(), "--organisation", "Test"});
  ASSERT_EQ(ran.exit, 0) << ran.err;
}

std::string Server::program(const std::string& name) const {
  return programs_.empty() || name != "kmsd" ? builtProgram(name) : (programs_ / name).string();
}

// kmsd takes the kmsd-media that lies beside it.
void Server::replaceReader(const std::string& script) {
  programs_ = scratch_ / "programs";
  std::filesystem::create_directory(programs_);
  std::filesystem::copy_file(builtProgram("kmsd"), programs_ / "kmsd");
  fakeChild(programs_ / "kmsd-media", script);
}

void Server::insert(const std::string& name) {
  // Copied under a name that is no disk's, then renamed: as a drive shows a disk, whole or not at all.
  std::filesystem::copy_file(safe() / name, drive() / (name + ".part"));
  std::filesystem::rename(drive() / (name + ".part"), drive() / name);
}

void Server::pull(const std::string& name) { ASSERT_TRUE(std::filesystem::remove(drive() / name)); }

void Server::start(const std::vector<std::string>& options) {
  std::vector<std::string> all = {"--medium", "image:" + drive().string()};
  all.insert(all.end(), options.begin(), options.end());
  startWith(all);
}

void Server::startWith(const std::vector<std::string>& options) {
  ASSERT_EQ(pid_, 0);
  std::vector<std::string> command = {program("kmsd"), "run",      "--data-dir",
                                      data().string(), "--listen", "unix:" + socket().string()};
  command.insert(command.end(), options.begin(), options.end());
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const std::string log = scratch_ / "log";
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  ASSERT_EQ(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ASSERT_TRUE(waitUntil([&] { return ctl({"status"}).exit == 0 || ::waitpid(pid_, nullptr, WNOHANG) != 0; }))
      << this->log();
  ASSERT_EQ(::kill(pid_, 0), 0) << this->log();
}

int Server::stop(int signal) {
  ::kill(pid_, signal);
  int status = 0;
  const bool ended = waitUntil([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) {
    ADD_FAILURE() << "kmsd does not stop:\n" << log();
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status, 0);
  }
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Ran Server::kmsd(std::vector<std::string> arguments, const std::string& input) const {
  arguments.insert(arguments.begin(), program("kmsd"));
  return run(arguments, input);
}

Ran Server::ctl(std::vector<std::string> arguments, const std::string& input) const {
  arguments.insert(arguments.begin(), {program("kmsctl"), "--server", "unix:" + socket().string()});
  return run(arguments, input);
}

boost::json::value Server::ctlJson(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "--json");
  const Ran ran = ctl(arguments);
  EXPECT_EQ(ran.exit, 0) << ran.err;
  boost::system::error_code wrong;
  auto value = boost::json::parse(ran.out, wrong);
  EXPECT_FALSE(wrong) << ran.out;
  return value;
}

boost::json::object Server::status() const {
  const auto value = ctlJson({"status"});
  return value.is_object() ? value.as_object() : boost::json::object();
}

void Server::expectState(const std::string& state, const std::string& reason) {
  const auto text = [](const boost::json::object& from, const char* name) {
    const auto* member = from.if_contains(name);
    return member != nullptr && member->is_string() ? std::string(member->as_string()) : std::string();
  };
  boost::json::object last;
  EXPECT_TRUE(waitUntil([&] {
    last = status();
    return text(last, "state") == state && text(last, "reason") == reason;
  })) << "wanted "
      << state << " " << reason << ", got " << boost::json::serialize(last) << "\n"
      << log();
}

pid_t Server::readerPid() const { return childOf(pid_); }

std::string Server::log() const { return slurp(scratch_ / "log"); }

}  // namespace tests
